"""The U-Net of the package, trained and asked as anybody would through its public API."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

import napari_unet
from benchmarks.common.clocks import Clock
from benchmarks.crossval.checkpoints import Checkpoint, Kept
from benchmarks.crossval.data import Folder, Sample
from benchmarks.crossval.results import Point, Settings, Training
from benchmarks.crossval.variations import Variation
from napari_unet.core.events import Best, Done, Notice, Score, Started, Step
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import pick_device
from napari_unet.core.network.unet import UNet
from napari_unet.core.prediction.test_time_augmentation import orientations

_SECONDS_BETWEEN_SAVES = 60.0


def probabilities(model: Model, image: np.ndarray, device: str) -> np.ndarray:
    """Return (K, Y, X) class probabilities, by mirrored overlap tiles."""
    return napari_unet.predict_probabilities(model, image, device=device, average_rotations=True)  # type: ignore[arg-type]


class PaperUNet:
    """The method, or a variation of it.

    Parameters
    ----------
    folder, settings, variation, clock, seed
        What and how.
    kept
        Where its weights are kept while it trains, a path without an ending: a training that was
        interrupted goes on from them, and one that has ended is not made again.
    """

    timed = "the whole image, tile by tile"

    def __init__(
        self,
        folder: Folder,
        settings: Settings,
        variation: Variation,
        clock: Clock,
        *,
        seed: int,
        kept: Path,
    ) -> None:
        self._folder, self._settings, self._variation = folder, settings, variation
        self._clock, self._seed = clock, seed
        self._checkpoint = Checkpoint(kept)
        self._model: Model | None = None

    def train(self, samples: Sequence[Sample]) -> Training:
        """Train, or go on with what is kept of a training with the same settings."""
        seconds = 60 * self._settings.minutes
        made_with = (
            *self._settings.of(self._variation.trained_as),
            *(sample.name for sample in samples),
        )
        before = self._checkpoint.read(made_with)
        if before is not None and before.finished:
            self._model = before.model
            return before.training
        start_model = before.model if before is not None else self._pretrained()
        left = seconds - (before.training.seconds if before is not None else 0.0)
        recorder = Recorder(self._checkpoint, made_with, before)
        events = napari_unet.train_events(
            [sample.image for sample in samples],
            [sample.labels for sample in samples],
            model=start_model,
            clock=self._clock,
            seconds=max(left, 1.0),
            label_kind=self._folder.label_kind,
            preset=self._settings.preset,
            device=self._settings.device,
            seed=self._seed,
            **self._variation.settings,
        )
        for event in events:
            recorder.take(event)
        self._model = recorder.model
        return recorder.training

    def predict(self, item: Sample) -> np.ndarray:
        """Return (K, Y, X) float32 probabilities."""
        if self._model is None:
            raise RuntimeError("train before predicting")
        if self._variation.zero_padded:
            found = zero_padded_probabilities(self._model, item.plane, self._settings.device)
        else:
            found = probabilities(self._model, item.image, self._settings.device)
        return found[[list(self._model.class_ids).index(i) for i in self._folder.ids]]

    def seconds_to_predict(self, item: Sample, taken: float) -> float:
        """Return what the prediction took."""
        return taken

    def _pretrained(self) -> Model | None:
        if not self._variation.pretrained:
            return None
        return napari_unet.load_model(self._settings.pretrained)


class Recorder:
    """Keeps the best model and the curve of a training, and saves them now and then.

    Parameters
    ----------
    checkpoint, made_with
        Where to save, and with which settings.
    before
        What this training continues. Its model stays the best until there is one that is as good
        on held-out pixels; without such pixels later is better.
    """

    def __init__(
        self, checkpoint: Checkpoint, made_with: tuple[object, ...], before: Kept | None
    ) -> None:
        self._checkpoint, self._made_with = checkpoint, made_with
        self._before = before.training if before else None
        self._model: Model | None = before.model if before else None
        self._score = self._to_reach = before.score if before else -np.inf
        self._curve = list(before.training.curve) if before else []
        self._notices = list(before.training.notices) if before else []
        self._losses: list[float] = []
        self._steps, self._seconds, self._saved = 0, 0.0, 0.0
        self._device, self._parameters = "", 0

    @property
    def model(self) -> Model:
        """The best so far."""
        if self._model is None:
            raise RuntimeError("there was no score yet")
        return self._model

    @property
    def training(self) -> Training:
        """The training so far, with the one that it continues."""
        before = self._before
        return Training(
            steps=self._steps + (before.steps if before else 0),
            seconds=self._seconds + (before.seconds if before else 0.0),
            parameters=self._parameters,
            device=self._device,
            restarts=before.restarts + 1 if before else 0,
            curve=tuple(self._curve),
            notices=tuple(self._notices),
        )

    def take(self, event: object) -> None:
        """Note an event."""
        if isinstance(event, Started):
            self._device = f"{event.device}, {event.precision}"
            self._parameters = event.parameters
            self._to_reach = self._to_reach if event.held_out else -np.inf
        elif isinstance(event, Step):
            self._steps, self._seconds = event.step, event.elapsed
            self._losses.append(event.loss)
        elif isinstance(event, Score):
            self._seconds = event.elapsed
            self._add_point(event)
        elif isinstance(event, Best):
            if event.score >= self._to_reach:
                self._model, self._score = event.model, event.score
            if self._seconds - self._saved >= _SECONDS_BETWEEN_SAVES:
                self._save(finished=False)
        elif isinstance(event, Notice):
            self._notices.append(event.text)
        elif isinstance(event, Done):
            self._seconds = event.elapsed
            self._save(finished=True)

    def _add_point(self, event: Score) -> None:
        so_far = self.training
        loss = float(np.mean(self._losses)) if self._losses else None
        held_out = event.value if event.held_out and np.isfinite(event.value) else None
        self._curve.append(Point(so_far.steps, so_far.seconds, loss, held_out))
        self._losses = []

    def _save(self, *, finished: bool) -> None:
        self._saved = self._seconds
        self._checkpoint.write(
            self.model, self.training, self._score, self._made_with, finished=finished
        )


def zero_padded_probabilities(model: Model, plane: np.ndarray, device: str) -> np.ndarray:
    """Return (K, Y, X) probabilities with zero-padded convolutions and no context outside.

    Averaged over the eight orientations, as the others are.

    Parameters
    ----------
    model
        A trained model.
    plane
        (C, Y, X) float32, normalised.
    device
        Where to compute.
    """
    network = model.prediction_network(pick_device(device))  # type: ignore[arg-type]
    total = np.zeros((len(model.classes), *plane.shape[-2:]), dtype=np.float32)
    for turned, turned_total in zip(orientations(plane), orientations(total), strict=True):
        turned_total += _zero_padded(network, turned, model.header.network.strides[-1])
    return total / 8


def _zero_padded(network: UNet, plane: np.ndarray, stride: int) -> np.ndarray:
    rows, columns = plane.shape[-2:]
    padded = np.pad(plane, [(0, 0), (0, -rows % stride), (0, -columns % stride)])
    with torch.inference_mode():
        image = torch.from_numpy(padded)[None].to(next(network.parameters()).device)
        logits = network(image, padded=True)[0]
    return logits.float().softmax(dim=0)[:, :rows, :columns].cpu().numpy()
