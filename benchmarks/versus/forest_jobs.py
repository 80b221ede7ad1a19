"""A forest of scikit-learn on the filters of scikit-image, see :mod:`benchmarks.versus.worker`."""

from __future__ import annotations

import os
from functools import partial

import numpy as np

from benchmarks.strokes.forest import Forest
from benchmarks.versus.strokes_job import Answer


class OneImage:
    """The forest of one image, which keeps its features."""

    def __init__(self, image: np.ndarray) -> None:
        self._forest = Forest([image], seed=0, threads=int(os.environ["OMP_NUM_THREADS"]))

    def learn(self, labels: np.ndarray) -> None:
        """Fit to all strokes."""
        self._forest.set_labels(0, labels)
        self._forest.run(0)

    def segment(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        return self._forest.predict(image)


JOBS = {"strokes": partial(Answer, OneImage)}
