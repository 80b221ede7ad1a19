"""Training in 3D from strokes on a few slices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

import napari_unet as nu
from napari_unet.core.events import Notice
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.pooling import pooling_for
from napari_unet.core.training.data_parallel import Replicas
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.patch_sampler import PatchSource, volume_sides
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.train import train_events
from napari_unet.core.training.trainer import patch_source
from napari_unet.errors import InvalidInput
from scenes import BALLS_VOXEL, balls, iou, volume_network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained() -> nu.Model:
    """A model trained on strokes on three slices."""
    scene = balls(0)
    return nu.train(
        scene.image,
        scene.strokes,
        dimensions=3,
        voxel_size=BALLS_VOXEL,
        steps=125,
        device="cpu",
        pixel_unit="micrometer",
    )


def small_training(**settings) -> nu.Model:
    """Two steps on a corner of the balls."""
    scene = balls(0)
    corner = np.s_[2:10, 4:36, 4:36]
    image, strokes = scene.image[corner], scene.strokes[corner]
    given = {"dimensions": 3, "voxel_size": BALLS_VOXEL, "steps": 2, "device": "cpu"}
    return nu.train(image, strokes, **given | settings)


class TestBalls:
    def test_are_found_in_another_volume(self, trained):
        """A threshold reaches 0.25, all voxels as balls 0.11; planes one by one about 0.35."""
        scene = balls(1)
        found = nu.predict(trained, scene.image, device="cpu")
        assert found.shape == scene.image.shape
        assert iou(found, scene.truth, 2) > 0.5
        assert (found == 2)[scene.truth == 2].mean() > 0.85

    def test_are_found_on_slices_without_strokes(self, trained):
        scene = balls(0)
        found = nu.predict(trained, scene.image, device="cpu")
        assert iou(found[[5, 7]], scene.truth[[5, 7]], 2) > 0.6

    def test_the_model_says_what_it_was_trained_on(self, trained):
        network = trained.header.network
        assert network.ndim == 3
        assert network.pooling == pooling_for(BALLS_VOXEL, 3)
        assert trained.header.pixel_size == BALLS_VOXEL
        assert trained.header.pixel_unit == "micrometer"
        assert trained.header.history[0].curve[0].held_out

    def test_a_saved_model_predicts_the_same_and_trains_on(self, trained, tmp_path):
        trained.save(tmp_path / "balls.unet")
        loaded = nu.load_model(tmp_path / "balls.unet")
        assert loaded.header == trained.header
        scene = balls(1)
        np.testing.assert_array_equal(
            nu.predict(loaded, scene.image, device="cpu"),
            nu.predict(trained, scene.image, device="cpu"),
        )
        further = nu.train(scene.image, scene.strokes, model=loaded, steps=1, device="cpu")
        assert further.header.network == trained.header.network
        assert further.header.pixel_size == BALLS_VOXEL
        assert len(further.header.history) == 2


class TestTraining:
    @pytest.fixture(autouse=True)
    def _thin(self, monkeypatch):
        """Let networks train fast: 8 channels of 16 at the first level, or 4 of 64."""
        for name, channels in (("compact", 8), ("unet2015", 4)):
            recipe = replace(PRESETS[name], base_channels=channels)
            monkeypatch.setitem(PRESETS, name, recipe)

    def test_can_be_repeated_exactly(self):
        first, second = small_training(), small_training()
        for name, value in first.weights.items():
            assert torch.equal(value, second.weights[name])
        other = small_training(seed=1)
        assert any(not torch.equal(v, other.weights[n]) for n, v in first.weights.items())

    def test_unet2015_takes_the_same_way(self):
        model = small_training(preset="unet2015", steps=1, voxel_size=(50.0, 1.0, 1.0))
        assert model.header.network.base_channels == 4
        assert not model.header.network.pad_in_training

    def test_dense_labels_of_objects(self):
        scene = balls(0)
        labels = (scene.truth == 2).astype(np.uint8)
        labels[:, :, 23:] *= 2
        model = nu.train(
            scene.image,
            labels,
            label_kind="instances",
            dimensions=3,
            voxel_size=BALLS_VOXEL,
            steps=1,
            device="cpu",
        )
        assert [entry.id for entry in model.classes] == [0, 1]

    def test_without_a_voxel_size_it_says_that_voxels_are_taken_for_cubes(self):
        with pytest.warns(UserWarning, match="taken for cubes"):
            model = small_training(voxel_size=None, steps=1)
        assert model.header.network.poolings == ((2, 2, 2),) * 3
        assert model.header.pixel_size is None

    def test_goes_on_with_less_where_memory_runs_out(self, monkeypatch):
        scene = balls(0)
        plain, most = Replicas.backward, 40_000

        def limited(replicas, batch):
            if batch.weights.numel() > most:
                raise torch.OutOfMemoryError("out of memory")
            return plain(replicas, batch)

        monkeypatch.setattr(Replicas, "backward", limited)
        settings = {"dimensions": 3, "voxel_size": BALLS_VOXEL, "steps": 1, "device": "cpu"}
        settings["preset"] = "compact"
        texts = [
            event.text
            for event in train_events(scene.image, scene.strokes, **settings)
            if isinstance(event, Notice)
        ]
        assert "batches of 1" in texts[0]
        most = 10_000
        texts = [
            event.text
            for event in train_events(scene.image, scene.strokes, **settings)
            if isinstance(event, Notice)
        ]
        assert "6 x 24 x 24" in texts[1]

    @pytest.mark.parametrize(
        ("settings", "message"),
        [
            ({"dimensions": 4}, "dimensions"),
            ({"voxel_size": (0, 1, 1)}, "voxel_size"),
            ({"voxel_size": (1, 1)}, "voxel_size"),
            ({"dimensions": 2}, "voxel size is for volumes"),
            ({"pixel_size": (1.0, 1.0)}, "pixel size is for planes"),
        ],
    )
    def test_settings_that_do_not_fit_are_refused_in_a_sentence(self, settings, message):
        with pytest.raises(InvalidInput, match=rf"{message}.*\.$"):
            small_training(**settings)


class TestPatches:
    def dataset(self, shape=(12, 48, 40)):
        labels = np.zeros(shape, np.uint8)
        labels[1, 2, 3:20], labels[-2, -3, -20:-3] = 1, 2
        settings = TrainSettings(steps=1, dimensions=3, voxel_size=BALLS_VOXEL, w0=0)
        return make_dataset([np.random.default_rng(0).normal(size=shape)], [labels], settings)

    def source(self, dataset, side, config=None) -> PatchSource:
        return PatchSource(
            dataset,
            config or volume_network(BALLS_VOXEL),
            side=side,
            elastic=0.0,
            balance_exponent=1.0,
            device=CPU,
            voxel_size=BALLS_VOXEL,
        )

    def test_are_cubes_in_space_as_far_as_the_volume_allows(self):
        large = self.dataset((40, 150, 150))
        assert volume_sides(large, 64**3, BALLS_VOXEL) == (25, 101, 101)
        flat = self.dataset((4, 150, 150))
        assert volume_sides(flat, 10_000, BALLS_VOXEL) == (4, 50, 50)

    def test_fit_the_network_and_the_volume(self):
        source = self.source(self.dataset(), (99, 99, 99))
        assert source.sides == (12, 48, 40)
        config = volume_network(BALLS_VOXEL, depth=3).model_copy(update={"pad_in_training": False})
        batch = self.source(self.dataset(), (4, 9, 9), config).draw(
            2, torch.Generator().manual_seed(0)
        )
        lost = [a - b for a, b in zip(batch.images.shape[2:], batch.classes.shape[1:], strict=True)]
        assert lost == [2 * margin for margin in config.margins]

    def test_show_both_classes_evenly_and_nothing_else(self):
        source = self.source(self.dataset(), (4, 16, 16))
        batch = source.draw(100, torch.Generator().manual_seed(0))
        assert batch.images.shape == (100, 1, 4, 16, 16)
        weighs = (batch.weights > 0).flatten(1)
        assert weighs.any(1).float().mean() > 0.9
        shown = ((batch.weights > 0) & (batch.classes == 1)).flatten(1).any(1).float().mean()
        assert 0.35 < shown < 0.65

    @pytest.mark.parametrize("preset", ["compact", "unet2015"])
    @pytest.mark.parametrize("kind", ["scribbles", "classes"])
    def test_of_the_presets_hold_the_voxels_they_say(self, preset, kind):
        settings = TrainSettings(
            steps=1, dimensions=3, voxel_size=BALLS_VOXEL, preset=preset, label_kind=kind
        )
        config = PRESETS[preset].network(1, 2, voxel_size=BALLS_VOXEL)
        sides = patch_source(self.dataset((64, 200, 200)), config, settings, CPU).sides
        strokes = kind == "scribbles"
        voxels = PRESETS[preset].stroke_voxels if strokes else PRESETS[preset].voxels
        assert np.prod(sides) == pytest.approx(voxels, rel=0.4)
