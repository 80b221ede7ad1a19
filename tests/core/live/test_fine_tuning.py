"""Training that goes on while strokes come and go."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

import scenes
from napari_unet.core.forest.linear_head import LinearHead
from napari_unet.core.live.fine_tuning import FineTuning
from napari_unet.core.network.encoder import FEATURES
from napari_unet.core.network.refiner import TAP_SCALE
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import DeviceUnavailable

CPU = torch.device("cpu")


def head_of(n_classes: int) -> LinearHead:
    """A head that says something of every value."""
    weights = np.random.default_rng(n_classes).normal(0, 0.01, (n_classes, FEATURES))
    zeros = np.zeros(FEATURES, np.float32)
    bias = np.arange(n_classes, dtype=np.float32)
    return LinearHead(zeros, zeros + 1, weights.astype(np.float32), bias)


@pytest.fixture
def tuning():
    scene = scenes.discs(0)
    dataset = make_dataset([scene.image], [scene.strokes], TrainSettings(steps=1))
    made = FineTuning(1, head_of(2), CPU, seed=0)
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
    grown = head_of(3)
    tuning.change_classes([1, 2], [1, 5, 2], grown)
    after = tuning.network.state_dict()
    assert tuning.network.config.n_classes == 3
    torch.testing.assert_close(after["head.weight"][[0, 2]], before["head.weight"])
    torch.testing.assert_close(after["head.weight"][1, :, 0, 0], grown.direct()[0][1] / TAP_SCALE)
    inside = [name for name in after if not name.startswith("head")]
    for name in inside:
        torch.testing.assert_close(after[name], before[name])
    tuning.change_classes([1, 5, 2], [2, 1], head_of(2))
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
    tuning.change_classes([1, 2], [1, 2, 5], head_of(3))
    assert math.isfinite(tuning.step())
    assert asked == [4, 2, 2]
    assert tuning.steps == 2


@torch.no_grad()
def test_it_begins_with_what_the_head_says(tuning):
    network = tuning.average.network.eval()
    x = torch.from_numpy(scenes.discs(0).image)[None, None].float()
    taps = network.encoder(x)
    said = network._linear(taps, (slice(0, 64),) * 2, x.shape[2:]).softmax(dim=1)[0]
    torch.testing.assert_close(said, head_of(2).predict_taps(taps, (64, 64)), atol=1e-4, rtol=0)
