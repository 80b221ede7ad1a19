"""What was shown before the newest strokes, and what is made of it."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import scenes
from napari_unet import LiveTrainer
from napari_unet.core.events import Shown
from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.images.box import Tile
from napari_unet.core.live.live_dataset import laid_out
from napari_unet.core.live.network_anchors import Anchors, FormerAnswer, tiles_around
from napari_unet.core.live.stroke_book import StrokeBook

CPU = torch.device("cpu")


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
    tiles = tiles_around(book, 16, np.random.default_rng(0))
    assert len(tiles) == 8
    assert sum(image == 1 for image, _ in tiles) >= 4
    for image, tile in tiles:
        assert (book.labels[image][tile.slices] > 0).any()
        for (start, stop), size in zip(tile.ranges, book.labels[image].shape, strict=True):
            assert start % 16 == 0
            assert 0 <= start < stop <= size


def _asked(live: LiveTrainer, today: ClassMap | None = None) -> Anchors:
    said_now = live._judge.class_map(0, live.model())
    planes = [blocks.plane for blocks in live._features]
    former = FormerAnswer(live.model(), {0: said_now}, [(0, Tile((16, 48), (0, 40)))], planes, CPU)
    former.ask(lambda image: today or said_now)
    assert not former.pending
    (said,) = former.said
    return said


def test_says_the_class_where_it_was_sure(live):
    said = _asked(live)
    probabilities = live.predict_probabilities(scenes.discs(0).image)[:, 16:48, :40]
    assert said.classes.shape == (32, 40)
    sure, unsure = probabilities.max(axis=0) > 0.67, probabilities.max(axis=0) < 0.63
    assert sure.any() and unsure.any()
    assert (said.classes[unsure] == -1).all()
    kept = said.classes >= 0
    assert (kept & sure).sum() > 0.8 * sure.sum()
    assert (said.classes == probabilities.argmax(axis=0))[kept].all()


def test_says_nothing_where_the_classifier_of_today_is_sure_of_another_class(live):
    swapped = np.choose(scenes.discs(0).strokes, [0, 2, 1]).astype(np.uint8)
    other = _live(swapped)
    said = _asked(live, today=other._judge.class_map(0, other.model()))
    assert (said.classes >= 0).sum() < 0.5 * (_asked(live).classes >= 0).sum()


def test_an_image_without_a_map_is_not_asked_about(live):
    planes = [blocks.plane for blocks in live._features]
    former = FormerAnswer(live.model(), {}, [(0, Tile((0, 16), (0, 16)))], planes, CPU)
    assert not former.pending


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
    return int((target[1] == 0.02).sum())


def _until_trained(live: LiveTrainer) -> None:
    steps = live._tuning.steps
    for _ in range(100):
        live.advance()
        if live._tuning.steps > steps:
            return
    raise AssertionError("no step in 100 pieces of work")


def test_the_network_learns_what_was_right_before_a_correction_too():
    live = _live()
    _until_trained(live)
    assert _anchored_pixels(live) == 0  # nothing was said before
    labels = scenes.discs(0).strokes.copy()
    labels[47:49, 42:55] = 2
    live.set_labels(0, labels)
    events = []
    while not any(isinstance(event, Shown) for event in events):
        events += live.advance()
    _until_trained(live)
    assert _anchored_pixels(live) > 500


def test_what_was_said_with_a_stroke_that_is_erased_is_not_learned():
    live = _live()
    live.set_labels(0, scenes.discs(0).strokes * (np.arange(64) < 50)[:, None].astype(np.uint8))
    _until_trained(live)
    assert _anchored_pixels(live) == 0
