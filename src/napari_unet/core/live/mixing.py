"""What strokes say of a prediction: what to show, what to believe, and when there is enough."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.live.stroke_book import Stroke
from napari_unet.core.metrics.by_class import class_scores
from napari_unet.core.training.judged import Judged

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)
_MOST_SHARE_UNSEEN = 0.5  # of a network that no stroke has judged yet
_STEPS_UNTIL_TRUSTED, _STROKES_UNTIL_TRUSTED = 600, 24
_WEIGHT_OF_HABIT = 1.0  # of a mean log-likelihood
_LATEST = 4
_REMEMBERED = 12
_RIGHT = 0.95
_PATIENCE = 40  # scores without any gain
_PATIENCE_UNSCORED = 75  # where nothing is held out
_GAIN = 0.002
_TOLERANCE = 0.02
_SMALLEST = 1e-3


@dataclass(frozen=True)
class Opinion:
    """What the first answer and the network said of the pixels of a stroke they had not learned.

    ``truth`` is the index of the stroke's class, the others (K, N) float32 probabilities.
    """

    truth: int
    first: np.ndarray
    network: np.ndarray

    def mixed(self, share: float) -> np.ndarray:
        """Return the (K, N) probabilities with the network counting that much."""
        return share * self.network + (1 - share) * self.first

    def right(self, share: float) -> float:
        """Return the share of the pixels that a mixture predicts right."""
        return float((self.mixed(share).argmax(axis=0) == self.truth).mean())

    def log_likelihood(self, share: float) -> float:
        """Return the mean log-probability of the true class."""
        return float(np.log(self.mixed(share)[self.truth].clip(_SMALLEST)).mean())


def best_share(opinions: Sequence[Opinion], steps: int, strokes: int) -> float:
    """Return how much the network should count.

    By habit a half, once it has learned for a while from strokes enough; before, less: the first
    answer has seen other images, the network has not. People paint where what is shown is wrong, so
    that new strokes speak against whatever counted most before; followed freely, they make it
    change back and forth. Only what is better all the time, on strokes that were not learned, gets
    more.
    """
    trusted = min(1.0, steps / _STEPS_UNTIL_TRUSTED) * min(1.0, strokes / _STROKES_UNTIL_TRUSTED)
    habit = _MOST_SHARE_UNSEEN * trusted

    def worth(share: float) -> float:
        likelihoods = [opinion.log_likelihood(share) for opinion in opinions]
        mean = sum(likelihoods) / max(1, len(likelihoods))
        return mean - _WEIGHT_OF_HABIT * abs(share - habit)

    candidates = [share for share in SHARES if share <= trusted] + [habit]
    return max(candidates, key=worth)


def score_of(opinions: Sequence[Opinion], share: float) -> float:
    """Return the mean over the classes of the intersection over union, classes balanced.

    NaN without opinions.
    """
    if not opinions:
        return math.nan
    count = len(opinions[0].first)
    confusion = np.zeros((count, count))
    for opinion in opinions:
        found = opinion.mixed(share).argmax(axis=0)
        confusion[opinion.truth] += np.bincount(found, minlength=count) / len(found)
    return float(np.nanmean(class_scores(confusion, balanced=True).iou))


def judged(strokes: Sequence[Stroke], opinions: Sequence[Opinion], share: float) -> Judged:
    """Return what a mixture makes of the pixels of strokes; an opinion a stroke, one at least."""
    found = [opinion.mixed(share).argmax(axis=0) for opinion in opinions]
    pixels = [
        np.column_stack(
            [np.full((len(one.rows), 2), (one.image, one.number)), one.rows, one.columns]
        )
        for one in strokes
    ]
    return Judged(
        np.concatenate(found),
        np.repeat([opinion.truth for opinion in opinions], [len(one) for one in found]),
        np.concatenate(pixels),
        len(opinions[0].first),
        balanced=True,
    )


class Evidence:
    """Scores of held-out strokes and of new strokes, over time."""

    def __init__(self) -> None:
        self.latest: deque[Opinion] = deque(maxlen=_REMEMBERED)
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

    def add_stroke(self, opinion: Opinion, right: float) -> None:
        """Take in what was said of a new stroke, and the share of it that was shown right."""
        self.latest.append(opinion)
        self._right.append(right)

    def strokes_changed(self) -> None:
        """Forget the scores: other strokes are held out or learned from now."""
        self.score = None
        self._shown_score = self._highest = -math.inf
        self._without_gain = self._unscored = 0

    def classes_changed(self) -> None:
        """Forget what was said of other classes."""
        self.strokes_changed()
        self.latest.clear()

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
