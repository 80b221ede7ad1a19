"""What a model makes of pixels whose truth is known: how good it is, class by class."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from napari_unet.core.metrics.by_class import (
    ClassScores,
    class_scores,
    confusion_of,
    worst_mistake,
)
from napari_unet.core.models.header import ClassReport

Position = Callable[[int, Sequence[int]], tuple[int, ...]]
"""Where a pixel of an image, given by its number and the pixel's place in it, is in its stack."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What was found at pixels of strokes.

    ``found`` and ``true`` are (N,) indices of classes; ``pixels`` (N, 2 + axes) of which image each
    is, of which stroke, and where in the image. ``balanced``: each class counts the same, however
    many pixels it has.
    """

    found: np.ndarray
    true: np.ndarray
    pixels: np.ndarray
    count: int
    balanced: bool

    @cached_property
    def confusion(self) -> np.ndarray:
        """Numbers of pixels, (K, K), true class by predicted class."""
        return confusion_of(self.found, self.true, self.count)

    @cached_property
    def scores(self) -> ClassScores:
        """Scores of each class."""
        return class_scores(self.confusion, balanced=self.balanced)

    @property
    def per_class(self) -> tuple[float, ...]:
        """Intersection over union of each class; NaN where it has no pixel."""
        return tuple(self.scores.iou.tolist())

    def report(self, ids: Sequence[int], position: Position) -> dict[str, Any]:
        """Return ``by_class`` and ``mistake`` of a training, for classes of these ids."""
        mistake = worst_mistake(self.confusion)
        return {
            "by_class": {one: self._of_class(index, position) for index, one in enumerate(ids)},
            "mistake": mistake and (ids[mistake.truth], ids[mistake.taken_for], mistake.share),
        }

    def _of_class(self, index: int, position: Position) -> ClassReport:
        of_class = np.flatnonzero(self.true == index)
        strokes, of_stroke = np.unique(self.pixels[of_class, :2], axis=0, return_inverse=True)
        of_stroke = of_stroke.ravel()
        wrong = self.found[of_class] != index
        where: tuple[int, ...] = ()
        right = 1.0
        if wrong.any():
            shares = np.bincount(of_stroke, wrong) / np.bincount(of_stroke)
            right = 1 - float(shares.max())
            missed = of_class[wrong & (of_stroke == shares.argmax())]
            image, _, *at = self.pixels[missed[len(missed) // 2]].tolist()
            where = position(image, at)
        scores = (self.scores.iou, self.scores.precision, self.scores.recall)
        values = (float(score[index]) for score in scores)
        iou, precision, recall = (None if np.isnan(value) else value for value in values)
        return ClassReport(
            iou=iou,
            precision=precision,
            recall=recall,
            strokes=len(strokes),
            pixels=len(of_class),
            worst=where,
            worst_right=right,
        )
