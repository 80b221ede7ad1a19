"""One training: its state, its steps, its scores, and the best model so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, datetime

import numpy as np
import torch

from napari_unet.core.events import Best, Done, Notice, Reason, Score, Started, Step, TrainEvent
from napari_unet.core.labels.classes import LabelKind
from napari_unet.core.models.header import (
    ModelHeader,
    ScorePoint,
    TrainingRecord,
    installed_versions,
)
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS, Preset, TrainedConfig
from napari_unet.core.network.device import (
    channels_last,
    computing,
    describe,
    dtype_of,
    free_memory,
    is_out_of_memory,
    pick_device,
)
from napari_unet.core.network.networks import TrainedNetwork, drawn
from napari_unet.core.network.pretrained_unet import PretrainedUNet
from napari_unet.core.training.closed_form import begin
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.judged import Judged
from napari_unet.core.training.optimizer import rate_factor
from napari_unet.core.training.optimizer_step import Stepper
from napari_unet.core.training.patch_sampler import PatchSource, volume_sides
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.validation import Scorer
from napari_unet.core.training.weight_average import AveragedWeights
from napari_unet.errors import DeviceUnavailable, UserError

_BALANCE: dict[LabelKind, float] = {"scribbles": 1.0, "classes": 0.5, "instances": 0.5}
STEPS_BETWEEN_SCORES = 25
_PATIENCE = 40  # scores without improvement
_TOLERANCE = 0.005  # a later model may score this much less: later weights are better annealed
_CUBES = (
    "no voxel size is known, so voxels are taken for cubes; if they are longer along one axis, "
    "set the layer's scale, or give --voxel-size in the shell."
)
_PLANES_ONLY = (
    "the pretrained network sees planes; volumes are learned by the network of the preset compact."
)

# How often a class is painted says nothing of how frequent it is; how often it occurs in dense
# labels does, and half a balance gave the best intersection over union there.


def starting_network(
    dataset: Dataset, settings: TrainSettings, model: Model | None
) -> TrainedNetwork:
    """Draw a new network, or take a model's and grow its last layer by the new classes."""
    count = len(dataset.classes)
    if model is None:
        preset = PRESETS[settings.preset]
        config = preset.network(dataset.channels, count, voxel_size=settings.cubes)
        return drawn(config, settings.seed)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(settings.seed)
        return model.network(count)


def patch_source(
    dataset: Dataset,
    config: TrainedConfig,
    settings: TrainSettings,
    device: torch.device,
    anchors: Sequence[np.ndarray] = (),
) -> PatchSource:
    """Return where a training draws its patches, of its preset's size."""
    preset = PRESETS[settings.preset]
    strokes = settings.label_kind == "scribbles"
    side: int | tuple[int, ...]
    if settings.cubes is None:
        side = preset.stroke_patch if strokes else preset.patch
    else:
        voxels = preset.stroke_voxels if strokes else preset.voxels
        side = volume_sides(dataset, voxels, settings.cubes)
    return PatchSource(
        dataset,
        config,
        side=side,
        elastic=settings.elastic,
        balance_exponent=_BALANCE[settings.label_kind],
        device=device,
        voxel_size=settings.cubes,
        anchors=anchors,
    )


class Run:
    """The state of a training, step by step.

    ``start`` is when the training began, by the clock that counts its seconds. The pixel size,
    (row, column) or of a voxel, where known, is kept in the model.
    """

    def __init__(
        self,
        dataset: Dataset,
        settings: TrainSettings,
        model: Model | None,
        *,
        start: float,
        clock: Callable[[], float],
        pixel_size: tuple[float, float] | tuple[float, float, float] | None = None,
        pixel_unit: str | None = None,
    ) -> None:
        self.dataset, self.start, self._clock = dataset, start, clock
        self.preset_name = settings.preset if model is None else model.header.trained_preset
        self._sees_planes_only = settings.dimensions == 3 and PRESETS[self.preset_name].pretrained
        if self._sees_planes_only:
            self.preset_name = "compact"
        self.device = pick_device(settings.device)
        self.dtype = dtype_of(settings.precision, self.device, settings.dimensions)
        self.precision = str(self.dtype).removeprefix("torch.")
        # What was chosen is kept: a measurement on a busy machine may choose otherwise next time.
        taken = {"preset": self.preset_name, "precision": self.precision}
        self.settings = settings.model_copy(update=taken)
        self.pixel_size, self.pixel_unit = pixel_size, pixel_unit
        self.preset: Preset = PRESETS[self.preset_name]
        self.history = () if model is None else model.header.history
        self.generator = torch.Generator().manual_seed(settings.seed)
        self.network = starting_network(dataset, self.settings, model).to(self.device)
        config = self.network.config
        self.network.to(memory_format=channels_last(config.ndim))  # type: ignore[call-overload]
        scribbles = settings.label_kind == "scribbles"
        anchors: Sequence[np.ndarray] = ()
        if model is None and isinstance(self.network, PretrainedUNet):
            anchors = begin(self.network, dataset, settings)
        self.source = patch_source(dataset, config, self.settings, self.device, anchors)
        self.scorer = Scorer(dataset, config, balanced=scribbles, device=self.device)
        self.learning_rate = settings.learning_rate or self.preset.learning_rate
        self.average = AveragedWeights(self.network)
        self.stepper = Stepper(
            self.network,
            self.average,
            self.preset,
            batch=self.preset.batch if config.ndim == 2 else self.preset.volume_batch,
            device=self.device,
            dtype=self.dtype,
            seed=settings.seed,
            way_out="train a new model, or use a smaller learning rate from Python",
        )
        self.curve: list[ScorePoint] = []
        self.best: tuple[float, Model] | None = None
        self.highest, self.scores_since_best = -math.inf, 0

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return self._clock() - self.start

    @property
    def steps(self) -> int:
        """Steps made so far."""
        return self.stepper.steps

    @property
    def progress(self) -> float:
        """Share of the budget that is spent, 0 to 1."""
        if self.settings.steps is not None:
            return min(1.0, self.steps / self.settings.steps)
        assert self.settings.seconds is not None  # one of the two is given: TrainSettings
        return min(1.0, self.elapsed / self.settings.seconds)

    def events(self, should_stop: Callable[[], bool]) -> Iterator[TrainEvent]:
        """Train to the end, see :func:`napari_unet.core.training.train.train_events`."""
        yield Started(
            device=describe(self.device),
            precision=self.precision,
            parameters=sum(parameter.numel() for parameter in self.network.parameters()),
            held_out=self.dataset.held_out,
        )
        if self._sees_planes_only:
            yield Notice(_PLANES_ONLY)
        if self.settings.dimensions == 3 and self.settings.voxel_size is None:
            yield Notice(_CUBES)
        try:
            reason = yield from self.steps_until(should_stop)
        except UserError as error:
            if self.best is None:
                raise
            reason = "stopped"
            yield Notice(f"{error} The training has ended with its best weights so far.")
        finally:
            self.stepper.close()
        assert self.best is not None  # a score always keeps a first model
        score, model = self.best
        before = model.header.history[-1]
        said = {"by_class": before.by_class, "mistake": before.mistake}
        history = (*self.history, self._record(score).model_copy(update=said))
        finished = Model(model.header.model_copy(update={"history": history}), model.weights)
        yield Done(self.steps, self.elapsed, reason, score, finished)

    def steps_until(self, should_stop: Callable[[], bool]) -> Generator[TrainEvent, None, Reason]:
        """Train until there is a reason to end, one step at least."""
        reason: Reason = "budget"
        while self.steps == 0 or self.progress < 1:
            before = self.steps
            yield from self.step()
            if self.steps > before and self.steps % STEPS_BETWEEN_SCORES == 0:
                yield from self.score()
            if should_stop():
                reason = "stopped"
                break
            if self.scores_since_best >= _PATIENCE:
                reason = "converged"
                break
        # Whoever stops wants an answer now, and to score large images takes long.
        last = reason != "stopped" and self.steps % STEPS_BETWEEN_SCORES != 0
        if self.best is None or last:
            yield from self.score()
        return reason

    def step(self) -> Iterator[TrainEvent]:
        """Make one step of the optimiser, or mend what keeps it from one."""
        rate = self.learning_rate * rate_factor(self.progress, self.steps)
        loss = self.stepper.step(self.source, self.generator, rate)
        if math.isnan(loss):
            yield Notice(self.stepper.trouble)
            return
        elapsed = self.elapsed
        done = self.progress
        remaining = elapsed * (1 - done) / done if done > 0 else None
        yield Step(self.steps, loss, elapsed, remaining)

    def score(self) -> Iterator[TrainEvent]:
        """Score the averaged weights and keep them if they are the best."""
        while True:
            try:
                with computing(self.device, self.dtype):
                    judged = self.scorer.judge(self.average.network)
                break
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
                yield self._score_smaller_tiles()
        per_class = judged.per_class
        value = float(np.nanmean(per_class))
        point = ScorePoint(
            step=self.steps, elapsed=self.elapsed, value=value, held_out=self.scorer.held_out
        )
        self.curve.append(point)
        yield Score(self.steps, point.elapsed, value, per_class, self.scorer.held_out)
        self.scores_since_best = 0 if value > self.highest else self.scores_since_best + 1
        self.highest = max(self.highest, value)
        # Without held-out strokes the score only says how well they are memorised: later is better.
        if not self.scorer.held_out or value >= self.highest - _TOLERANCE:
            model = self._snapshot(value, judged)
            self.best = (value, model)
            yield Best(self.steps, value, model)

    def _score_smaller_tiles(self) -> Notice:
        free_memory(self.device)
        if not self.scorer.halve_tiles():
            raise DeviceUnavailable(
                "memory does not suffice to score the smallest tile; close other programs or use "
                "another device."
            )
        return Notice("memory ran out while scoring; going on with tiles half as large.")

    def _snapshot(self, score: float, judged: Judged) -> Model:
        record = self._record(score).model_copy(update=self.scorer.report(judged))
        header = ModelHeader(
            network=self.network.config,
            preset=self.preset_name,
            label_kind=self.settings.label_kind,
            classes=self.dataset.classes,
            scaling=self.dataset.scaling,
            pixel_size=self.pixel_size,
            pixel_unit=self.pixel_unit,
            history=(*self.history, record),
        )
        return Model(header, self.average.state())

    def _record(self, score: float) -> TrainingRecord:
        return TrainingRecord(
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            steps=self.steps,
            seconds=round(self.elapsed, 3),
            score=score,
            labelled_pixels=self.dataset.labelled_pixels(),
            settings=self.settings.model_dump(mode="json"),
            versions=installed_versions(),
            device=describe(self.device),
            curve=tuple(self.curve),
            intensity_range=self.dataset.intensity_range,
        )
