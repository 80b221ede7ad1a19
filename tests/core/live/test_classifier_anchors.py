"""What keeps a pixel classifier from forgetting what it had right."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import scenes
from napari_unet import LiveTrainer
from napari_unet.core.forest.pixel_classifier import PixelClassifier, fit_classifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.live.classifier_anchors import draw_anchors, uncontradicted
from napari_unet.core.live.live_classifiers import classifier_on
from napari_unet.core.live.stroke_book import StrokeBook
from napari_unet.core.network.encoder import FEATURES

SIDE = 96


@pytest.fixture(scope="module")
def ramp() -> PixelFeatures:
    """Grey values that grow from column to column; what is brighter than half is of class 2."""
    rng = np.random.default_rng(0)
    image = np.linspace(0, 1, SIDE)[None].repeat(SIDE, axis=0)
    blocks = PixelFeatures((image + 0.01 * rng.normal(size=image.shape))[None].astype(np.float32))
    blocks.prepare()
    return blocks


def _book(*strokes: tuple[int, int]) -> StrokeBook:
    """Strokes of 8 rows and 3 columns: class and column."""
    book = StrokeBook()
    book.add_image((SIDE, SIDE))
    labels = np.zeros((SIDE, SIDE), np.uint8)
    for number, (class_id, column) in enumerate(strokes):
        top = 11 * number
        labels[top : top + 8, column : column + 3] = class_id
        book.update(0, labels)
    return book


def _right(classifier: PixelClassifier, ramp: PixelFeatures) -> float:
    found = classifier.predict_block(ramp.block((0, 0))).argmax(axis=0)
    return float((found == (np.arange(SIDE) >= SIDE // 2)).mean())


def test_corrections_of_one_kind_do_not_undo_what_was_right(ramp):
    first = [(1, 8), (2, SIDE - 11)]
    before = classifier_on(_book(*first), [ramp], [1, 2], seed=0)
    corrected = _book(*first, *[(1, SIDE // 2 - 8)] * 4)
    alone = classifier_on(corrected, [ramp], [1, 2], seed=0)
    held = classifier_on(corrected, [ramp], [1, 2], seed=0, before=before)
    assert _right(alone, ramp) < _right(before, ramp) - 0.05
    assert _right(held, ramp) > _right(alone, ramp) + 0.05


def test_what_strokes_contradict_is_given_up(ramp):
    wrong = classifier_on(_book((2, 8), (1, SIDE - 11)), [ramp], [1, 2], seed=0)
    painted = _book((1, 8), (2, SIDE - 11), (1, 30), (2, 64), (1, 20), (2, 74))
    found = classifier_on(painted, [ramp], [1, 2], seed=0, before=wrong)
    assert _right(wrong, ramp) < 0.2
    assert _right(found, ramp) > 0.9


def test_anchors_are_unpainted_pixels_with_the_class_that_the_classifier_was_sure_of(ramp):
    classifier = classifier_on(_book((1, 8), (2, SIDE - 11)), [ramp], [1, 2], seed=0)
    painted = np.ones((SIDE, SIDE), bool)
    painted[40:, 10:] = False
    values, classes = draw_anchors(classifier, [ramp], [painted], np.random.default_rng(0))
    free = ramp.at(*np.nonzero(~painted))
    assert {row.tobytes() for row in values} <= {row.tobytes() for row in free}
    probabilities = classifier.predict(values)
    assert (probabilities.argmax(axis=0) == classes).all()
    assert probabilities.max(axis=0).min() > 0.7
    assert set(classes) == {0, 1}


def test_only_blocks_at_hand_are_looked_at():
    blocks = PixelFeatures(np.random.default_rng(0).random((1, 530, 600), np.float32))
    assert blocks.at_hand == ()
    values = blocks.at(np.array([520, 521]), np.array([3, 4]))
    classifier = fit_classifier(values.repeat(20, axis=0), np.arange(40) // 20, 2, seed=0, trees=10)
    painted = np.zeros((530, 600), bool)
    draw_anchors(classifier, [blocks], [painted], np.random.default_rng(0))
    assert blocks.at_hand == ((1, 0),)


def test_a_witness_that_is_not_sure_contradicts_nothing():
    values = np.arange(8, dtype=np.float32)[:, None].repeat(FEATURES + 1, axis=1)
    sure = fit_classifier(values.repeat(20, axis=0), np.arange(160) // 80, 2, seed=0, trees=10)
    said = np.array([1, 0, 0, 0, 1, 1, 1, 0])
    kept, classes = uncontradicted(values, said, sure)
    assert classes.tolist() == [0, 0, 0, 1, 1, 1]
    assert kept[:, 0].tolist() == [1, 2, 3, 4, 5, 6]
    unsure = fit_classifier(values.repeat(20, axis=0), np.arange(160) % 2, 2, seed=0, trees=10)
    assert len(uncontradicted(values, said, unsure)[0]) == 8


def test_an_erased_stroke_is_forgotten_with_what_was_learned_from_it():
    scene = scenes.discs(0)
    live = LiveTrainer([scene.image], clock=itertools.count().__next__)
    live.set_labels(0, scene.strokes)
    live.run(0)
    before = live.predict(scene.image)
    mistaken = scene.strokes.copy()
    mistaken[(scene.truth == 2) & (mistaken == 0)] = 1
    live.set_labels(0, mistaken)
    live.run(0)
    assert (live.predict(scene.image) == before).mean() < 0.95
    live.set_labels(0, scene.strokes)
    live.run(0)
    assert (live.predict(scene.image) == before).mean() > 0.97
