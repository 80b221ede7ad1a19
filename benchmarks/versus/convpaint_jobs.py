"""Convpaint with the features that need no download, see :mod:`benchmarks.versus.worker`."""

from __future__ import annotations

from functools import partial

import numpy as np

from benchmarks.strokes.convpaint_worker import learned
from benchmarks.versus.strokes_job import Answer


class OneImage:
    """Its model of one image."""

    def __init__(self, image: np.ndarray) -> None:
        self._image = image.astype(np.float32)

    def learn(self, labels: np.ndarray) -> None:
        """Fit to all strokes."""
        self._model = learned([self._image], [labels])

    def segment(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        return np.asarray(self._model.segment(image.astype(np.float32)), np.uint8)


JOBS = {"strokes": partial(Answer, OneImage)}
