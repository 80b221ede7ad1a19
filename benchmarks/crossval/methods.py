"""The methods that are compared, each behind the same three calls."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from benchmarks.common.clocks import CLOCKS, Clock
from benchmarks.crossval.data import Folder, Sample
from benchmarks.crossval.results import Settings, Training
from benchmarks.crossval.variations import VARIATIONS


class Method(Protocol):
    """Something that learns to tell the classes of pixels.

    Attributes
    ----------
    timed
        How :meth:`seconds_an_image` measures, for people.
    """

    timed: str

    def train(self, samples: Sequence[Sample]) -> Training:
        """Learn for the time of the settings."""

    def predict(self, item: Sample) -> np.ndarray:
        """Return (K, Y, X) float32 probabilities of the folder's classes."""

    def seconds_to_predict(self, item: Sample, taken: float) -> float:
        """Return the seconds to predict an image, where :meth:`predict` took ``taken``."""


def build(name: str, folder: Folder, settings: Settings, *, seed: int, kept: Path) -> Method:
    """Return a new method.

    Parameters
    ----------
    name
        One of the methods or of the U-Net's variations.
    folder
        The data set, for what its labels mean.
    settings
        Time, preset, device, clock.
    seed
        Of every draw.
    kept
        Where a training keeps its weights, a path without an ending.
    """
    clock: Clock = CLOCKS[settings.clock]
    if name in VARIATIONS:
        from benchmarks.crossval.unet import PaperUNet

        return PaperUNet(folder, settings, VARIATIONS[name], clock, seed=seed, kept=kept)
    if name == "patches":
        from benchmarks.crossval.patch_classifier import PatchClassifier

        return PatchClassifier(folder, settings, clock, seed=seed)
    if name == "fcn":
        from benchmarks.crossval.fcn import FullyConvolutional

        return FullyConvolutional(folder, settings, clock, seed=seed)
    from benchmarks.crossval.forest import FilterForest

    return FilterForest(folder, clock, seed=seed)
