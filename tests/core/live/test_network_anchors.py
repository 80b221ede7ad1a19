"""What the first answer is sure of around the strokes, and what is made of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import scenes
from napari_unet import LiveTrainer
from napari_unet.core.images.box import Tile
from napari_unet.core.live.live_dataset import laid_out
from napari_unet.core.live.network_anchors import Anchors, sure_of, tiles_around
from napari_unet.core.live.stroke_book import StrokeBook


def _live(strokes: np.ndarray | None = None) -> LiveTrainer:
    scene = scenes.discs(0)
    live = LiveTrainer([scene.image], clock=itertools.count().__next__)
    live.set_labels(0, scene.strokes if strokes is None else strokes)
    live.run(0)
    return live


@pytest.fixture(scope="module")
def live() -> LiveTrainer:
    return _live()


def test_tiles_are_around_strokes_half_of_them_around_the_newest():
    book = StrokeBook()
    book.add_image((400, 700))
    book.add_image((300, 300))
    old, new = np.zeros((400, 700), np.uint8), np.zeros((300, 300), np.uint8)
    old[5:8, 600:620] = 1
    new[290, 3:9] = 2
    book.update(0, old)
    book.mark_newest(book.update(1, new))
    tiles = tiles_around(book, np.random.default_rng(0))
    assert len(tiles) == 8
    assert sum(image == 1 for image, _ in tiles) >= 4
    for image, tile in tiles:
        assert (book.labels[image][tile.slices] > 0).any()
        for (start, stop), size in zip(tile.ranges, book.labels[image].shape, strict=True):
            assert start % 16 == 0
            assert 0 <= start < stop <= size


def test_says_the_class_where_the_first_answer_is_sure(live):
    tile = Tile((16, 48), (0, 40))
    first_answer = live._judge.class_map(0, live.model())
    said = sure_of(3, tile, first_answer)
    probabilities = first_answer.probabilities(tile)
    assert (said.image, said.tile, said.classes.shape) == (3, tile, (32, 40))
    sure = probabilities.max(axis=0) > 0.65
    assert sure.any() and not sure.all()
    assert (said.classes[sure] == probabilities.argmax(axis=0)[sure]).all()
    assert (said.classes[~sure] == -1).all()


def test_tiles_are_laid_where_the_dataset_has_them():
    scene = scenes.discs(0)
    image = np.pad(scene.image, 400)
    strokes = np.pad(scene.strokes, 400)
    live = LiveTrainer([image[400:420], image], clock=itertools.count().__next__)
    live.set_labels(1, strokes)
    live.run(0)
    dataset = live._dataset
    tile = Tile((400, 464), (384, 480))
    classes = np.arange(64 * 96, dtype=np.int16).reshape(64, 96)
    (laid,) = laid_out([Anchors(1, tile, classes)], live._book, dataset.classes)
    assert laid.shape == dataset.targets[0].classes.shape
    at = np.argwhere(laid == 0)[0]
    assert (laid[at[0] : at[0] + 64, at[1] : at[1] + 96] == classes).all()
    assert (laid >= 0).sum() == classes.size
    painted = dataset.targets[0].classes >= 0
    inside = painted[at[0] : at[0] + 64, at[1] + 16 : at[1] + 80]
    assert (inside == (scene.strokes > 0)).all()


def _anchored_pixels(live: LiveTrainer) -> int:
    ((_, target),) = live._tuning._source._images
    return int(torch.isclose(target[1], torch.tensor(0.1)).sum())


def _until_trained(live: LiveTrainer) -> None:
    steps = live._tuning.steps
    for _ in range(100):
        live.advance()
        if live._tuning.steps > steps:
            return
    raise AssertionError("no step in 100 pieces of work")


def test_the_network_is_held_to_the_first_answer_from_its_first_step():
    live = _live()
    _until_trained(live)
    assert _anchored_pixels(live) > 500


def test_strokes_themselves_are_no_anchors():
    live = _live()
    _until_trained(live)
    ((_, target),) = live._tuning._source._images
    painted = live._dataset.targets[0].trained
    assert (target[1].numpy()[painted] > 0.1).all()
