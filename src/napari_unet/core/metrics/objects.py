"""Scores of instance segmentations, object by object."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.metrics.contingency import checked_labels, overlap
from napari_unet.errors import InvalidInput

THRESHOLDS = (0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9)


@dataclass(frozen=True)
class ObjectPairs:
    """Every pair of a true and a predicted object that share pixels.

    Of each (pair,): ids, intersection over union, and ``coverage``, the fraction of the true
    object's pixels that the predicted one covers. ``n_truth`` and ``n_prediction`` count objects
    without a partner too.
    """

    truth_ids: npt.NDArray[Any]
    prediction_ids: npt.NDArray[Any]
    iou: npt.NDArray[np.float64]
    coverage: npt.NDArray[np.float64]
    n_truth: int
    n_prediction: int


@dataclass(frozen=True)
class ObjectScores:
    """Detection counts at one threshold of intersection over union.

    A predicted object is a true positive if its IoU with a true one is above the threshold; false
    negatives are true objects without a match.
    """

    threshold: float
    true_positives: int
    false_positives: int
    false_negatives: int

    @property
    def average_precision(self) -> float:
        """TP / (TP + FP + FN); nan if neither image holds an object."""
        total = self.true_positives + self.false_positives + self.false_negatives
        return self.true_positives / total if total else float("nan")

    @property
    def f1(self) -> float:
        """2 TP / (2 TP + FP + FN); nan if neither image holds an object."""
        total = 2 * self.true_positives + self.false_positives + self.false_negatives
        return 2 * self.true_positives / total if total else float("nan")


def match_objects(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> ObjectPairs:
    """Find all pairs of a predicted and a true object that overlap.

    Instance labels of one shape with any number of axes; 0 is background, ids may have gaps.
    """
    table = overlap(*checked_labels(prediction, truth))
    true, predicted = table.truth_ids[table.rows], table.prediction_ids[table.columns]
    pair = (true != 0) & (predicted != 0)
    both = table.counts[pair]
    true_sizes = table.truth_sizes[table.rows[pair]]
    predicted_sizes = table.prediction_sizes[table.columns[pair]]
    return ObjectPairs(
        true[pair],
        predicted[pair],
        both / (true_sizes + predicted_sizes - both),
        both / true_sizes,
        int(np.count_nonzero(table.truth_ids)),
        int(np.count_nonzero(table.prediction_ids)),
    )


def average_precision(
    prediction: npt.ArrayLike, truth: npt.ArrayLike, thresholds: Sequence[float] = THRESHOLDS
) -> tuple[ObjectScores, ...]:
    """Count matched objects at each threshold of intersection over union.

    The average precision of the 2018 Data Science Bowl (Caicedo et al., Nature Methods 16, 2019)
    and of StarDist (Schmidt et al., MICCAI 2018): TP / (TP + FP + FN), with no ranking by
    confidence. Above an IoU of 0.5 no object can have two partners, so the match is unique. An IoU
    equal to the threshold is no match; thresholds are from 0.5 to below 1. Where the truth is empty
    and the prediction is not, the scores are 0; where both are empty they are nan, for there was
    nothing to find.
    """
    for threshold in thresholds:
        if not 0.5 <= threshold < 1:
            raise InvalidInput(
                f"The IoU threshold {threshold} does not give unique matches; choose one from 0.5 "
                "to below 1."
            )
    pairs = match_objects(prediction, truth)
    scores = []
    for threshold in thresholds:
        matched = int(np.count_nonzero(pairs.iou > threshold))
        scores.append(
            ObjectScores(threshold, matched, pairs.n_prediction - matched, pairs.n_truth - matched)
        )
    return tuple(scores)


def seg(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Segmentation accuracy SEG of the Cell Tracking Challenge.

    The mean over true objects of the intersection over union with the predicted object that covers
    more than half of it, 0 if there is none (Maška et al., Bioinformatics 30, 2014; Ulman et al.,
    Nature Methods 14, 2017). Predicted objects without a true one are not counted, as the
    challenge's truth need not hold every object. From 0 to 1; nan if the truth has no object, for
    then there is nothing to average.
    """
    pairs = match_objects(prediction, truth)
    if pairs.n_truth == 0:
        return float("nan")
    return float(pairs.iou[pairs.coverage > 0.5].sum() / pairs.n_truth)
