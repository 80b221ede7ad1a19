"""What strokes say of a prediction: what to believe, and when there is enough."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.live.stroke_book import Stroke
from napari_unet.core.training.judged import Judged

_LATEST = 4
_RIGHT = 0.95
_PATIENCE = 40  # scores without any gain
_PATIENCE_UNSCORED = 75  # where nothing is held out
_GAIN = 0.002
_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class Opinion:
    """What a model said of the pixels of a stroke that it had not learned.

    ``truth`` is the index of the stroke's class, ``found`` (N,) those of the classes that were
    predicted.
    """

    stroke: Stroke
    truth: int
    found: np.ndarray

    @property
    def right(self) -> float:
        """Share of the pixels that were predicted right."""
        return float((self.found == self.truth).mean())


def judged(opinions: Sequence[Opinion], n_classes: int) -> Judged:
    """Return what opinions of strokes say together; one at least."""
    strokes = [opinion.stroke for opinion in opinions]
    pixels = [
        np.column_stack(
            [np.full((len(one.rows), 2), (one.image, one.number)), one.rows, one.columns]
        )
        for one in strokes
    ]
    return Judged(
        np.concatenate([opinion.found for opinion in opinions]),
        np.repeat([opinion.truth for opinion in opinions], [len(one.rows) for one in strokes]),
        np.concatenate(pixels),
        n_classes,
        balanced=True,
    )


class Evidence:
    """Scores of held-out strokes and of new strokes, over time."""

    def __init__(self) -> None:
        self._right: deque[float] = deque(maxlen=_LATEST)
        self.score: float | None = None
        self._shown_score = self._highest = -math.inf
        self._without_gain = 0
        self._unscored = 0

    @property
    def believed(self) -> float:
        """The held-out score; before there is one, the mean of the latest strokes', or NaN."""
        if self.score is not None:
            return self.score
        return sum(self._right) / len(self._right) if self._right else math.nan

    def add_stroke(self, right: float) -> None:
        """Take in the share of a new stroke that was shown right."""
        self._right.append(right)

    def strokes_changed(self) -> None:
        """Forget the scores: other strokes are held out or learned from now."""
        self.score = None
        self._shown_score = self._highest = -math.inf
        self._without_gain = self._unscored = 0

    def not_scored(self) -> None:
        """Note that there was nothing to score these weights on."""
        self._unscored += 1

    def add_score(self, value: float) -> bool:
        """Take in a held-out score; return whether what has it may be shown.

        It may unless it is lower than that of what is shown by more than 0.02.
        """
        self.score = value
        self._without_gain = 0 if value > self._highest + _GAIN else self._without_gain + 1
        self._highest = max(self._highest, value)
        if value < self._shown_score - _TOLERANCE:
            return False
        self._shown_score = value
        return True

    @property
    def settled(self) -> str | None:
        """Why there is nothing left to learn, in words; ``None`` while there is."""
        if self._without_gain < _PATIENCE and self._unscored < _PATIENCE_UNSCORED:
            return None
        if len(self._right) == _LATEST and min(self._right) >= _RIGHT:
            return f"Good enough: your last {_LATEST} strokes were already right."
        return "These strokes are learned; paint where the prediction is wrong."
