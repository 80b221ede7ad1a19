"""What strokes say of a prediction: a score to believe, and whether there is anything to learn."""

from __future__ import annotations

import math
from collections import deque

_LATEST = 4
_RIGHT = 0.95
_PATIENCE = 40  # scores, of 20 steps each, without any gain
_GAIN = 0.002


class Evidence:
    """Scores of held-out strokes and of new strokes, over time."""

    def __init__(self) -> None:
        self.correctives: deque[float] = deque(maxlen=_LATEST)
        self.score: float | None = None
        self._shown_score = -math.inf
        self._highest = -math.inf
        self._without_gain = 0

    @property
    def believed(self) -> float:
        """The held-out score; before there is one, the mean of the latest correctives, or NaN."""
        if self.score is not None:
            return self.score
        return sum(self.correctives) / len(self.correctives) if self.correctives else math.nan

    def add_stroke(self, right: float) -> None:
        """Take in the share of a new stroke that was predicted right."""
        self.correctives.append(right)

    def strokes_changed(self) -> None:
        """Forget the scores: other strokes are held out or learned from now."""
        self._shown_score = self._highest = -math.inf
        self._without_gain = 0

    def add_score(self, value: float, *, tolerance: float) -> bool:
        """Take in a held-out score; return whether these weights may be shown.

        They may unless they score lower than what is shown by more than the tolerance.
        """
        self.score = value
        self._without_gain = 0 if value > self._highest + _GAIN else self._without_gain + 1
        self._highest = max(self._highest, value)
        if value < self._shown_score - tolerance:
            return False
        self._shown_score = value
        return True

    @property
    def settled(self) -> str | None:
        """Why there is nothing left to learn, in words; ``None`` while there is."""
        if self._without_gain < _PATIENCE:
            return None
        if len(self.correctives) == _LATEST and min(self.correctives) >= _RIGHT:
            return f"Good enough: your last {_LATEST} strokes were already right."
        return "These strokes are learned; paint where the prediction is wrong."
