"""The methods that are compared, each behind the same four calls."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch

import napari_unet
from benchmarks.common.clocks import Clock
from benchmarks.strokes.forest import Forest
from benchmarks.strokes.results import CONVPAINT, DENSE
from napari_unet.core.events import Done
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PresetName


class Method(Protocol):
    """Something that learns from strokes on a few images.

    Attributes
    ----------
    answers_at_once
        Whether it predicts after ``run(0)``, before any training.
    """

    answers_at_once: bool

    def set_labels(self, index: int, labels: np.ndarray) -> None:
        """Take the whole scribble array, (Y, X) uint8, of one of the images."""

    def run(self, seconds: float) -> float:
        """Learn for that long by the method's clock; return the score that it believes, or NaN."""

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return (Y, X) class ids as painted."""


def own(labels: np.ndarray) -> np.ndarray:
    """Return a copy, as the annotator goes on painting in its array."""
    return np.array(labels, np.uint8)


class Scratch:
    """Our U-Net from random weights, trained on round by round as the window's Train does.

    Labels that leave no pixel out are learnt as dense ones.
    """

    answers_at_once = False

    def __init__(
        self,
        images: Sequence[np.ndarray],
        seed: int,
        clock: Clock,
        *,
        preset: PresetName = "compact",
    ) -> None:
        self._preset = preset
        self.steps = 0
        self._images, self._seed, self._clock = list(images), seed, clock
        self._labels: dict[int, np.ndarray] = {}
        self._newest: dict[int, np.ndarray] = {}
        self._model: Model | None = None

    def set_labels(self, index: int, labels: np.ndarray) -> None:
        """Take the scribbles of an image, and remember what is new in them."""
        before = self._labels.get(index, np.zeros_like(labels))
        fresh = (labels != before) & (labels > 0)
        self._newest[index] = fresh | self._newest.get(index, np.zeros(labels.shape, bool))
        self._labels[index] = own(labels)

    def run(self, seconds: float) -> float:
        """Train on from the model of the last round."""
        painted = [index for index, labels in self._labels.items() if labels.any()]
        dense = all(self._labels[index].all() for index in painted)
        events = napari_unet.train_events(
            [self._images[index] for index in painted],
            [self._labels[index] for index in painted],
            model=self._model,
            newest=[self._newest.pop(index, self._labels[index] < 0) for index in painted],
            label_kind="classes" if dense else "scribbles",
            preset=self._preset,
            seconds=seconds,
            seed=self._seed,
            clock=self._clock,
        )
        score = float("nan")
        for event in events:
            if isinstance(event, Done):
                self._model, score, self.steps = event.model, event.score, event.step
        return score

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        if self._model is None:
            raise RuntimeError("train before predicting")
        return napari_unet.predict(self._model, image)


class Live:
    """The live loop; without training, its first answer alone."""

    answers_at_once = True

    def __init__(
        self, images: Sequence[np.ndarray], seed: int, clock: Clock, *, trained: bool = True
    ) -> None:
        self._trained = trained
        self._live = napari_unet.LiveTrainer(list(images), seed=seed, clock=clock)

    def set_labels(self, index: int, labels: np.ndarray) -> None:
        """Take the scribbles of an image."""
        self._live.set_labels(index, own(labels))

    def run(self, seconds: float) -> float:
        """Fit, and train unless it is the first answer alone."""
        return float(self._live.run(seconds=seconds if self._trained else 0))

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        return self._live.predict(image)


def build(name: str, images: Sequence[np.ndarray], seed: int, clock: Clock) -> Method:
    """Return a new method of that name."""
    if name == "forest":
        return Forest(images, seed, threads=torch.get_num_threads())
    if name == CONVPAINT:
        from benchmarks.strokes.convpaint import Convpaint

        return Convpaint(images, seed, clock)
    if name == "rootpainter":
        from benchmarks.strokes.rootpainter import RootPainter

        return RootPainter(images, seed, clock)
    if name in ("scratch", DENSE):
        return Scratch(images, seed, clock)
    return Live(images, seed, clock, trained=name != "first")
