"""From strokes to a segmented image, by any program."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np


class Learner(Protocol):
    """What learns from the strokes on one image, (Y, X)."""

    def learn(self, labels: np.ndarray) -> None:
        """Learn from all strokes, (Y, X) uint8, 0 where nothing is painted."""

    def segment(self, image: np.ndarray) -> np.ndarray:
        """Return (Y, X) class ids as painted."""


class Answer:
    """A job: ``new`` returns a learner for an image.

    ``moment``: ``first`` is from nothing to the segmented image, ``more`` the same image after
    further strokes, ``other`` another image with what was learned before.
    """

    def __init__(self, new: Callable[[np.ndarray], Learner], folder: str, *, moment: str) -> None:
        self._new, self._moment = new, moment
        self._given = dict(np.load(Path(folder) / "strokes.npz"))
        self._learner: Learner | None = None

    def prepare(self) -> None:
        """Do what had been done before; it is not timed."""
        self._learner = None
        if self._moment != "first":
            self._learner = self._new(self._given["image"])
            self._learner.learn(self._given["first"])
            self._learner.segment(self._given["image"])

    def __call__(self) -> np.ndarray:
        """Return (Y, X) class ids as painted."""
        learner = self._learner or self._new(self._given["image"])
        if self._moment != "other":
            learner.learn(self._given[self._moment])
        return learner.segment(self._given["other" if self._moment == "other" else "image"])
