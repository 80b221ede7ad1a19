"""The forest on filters of several scales that live answers with, close to ilastik and Labkit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.common.clocks import Clock
from benchmarks.crossval.data import IGNORED, Folder, Sample
from benchmarks.crossval.results import Training
from benchmarks.crossval.tiles import target_classes
from napari_unet.core.forest.filters import filters
from napari_unet.core.forest.random_forest import fit_forest

MOST_PIXELS = 50_000


class FilterForest:
    """The method. It learns from at most 50,000 pixels, and its training takes as long as it does.

    The pixels are drawn evenly from all labelled ones, as many of each image.
    """

    timed = "the whole image at once, filters included; always on the CPU"

    def __init__(self, folder: Folder, clock: Clock, *, seed: int) -> None:
        self._folder, self._clock, self._seed = folder, clock, seed

    def train(self, samples: Sequence[Sample]) -> Training:
        """Fit the forest."""
        start = self._clock()
        rng = np.random.default_rng(self._seed)
        values, classes = [], []
        for item in samples:
            target = target_classes(item, self._folder)
            known = np.flatnonzero(target != IGNORED)
            count = min(len(known), MOST_PIXELS // len(samples))
            chosen = rng.choice(known, size=count, replace=False)
            found = filters(item.plane)
            values.append(found.reshape(-1, found.shape[-1])[chosen])
            classes.append(target.ravel()[chosen])
        self._forest = fit_forest(
            np.concatenate(values),
            np.concatenate(classes),
            self._folder.n_classes,
            seed=self._seed,
        )
        seconds = self._clock() - start
        return Training(0, seconds, len(self._forest.children), "CPU, 2 threads")

    def predict(self, item: Sample) -> np.ndarray:
        """Return probabilities."""
        return self._forest.predict(filters(item.plane))

    def seconds_to_predict(self, item: Sample, taken: float) -> float:
        """Return what the prediction took."""
        return taken
