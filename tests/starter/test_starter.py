"""The starter: what ships answers better than a forest on scenes it never saw, and can be made."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

sys.path.insert(0, str(Path(__file__).parents[2]))

from starter.episodes import episode, write_episodes

from napari_unet.core.models.starter import starter_weights
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.unet import UNet
from starter import train

CPU = torch.device("cpu")
UNSEEN = 7  # a seed of neither the training's nor the validation's episodes


def done(path: str):
    """A future that has its result."""
    from concurrent.futures import Future

    future: Future[str] = Future()
    future.set_result(path)
    return future


def test_an_episode_is_drawn_from_its_number(tmp_path):
    first, again, other = episode(UNSEEN, 3), episode(UNSEEN, 3), episode(UNSEEN, 4)
    np.testing.assert_array_equal(first.guides, again.guides)
    assert first.images.shape == other.images.shape == (2, 192, 192)
    assert first.guides.shape[1:] == (2, 192, 192)
    assert not np.array_equal(first.images, other.images)


def test_the_shipped_weights_improve_the_forest_on_unseen_scenes(tmp_path):
    path = write_episodes(str(tmp_path), UNSEEN, 0, 16)
    pool = train.Pool([done(path)])
    pool.grow(1)
    network = UNet(PRESETS["compact"].network(1, 2, guided=True))
    network.load_state_dict(network.state_dict() | starter_weights(1))
    ours, forest = train.validate(network.eval(), pool, CPU, torch.float32)
    assert ours > forest


@pytest.mark.slow
def test_the_script_trains_and_can_be_repeated(tmp_path, monkeypatch):
    monkeypatch.setattr(train, "_SHARD", 2)
    found = []
    for name in ("a", "b"):
        options = argparse.Namespace(
            output=tmp_path / f"{name}.safetensors", steps=4, shards=3, threads=1, device="cpu"
        )
        paths = [write_episodes(str(tmp_path), 1, shard, 2) for shard in (0, 1)]
        paths += [write_episodes(str(tmp_path), 0, shard, 2) for shard in range(3)]
        train.train(train.deque(map(done, paths)), options)
        found.append(load_file(options.output))
    shipped = starter_weights(1)
    assert {name: value.shape for name, value in found[0].items()} == {
        name: value.shape for name, value in shipped.items()
    }
    assert all(torch.equal(value, found[1][name]) for name, value in found[0].items())
