"""How good a segmentation is at each class, and which class it takes for which."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from napari_unet.core.metrics.contingency import Labels, overlap


@dataclass(frozen=True)
class ClassScores:
    """Scores of each class, (K,) floats; NaN for a class without true pixels.

    ``iou`` is intersection over union (Jaccard 1901); ``precision`` the share of what was taken for
    the class that is it, NaN where nothing was; ``recall`` the share of it that was found.
    """

    iou: npt.NDArray[np.float64]
    precision: npt.NDArray[np.float64]
    recall: npt.NDArray[np.float64]


@dataclass(frozen=True)
class Mistake:
    """The share of one class's pixels that are taken for another: indices of classes."""

    truth: int
    taken_for: int
    share: float


def confusion_of(prediction: Labels, truth: Labels, count: int) -> npt.NDArray[np.int64]:
    """Return numbers of pixels, (K, K), true class by predicted class.

    Both are indices of classes, of one shape.
    """
    table = overlap(prediction, truth)
    confusion = np.zeros((count, count), np.int64)
    places = table.truth_ids[table.rows], table.prediction_ids[table.columns]
    confusion[places] = table.counts
    return confusion


def class_scores(confusion: npt.NDArray[Any], *, balanced: bool) -> ClassScores:
    """Return the scores of each class.

    ``confusion`` has (K, K) numbers of pixels, true class by predicted class; ``balanced``: each
    true class counts the same, however many pixels it has.
    """
    true = confusion.sum(axis=1)
    if balanced:
        confusion = confusion / np.maximum(true, 1)[:, None]
    hits, taken = np.diag(confusion), confusion.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        iou = hits / (confusion.sum(axis=1) + taken - hits)
        precision, recall = hits / taken, hits / confusion.sum(axis=1)
    there = true > 0
    return ClassScores(*(np.where(there, values, np.nan) for values in (iou, precision, recall)))


def worst_mistake(confusion: npt.NDArray[Any]) -> Mistake | None:
    """Return the two classes of which the largest share of one is taken for the other."""
    shares = confusion / np.maximum(confusion.sum(axis=1), 1)[:, None]
    np.fill_diagonal(shares, 0)
    if not shares.any():
        return None
    truth, taken_for = np.unravel_index(int(shares.argmax()), shares.shape)
    return Mistake(int(truth), int(taken_for), float(shares[truth, taken_for]))
