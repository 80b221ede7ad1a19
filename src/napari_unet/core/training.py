"""Training as a generator of events: whoever iterates decides where they go and when to stop."""

from __future__ import annotations

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.averaging import AveragedWeights
from napari_unet.core.classes import ClassInfo, LabelKind
from napari_unet.core.config import PRESETS, Preset, TrainSettings
from napari_unet.core.dataset import Dataset, make_dataset
from napari_unet.core.device import computing, describe, fast_dtype, is_out_of_memory, pick_device
from napari_unet.core.events import Best, Done, Notice, Reason, Score, Started, Step, TrainEvent
from napari_unet.core.header import ModelHeader, ScorePoint, TrainingRecord
from napari_unet.core.losses import weighted_cross_entropy
from napari_unet.core.model import Model
from napari_unet.core.patches import PatchSource
from napari_unet.core.scoring import Scorer
from napari_unet.core.unet import UNet
from napari_unet.errors import DeviceUnavailable, InvalidInput

DEFAULT_SECONDS = 60.0
STEPS_BETWEEN_SCORES = 25
_PATIENCE = 40  # scores without improvement
_TOLERANCE = 0.005  # a later model may score this much less: later weights are better annealed
_WARM_UP_STEPS = 20
_LAST_LEARNING_RATE = 0.01
_GRADIENT_NORM = 1.0
_MOST_BAD_STEPS = 5
# How often a class is painted says nothing of how frequent it is; how often it occurs in dense
# labels does, and half a balance gave the best intersection over union there.
_BALANCE: dict[LabelKind, float] = {"scribbles": 1.0, "classes": 0.5, "instances": 0.5}


def train_events(
    images: Sequence[np.ndarray] | np.ndarray,
    labels: Sequence[np.ndarray] | np.ndarray,
    *,
    model: Model | None = None,
    classes: Sequence[ClassInfo] = (),
    newest: Sequence[np.ndarray] = (),
    pixel_size: tuple[float, float] | None = None,
    pixel_unit: str | None = None,
    should_stop: Callable[[], bool] = lambda: False,
    **settings: Any,
) -> Iterator[TrainEvent]:
    """Train step by step.

    Parameters
    ----------
    images
        One array or several, (..., Y, X), with a channel axis where there are channels: at the
        end for RGB, or before the rows. Any real dtype.
    labels
        One integer array an image, its shape without channels.
    model
        Model to start from: its classes continue, new ones are added.
    classes
        Names and colours of classes; the others get default ones.
    newest
        One boolean array an image of the labels' shape: what was painted last, looked at more
        often.
    pixel_size, pixel_unit
        Size of a pixel as (row, column), where known; kept in the model.
    should_stop
        Asked after each step; true ends the training, which keeps its best weights.
    **settings
        Fields of :class:`napari_unet.core.config.TrainSettings`.

    Yields
    ------
    TrainEvent
        ``Started``, then ``Step`` after each step and ``Score``, ``Best`` and ``Notice`` in
        between, at last ``Done`` with the model.

    Raises
    ------
    InvalidInput
        Images, labels or settings cannot be used as they are; raised before the first event.
    DeviceUnavailable
        The device is not there, or its memory does not suffice for one patch.
    """
    start = time.monotonic()
    image_list = [images] if isinstance(images, np.ndarray) else list(images)
    label_list = [labels] if isinstance(labels, np.ndarray) else list(labels)
    if settings.get("seconds") is None and settings.get("steps") is None:
        settings["seconds"] = DEFAULT_SECONDS
    checked = TrainSettings.checked(**settings)
    dataset = make_dataset(
        image_list, label_list, checked, newest=newest, known=classes, model=model
    )
    run = _Run(dataset, checked, model, start)
    run.pixel_size, run.pixel_unit = pixel_size, pixel_unit
    return run.events(should_stop)


def train(
    images: Sequence[np.ndarray] | np.ndarray,
    labels: Sequence[np.ndarray] | np.ndarray,
    *,
    model: Model | None = None,
    classes: Sequence[ClassInfo] = (),
    pixel_size: tuple[float, float] | None = None,
    pixel_unit: str | None = None,
    on_event: Callable[[TrainEvent], None] = lambda event: None,
    **settings: Any,
) -> Model:
    """Train and return the model with the best weights.

    Parameters
    ----------
    images, labels, model, classes, pixel_size, pixel_unit, **settings
        As for :func:`train_events`. Without ``seconds`` or ``steps`` it takes 60 s.
    on_event
        Called with each event.

    Raises
    ------
    InvalidInput, DeviceUnavailable
        As for :func:`train_events`.
    """
    for event in train_events(
        images,
        labels,
        model=model,
        classes=classes,
        pixel_size=pixel_size,
        pixel_unit=pixel_unit,
        **settings,
    ):
        on_event(event)
        if isinstance(event, Done):
            return event.model
    raise AssertionError("a training ends with Done")


class _Run:
    """One training."""

    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None

    def __init__(
        self, dataset: Dataset, settings: TrainSettings, model: Model | None, start: float
    ) -> None:
        self.dataset = dataset
        self.settings = settings
        self.start = start
        self.preset_name = settings.preset if model is None else model.header.preset
        self.preset: Preset = PRESETS[self.preset_name]
        self.history = () if model is None else model.header.history
        self.device = pick_device(settings.device)
        self.dtype = fast_dtype(self.device)
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.network = _starting_network(dataset, self.preset, model, settings.seed)
        self.network.to(self.device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        config = self.network.config
        self.source = PatchSource(
            dataset,
            config,
            side=self.preset.patch,
            elastic=settings.elastic,
            balance_exponent=_BALANCE[settings.label_kind],
            device=self.device,
        )
        balanced = settings.label_kind == "scribbles"
        self.scorer = Scorer(dataset, config, balanced=balanced, device=self.device)
        self.learning_rate = settings.learning_rate or self.preset.learning_rate
        self.optimizer = _optimizer(self.network, self.preset)
        self.average = AveragedWeights(self.network)
        self.batch = self.preset.batch
        self.steps = 0
        self.bad_steps = 0
        self.curve: list[ScorePoint] = []
        self.best: tuple[float, Model] | None = None
        self.scores_since_best = 0

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.start

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        if self.settings.steps is not None:
            return min(1.0, self.steps / self.settings.steps)
        assert self.settings.seconds is not None  # one of the two is given: TrainSettings
        return min(1.0, self.elapsed / self.settings.seconds)

    def events(self, should_stop: Callable[[], bool]) -> Iterator[TrainEvent]:
        yield Started(
            device=describe(self.device),
            precision=str(self.dtype).removeprefix("torch."),
            parameters=sum(parameter.numel() for parameter in self.network.parameters()),
            held_out=self.dataset.held_out,
        )
        reason: Reason = "budget"
        while self.progress < 1:
            yield from self.step()
            if self.steps % STEPS_BETWEEN_SCORES == 0:
                yield from self.score()
            if should_stop():
                reason = "stopped"
                break
            if self.scores_since_best >= _PATIENCE:
                reason = "converged"
                break
        if self.best is None or self.steps % STEPS_BETWEEN_SCORES:
            yield from self.score()
        assert self.best is not None  # a score always keeps a first model
        score, model = self.best
        yield Done(self.steps, self.elapsed, reason, score, self._finished(model))

    def step(self) -> Iterator[TrainEvent]:
        rate = self.learning_rate * _schedule(self.progress, self.steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        try:
            loss = self._update()
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            yield self._shrink()
            return
        if not math.isfinite(loss):
            yield self._go_back()
            return
        self.bad_steps = 0
        self.steps += 1
        self.average.update(self.network)
        elapsed = self.elapsed
        done = self.progress
        remaining = elapsed * (1 - done) / done if done > 0 else None
        yield Step(self.steps, loss, elapsed, remaining)

    def score(self) -> Iterator[TrainEvent]:
        """Score the averaged weights and keep them if they are the best."""
        with computing(self.device, self.dtype):
            per_class = self.scorer.score(self.average.network)
        value = float(np.nanmean(per_class))
        point = ScorePoint(
            step=self.steps, elapsed=self.elapsed, value=value, held_out=self.scorer.held_out
        )
        self.curve.append(point)
        yield Score(self.steps, point.elapsed, value, per_class, self.scorer.held_out)
        # Without held-out strokes the score only says how well they are memorised: later is better.
        highest = max(value, self.best[0]) if self.best else value
        if not self.scorer.held_out or value >= highest - _TOLERANCE:
            improved = self.best is None or value > self.best[0]
            self.scores_since_best = 0 if improved else self.scores_since_best + 1
            model = self._snapshot()
            self.best = (highest, model)
            yield Best(self.steps, value, model)
        else:
            self.scores_since_best += 1

    def _update(self) -> float:
        batch = self.source.draw(self.batch, self.generator)
        self.network.train()
        x = batch.images.contiguous(memory_format=torch.channels_last)
        with computing(self.device, self.dtype):
            logits = self.network(x, padded=self.network.config.pad_in_training)
        loss = weighted_cross_entropy(logits, batch.classes, batch.weights)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), _GRADIENT_NORM)
        value = loss.item()
        if math.isfinite(value):
            self.optimizer.step()
        return value

    def _shrink(self) -> Notice:
        """Halve the batch, or else the patch."""
        self.optimizer.zero_grad(set_to_none=True)
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if self.batch > 1:
            self.batch //= 2
            return Notice(f"memory ran out; training goes on with batches of {self.batch}.")
        before = self.source.side
        self.source.resize(before // 2)
        if self.source.side >= before:
            raise DeviceUnavailable(
                "memory does not suffice for the smallest patch; close other programs or use "
                "another device."
            )
        return Notice(f"memory ran out; training goes on with patches of {self.source.side} px.")

    def _go_back(self) -> Notice:
        """Return to the averaged weights and halve the learning rate after a loss that is none."""
        self.bad_steps += 1
        if self.bad_steps > _MOST_BAD_STEPS:
            raise InvalidInput(
                "the loss stays infinite or NaN; use a smaller learning rate or a new model."
            )
        self.average.copy_to(self.network)
        self.optimizer = _optimizer(self.network, self.preset)
        self.learning_rate /= 2
        return Notice("the loss was not finite; going on from before with half the learning rate.")

    def _snapshot(self) -> Model:
        header = ModelHeader(
            network=self.network.config,
            preset=self.preset_name,
            label_kind=self.settings.label_kind,
            classes=self.dataset.classes,
            pixel_size=self.pixel_size,
            pixel_unit=self.pixel_unit,
            history=(*self.history, self._record()),
        )
        return Model(header, self.average.state())

    def _finished(self, model: Model) -> Model:
        """Give the best model the whole training's record."""
        history = (*self.history, self._record())
        return Model(model.header.model_copy(update={"history": history}), model.weights)

    def _record(self) -> TrainingRecord:
        packages = ("napari-unet", "torch", "numpy")
        return TrainingRecord(
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            steps=self.steps,
            seconds=round(self.elapsed, 3),
            score=max((point.value for point in self.curve), default=None),
            labelled_pixels=self.dataset.labelled_pixels(),
            settings=self.settings.model_dump(mode="json"),
            versions={"python": platform.python_version()}
            | {package: version(package) for package in packages},
            device=describe(self.device),
            curve=tuple(self.curve),
        )


def _starting_network(dataset: Dataset, preset: Preset, model: Model | None, seed: int) -> UNet:
    """Draw a new network, or take a model's and grow its last layer by the new classes."""
    count = len(dataset.classes)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if model is None:
            return UNet(preset.network(dataset.channels, count))
        network = UNet(model.header.network.model_copy(update={"n_classes": count}))
    state = network.state_dict()
    for name, value in model.weights.items():
        state[name][: len(value)] = value
    network.load_state_dict(state)
    return network


def _optimizer(network: UNet, preset: Preset) -> torch.optim.Optimizer:
    parameters: list[Tensor] = list(network.parameters())
    if preset.optimizer == "sgd":  # Ronneberger et al. 2015, section 3: momentum 0.99
        return torch.optim.SGD(parameters, lr=preset.learning_rate, momentum=0.99)
    return torch.optim.AdamW(parameters, lr=preset.learning_rate, weight_decay=1e-4)


def _schedule(progress: float, steps: int) -> float:
    """Return the learning rate's factor: a linear warm-up, then half a cosine to 1 %."""
    warm = min(1.0, (steps + 1) / _WARM_UP_STEPS)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return warm * (_LAST_LEARNING_RATE + (1 - _LAST_LEARNING_RATE) * cosine)
