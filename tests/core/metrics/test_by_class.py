from __future__ import annotations

import math

import numpy as np
import pytest

from napari_unet.core.metrics.by_class import class_scores, confusion_of, worst_mistake


def test_scores_by_hand():
    """True 8 and 4 pixels; 6 and 3 of them are found."""
    scores = class_scores(np.array([[6, 2], [1, 3]]), balanced=False)
    assert tuple(scores.iou) == (6 / 9, 3 / 6)
    assert tuple(scores.precision) == (6 / 7, 3 / 5)
    assert tuple(scores.recall) == (6 / 8, 3 / 4)


def test_balanced_scores_do_not_depend_on_how_much_of_a_class_is_painted():
    confusion = np.array([[6.0, 2], [1, 3]])
    found = class_scores(confusion, balanced=True)
    assert found.iou == pytest.approx([0.75 / 1.25, 0.75 / 1.25])
    assert found.precision == pytest.approx([0.75, 0.75])
    more = class_scores(confusion * np.array([[100], [1]]), balanced=True)
    assert more.iou == pytest.approx(found.iou)
    assert more.precision == pytest.approx(found.precision)


@pytest.mark.parametrize("balanced", [True, False])
def test_a_class_without_true_pixels_has_no_score(balanced):
    scores = class_scores(np.array([[4, 1], [0, 0]]), balanced=balanced)
    assert scores.iou[0] == pytest.approx(0.8)
    assert math.isnan(scores.iou[1]) and math.isnan(scores.recall[1])


def test_a_class_that_is_never_found_has_no_precision():
    scores = class_scores(np.array([[4, 0], [2, 0]]), balanced=False)
    assert (scores.iou[1], scores.recall[1]) == (0, 0)
    assert math.isnan(scores.precision[1])


def test_the_confusion_counts_pairs_of_classes(rng):
    truth, found = rng.integers(0, 4, (2, 500))
    confusion = confusion_of(found, truth, 5)
    assert confusion.shape == (5, 5)
    for true in range(5):
        for predicted in range(5):
            both = np.count_nonzero((truth == true) & (found == predicted))
            assert confusion[true, predicted] == both


def test_the_worst_mistake_is_that_of_the_largest_share():
    mistake = worst_mistake(np.array([[900, 100, 0], [3, 7, 0], [0, 0, 0]]))
    assert (mistake.truth, mistake.taken_for, mistake.share) == (1, 0, 0.3)
    assert worst_mistake(np.diag([3, 4])) is None
    assert worst_mistake(np.zeros((2, 2))) is None
