from __future__ import annotations

import pytest
from pydantic import ValidationError

from napari_unet.core.network.config import PRESETS, UNetConfig
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput


class TestTrainSettings:
    def test_the_elastic_deformation_and_the_border_weights_are_the_papers(self):
        """Ronneberger et al. 2015, section 3.1 (10 px) and equation 2 (w0 = 10, sigma = 5)."""
        settings = TrainSettings.checked(steps=1)
        assert (settings.elastic, settings.w0, settings.sigma) == (10, 10, 5)

    @pytest.mark.parametrize("budget", [{}, {"seconds": 1, "steps": 1}])
    def test_have_one_budget(self, budget):
        with pytest.raises(InvalidInput, match="either in seconds or in steps"):
            TrainSettings.checked(**budget)

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("steps", 0),
            ("steps", -3),
            ("steps", 1.5),
            ("seconds", 0),
            ("seconds", float("nan")),
            ("seconds", "soon"),
            ("label_kind", "dense"),
            ("preset", "huge"),
            ("device", "tpu"),
            ("seed", -1),
            ("seed", 2**64),
            ("learning_rate", 0),
            ("elastic", -1),
            ("w0", -1),
            ("sigma", 0),
            ("momentum", 0.9),
        ],
    )
    def test_a_wrong_value_is_named_in_one_sentence(self, name, value):
        budget = {} if name in ("steps", "seconds") else {"steps": 1}
        with pytest.raises(InvalidInput, match=rf"^{name}: .*\.$") as caught:
            TrainSettings.checked(**budget, **{name: value})
        assert "\n" not in str(caught.value)

    def test_cannot_be_changed(self):
        with pytest.raises(ValidationError):
            TrainSettings.checked(steps=1).steps = 2


class TestUNetConfig:
    @pytest.mark.parametrize(("depth", "stride", "margin"), [(1, 2, 8), (2, 4, 20), (4, 16, 92)])
    def test_stride_and_margin(self, depth, stride, margin):
        """Depth 4: 2 px a convolution at levels of 1, 2, 4, 8 px twice, and of 16 px once."""
        config = PRESETS["compact"].network(1, 2).model_copy(update={"depth": depth})
        assert (config.strides[-1], config.margins[-1]) == (stride, margin)

    @pytest.mark.parametrize(
        "change", [{"depth": 0}, {"depth": 99}, {"n_classes": 1}, {"in_channels": 0}, {"else": 1}]
    )
    def test_refuses_what_is_no_network(self, change):
        values = PRESETS["compact"].network(1, 2).model_dump() | change
        with pytest.raises(ValidationError):
            UNetConfig(**values)

    def test_unet2015_is_the_papers_network(self):
        """Ronneberger et al. 2015, section 2 and figure 1: 64 to 1024 channels, unpadded."""
        config = PRESETS["unet2015"].network(1, 2)
        assert config.base_channels * config.strides[-1] == 1024
        assert not config.batch_norm
        assert not config.pad_in_training
        assert PRESETS["unet2015"].patch == 388
        assert PRESETS["unet2015"].batch == 1
