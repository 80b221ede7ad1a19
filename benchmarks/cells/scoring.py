"""Scores over several images, the objects of all of them pooled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.metrics.objects import average_precision, seg


@dataclass(frozen=True)
class Scores:
    """How well objects were found.

    Attributes
    ----------
    average_precision
        TP / (TP + FP + FN) at an IoU of 0.5.
    seg
        Mean over true objects, see :func:`napari_unet.core.metrics.seg`.
    """

    average_precision: float
    seg: float


def pooled(found: Sequence[np.ndarray], truths: Sequence[np.ndarray]) -> Scores:
    """Compare (Y, X) instance ids with the truth of each image."""
    hits = total = 0
    weighted = objects = 0.0
    for prediction, truth in zip(found, truths, strict=True):
        (counts,) = average_precision(prediction, truth, thresholds=(0.5,))
        hits += counts.true_positives
        total += counts.true_positives + counts.false_positives + counts.false_negatives
        in_truth = counts.true_positives + counts.false_negatives
        if in_truth:
            weighted += in_truth * seg(prediction, truth)
            objects += in_truth
    return Scores(
        hits / total if total else float("nan"), weighted / objects if objects else float("nan")
    )


def touches(truth: np.ndarray) -> bool:
    """Tell whether any two objects of (Y, X) ids share the edge of a pixel."""
    return any(
        bool(((a != b) & (a > 0) & (b > 0)).any())
        for a, b in ((truth[1:], truth[:-1]), (truth[:, 1:], truth[:, :-1]))
    )
