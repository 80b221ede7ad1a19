"""Training that goes on while strokes come and go."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import scenes
from napari_unet.core.live.fine_tuning import FineTuning
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.networks import drawn
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import DeviceUnavailable

CPU = torch.device("cpu")


@pytest.fixture
def tuning():
    scene = scenes.discs(0)
    dataset = make_dataset([scene.image], [scene.strokes], TrainSettings(steps=1))
    made = FineTuning(drawn(PRESETS["compact"].network(1, 2), 0), CPU, seed=0, learning_rate=1e-3)
    made.set_data(dataset)
    yield made
    made.close()


def test_the_loss_falls(tuning):
    losses = [tuning.step() for _ in range(40)]
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])


def test_classes_that_stay_keep_their_weights(tuning):
    for _ in range(3):
        tuning.step()
    before = tuning.average.network.state_dict()
    tuning.change_classes([1, 2], [1, 5, 2])
    after = tuning.network.state_dict()
    assert tuning.network.config.n_classes == 3
    torch.testing.assert_close(after["head.weight"][[0, 2]], before["head.weight"])
    torch.testing.assert_close(
        after["contracting.0.convolutions.0.weight"],
        before["contracting.0.convolutions.0.weight"],
    )
    tuning.change_classes([1, 5, 2], [2, 1])
    torch.testing.assert_close(
        tuning.network.state_dict()["head.bias"], before["head.bias"][[1, 0]]
    )


def test_a_loss_that_is_none_goes_back_to_the_averaged_weights(tuning):
    tuning.step()
    good = {name: value.clone() for name, value in tuning.average.network.state_dict().items()}
    with torch.no_grad():
        tuning.network.head.bias[:] = torch.nan
    assert math.isnan(tuning.step())
    torch.testing.assert_close(tuning.network.state_dict()["head.bias"], good["head.bias"])
    assert math.isfinite(tuning.step())


def test_memory_that_runs_out_makes_batches_smaller_until_nothing_fits(tuning, monkeypatch):
    asked = []

    def fail(count, generator):
        asked.append((count, tuning._source.side))
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory")

    monkeypatch.setattr(tuning._source, "draw", fail)
    with pytest.raises(DeviceUnavailable, match="smallest patch"):
        for _ in range(20):
            assert math.isnan(tuning.step())
            assert "memory ran out" in tuning.trouble
    assert [count for count, _ in asked[:3]] == [4, 2, 1]
    assert asked[-1][1] < asked[0][1]


def test_batches_stay_small_when_classes_change(tuning, monkeypatch):
    draw, asked = tuning._source.draw, []

    def limited(count, generator):
        asked.append(count)
        if count > 2:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return draw(count, generator)

    monkeypatch.setattr(tuning._source, "draw", limited)
    assert math.isnan(tuning.step())
    assert math.isfinite(tuning.step())
    tuning.change_classes([1, 2], [1, 2, 5])
    assert math.isfinite(tuning.step())
    assert asked == [4, 2, 2]
    assert tuning.steps == 2
