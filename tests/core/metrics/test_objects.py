from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.core.metrics.objects import ObjectScores, average_precision, match_objects, seg
from napari_unet.errors import InvalidInput

# Object 1 of ten pixels, object 900 of four, object 5 of two; ids with gaps.
TRUTH = np.array(
    [
        [1, 1, 1, 1, 1, 0, 900, 900, 0],
        [1, 1, 1, 1, 1, 0, 900, 900, 5],
        [0, 0, 0, 0, 0, 0, 0, 0, 5],
    ]
)
# 30 covers eight of the ten pixels of object 1, 2 covers 900 and two more, 7 is made up.
PREDICTION = np.array(
    [
        [30, 30, 30, 30, 0, 2, 2, 2, 0],
        [30, 30, 30, 30, 0, 2, 2, 2, 0],
        [0, 0, 7, 7, 0, 0, 0, 0, 0],
    ]
)
EMPTY = np.zeros_like(TRUTH)


def test_pairs_that_overlap_have_iou_and_coverage():
    pairs = match_objects(PREDICTION, TRUTH)
    np.testing.assert_array_equal(pairs.truth_ids, [1, 900])
    np.testing.assert_array_equal(pairs.prediction_ids, [30, 2])
    np.testing.assert_allclose(pairs.iou, [8 / 10, 4 / 6])
    np.testing.assert_allclose(pairs.coverage, [8 / 10, 1])
    assert (pairs.n_truth, pairs.n_prediction) == (3, 3)


def test_objects_are_counted_at_each_threshold():
    scores = average_precision(PREDICTION, TRUTH, thresholds=[0.5, 0.7, 0.8])
    assert scores == (
        ObjectScores(0.5, true_positives=2, false_positives=1, false_negatives=1),
        ObjectScores(0.7, true_positives=1, false_positives=2, false_negatives=2),
        ObjectScores(0.8, true_positives=0, false_positives=3, false_negatives=3),
    )


def test_average_precision_and_f1_follow_from_the_counts():
    """DSB 2018 and StarDist: AP = TP / (TP + FP + FN)."""
    score = average_precision(PREDICTION, TRUTH, thresholds=[0.5])[0]
    assert score.average_precision == 2 / 4
    assert score.f1 == 4 / 6


def test_default_thresholds_go_from_050_to_090():
    thresholds = [score.threshold for score in average_precision(PREDICTION, TRUTH)]
    np.testing.assert_allclose(thresholds, np.arange(50, 95, 5) / 100)


def test_an_object_in_two_halves_matches_neither():
    """Both halves have an IoU of exactly 0.5: a match must be above, so it stays unique."""
    truth, halves = np.array([[4, 4, 4, 4]]), np.array([[1, 1, 2, 2]])
    assert average_precision(halves, truth, [0.5]) == (ObjectScores(0.5, 0, 2, 1),)
    assert seg(halves, truth) == 0


def test_seg_is_the_mean_jaccard_of_true_objects_covered_by_more_than_half():
    """Object 1: 8/10, object 900: 4/6, object 5: no match."""
    assert seg(PREDICTION, TRUTH) == pytest.approx((8 / 10 + 4 / 6 + 0) / 3)


def test_seg_matches_by_coverage_of_the_truth_not_by_iou():
    prediction = np.where(TRUTH == 1, 3, 3)  # one object over everything
    assert seg(prediction, TRUTH) == pytest.approx((10 + 4 + 2) / TRUTH.size / 3)


def test_seg_ignores_predictions_without_truth():
    assert seg(PREDICTION, TRUTH) == seg(np.where(PREDICTION == 7, 0, PREDICTION), TRUTH)


def test_a_perfect_prediction_scores_1_whatever_its_ids():
    renamed = np.where(TRUTH > 0, 1000 - TRUTH, 0).astype(np.uint16)
    assert seg(renamed, TRUTH) == 1
    assert all(s.average_precision == s.f1 == 1 for s in average_precision(renamed, TRUTH))


def test_an_empty_truth_has_defined_scores():
    found = average_precision(PREDICTION, EMPTY, [0.5])[0]
    assert (found.average_precision, found.f1, found.false_positives) == (0, 0, 3)
    assert math.isnan(seg(PREDICTION, EMPTY))


def test_an_empty_prediction_scores_0():
    missed = average_precision(EMPTY, TRUTH, [0.5])[0]
    assert (missed.average_precision, missed.f1, missed.false_negatives) == (0, 0, 3)
    assert seg(EMPTY, TRUTH) == 0


def test_two_empty_images_are_nan():
    score = average_precision(EMPTY, EMPTY, [0.5])[0]
    assert math.isnan(score.average_precision)
    assert math.isnan(score.f1)


def test_3d_images_and_ids_beyond_32_bits():
    truth = np.stack([TRUTH, TRUTH]).astype(np.uint64) << np.uint64(40)
    assert seg(np.stack([PREDICTION, PREDICTION]), truth) == seg(PREDICTION, TRUTH)


labels = hnp.arrays(np.uint8, (6, 6), elements=st.sampled_from([0, 0, 1, 2, 9]))


@settings(max_examples=80, deadline=None)
@given(labels, labels)
def test_scores_are_those_of_comparing_every_pair_of_masks(prediction, truth):
    ious, segs = [], []
    for i in set(truth.flat) - {0}:
        jaccard = 0.0
        for j in set(prediction.flat) - {0}:
            both = ((truth == i) & (prediction == j)).sum()
            ious.append(both / ((truth == i) | (prediction == j)).sum())
            if both > 0.5 * (truth == i).sum():
                jaccard = ious[-1]
        segs.append(jaccard)
    for score in average_precision(prediction, truth):
        assert score.true_positives == sum(iou > score.threshold for iou in ious)
    if segs:
        assert seg(prediction, truth) == pytest.approx(np.mean(segs))


@pytest.mark.parametrize("score", [match_objects, average_precision, seg])
def test_bad_input_is_refused(score):
    with pytest.raises(InvalidInput, match="shape"):
        score(PREDICTION[:2], TRUTH)
    with pytest.raises(InvalidInput, match="whole numbers"):
        score(PREDICTION, TRUTH / 2)


@pytest.mark.parametrize("threshold", [0.4, 1.0, math.nan])
def test_thresholds_without_a_unique_match_are_refused(threshold):
    with pytest.raises(InvalidInput):
        average_precision(PREDICTION, TRUTH, [threshold])
