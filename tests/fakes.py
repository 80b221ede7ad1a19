"""A learner that says what a test tells it to, and model files that need no training."""

from __future__ import annotations

import json
import struct
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from napari_unet.core.events import Corrective, LiveScore, Settled, Shown
from napari_unet.core.images.box import Region, Tile
from napari_unet.core.images.check_array import check_array
from napari_unet.core.images.intensity import EACH_BY_ITSELF, Scaling
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import METADATA_KEY, ModelHeader, TrainingRecord
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS
from napari_unet.core.prediction.kept_answers import KeptAnswers
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.learner.computer import Computer
from napari_unet.learner.messages import (
    Content,
    LiveMessage,
    LiveRequest,
    PlanePredicted,
    Predicted,
    PredictRequest,
    Reply,
    TrainRequest,
)
from scenes import random_model, small_network


@dataclass(frozen=True)
class Job:
    """A job that a session submitted."""

    number: int
    prepare: Callable[[], TrainRequest | PredictRequest | LiveRequest]
    training: bool
    answer: Callable[[Content], None] | None = None


class FakeLearner:
    """Takes jobs and answers what it is told."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.stopped: list[int] = []
        self.dropped: list[int] = []
        self.added: dict[tuple[int, Hashable], Callable[[], Sequence[LiveMessage]]] = {}
        self.computers: list[Computer] = []
        self.warm = False
        self.closed = False
        self._deliver: Callable[[Reply], None] = lambda reply: None

    @property
    def trainings(self) -> list[Job]:
        return [job for job in self.jobs if job.training]

    @property
    def predictions(self) -> list[Job]:
        return [job for job in self.jobs if not job.training]

    @property
    def pieces(self) -> list[PredictRequest]:
        """What was asked for of planes, in the order in which it was."""
        return [job.prepare() for job in self.jobs if job.answer is not None]

    def submit(self, job, prepare, *, training, answer=None) -> None:
        self.jobs.append(Job(job, prepare, training, answer))

    def drop(self, job) -> None:
        self.dropped.append(job)

    def add(self, job, key, prepare) -> None:
        assert job in [known.number for known in self.jobs], "a learner would drop these"
        self.added[job, key] = prepare

    def told(self, job: int) -> list[LiveMessage]:
        """Prepare and return the live messages that were queued for a job since the last look."""
        mine = [self.added.pop(item) for item in list(self.added) if item[0] == job]
        return [message for prepare in mine for message in prepare()]

    def stop(self, job: int) -> None:
        self.stopped.append(job)

    def use(self, computer: Computer) -> None:
        self.computers.append(computer)

    def warm_up(self) -> None:
        self.warm = True

    def listen(self, deliver) -> None:
        self._deliver = deliver

    def close(self) -> None:
        self.closed = True

    def say(self, job: int, *contents: Content) -> None:
        if not self.closed:
            for content in contents:
                self._deliver(Reply(job, content))

    def answer_piece(self, number: int, *contents: Content) -> None:
        """Answer the piece that was asked for as the n-th, by default with the second class."""
        job = [job for job in self.jobs if job.answer is not None][number]
        region = Tile.of(job.prepare().region)
        found = np.zeros((2, *region.sides), np.float32)
        found[1] = 1
        usual = (TileProbabilities(region, found, 1.0), Predicted(stopped=False))
        for content in contents or usual:
            job.answer(content)

    def predict(self, job: Job, class_id: int) -> list[Content]:
        """Return the answer to a prediction: one class everywhere."""
        request = job.prepare()
        assert isinstance(request, PredictRequest)
        answers: list[Content] = []
        for number, image in enumerate(request.images):
            top, bottom, left, right = request.region or (0, image.shape[1], 0, image.shape[2])
            shape = (bottom - top, right - left)
            kept = np.full((2, *shape), 0.5, np.float32) if request.probabilities else None
            ids = np.full(shape, class_id, np.uint8)
            answers.append(PlanePredicted(number, ids, kept))
        return [*answers, Predicted(stopped=False)]


def model_file(
    ids=(1, 2),
    *,
    channels: int = 1,
    kind: str = "scribbles",
    score: float = 0.8,
    dimensions: int = 2,
    order: tuple[int, ...] | None = None,
    pixel_size: tuple[float, ...] | None = None,
    scaling: Scaling = EACH_BY_ITSELF,
    said: Mapping[str, Any] | None = None,
):
    """Return the bytes of a model file without weights; ``said`` is more of its training."""
    voxels = (1.0, 1.0, 1.0) if dimensions == 3 else None
    record = TrainingRecord(
        finished="2024-05-06T07:08:09+00:00",
        steps=100,
        seconds=10.0,
        score=score,
        labelled_pixels={},
        settings={},
        versions={},
        device="cpu",
        **(said or {}),
    )
    header = ModelHeader(
        channels=order,
        pixel_size=pixel_size,
        pixel_unit=None if pixel_size is None else "micrometer",
        network=PRESETS["compact"].network(channels, len(ids), voxel_size=voxels),
        preset="compact",
        scaling=scaling,
        label_kind=kind,
        classes=describe_classes(ids, kind),
        history=(record,),
    )
    text = json.dumps({"__metadata__": {METADATA_KEY: header.model_dump_json()}}).encode()
    return struct.pack("<Q", len(text)) + text


class GreyTrainer:
    """A live trainer that takes each pixel for the class whose strokes are as bright on average.

    It learns new strokes with its first piece of work, is scored with each of the next
    ``steps``, each of which it shows as a newer version, and then is settled.
    """

    steps = 2

    def __init__(self, images=(), device="auto", seed=0, *, classes=(), clock=None) -> None:
        self.images: list[np.ndarray] = []
        self.labels: list[np.ndarray] = []
        self.classes = classes
        self.version = 0
        self.closed = False
        self.device = torch.device("cpu")
        self.scaling = EACH_BY_ITSELF
        self.kept = KeptAnswers()
        self._means: dict[int, float] = {}
        self._new: list[tuple[int, np.ndarray]] = []
        self._left = self._step = self._strokes = 0

    def add_image(self, image: np.ndarray, place: object = None) -> int:
        check_array(image)
        self.images.append(image)
        self.labels.append(np.zeros(image.shape[-2:], np.uint8))
        return len(self.images) - 1

    def shape(self, index: int) -> tuple[int, int]:
        return self.labels[index].shape

    def set_labels(self, index: int, labels: np.ndarray, box: Region) -> None:
        top, bottom, left, right = box
        before = self.labels[index].copy()
        self.labels[index][top:bottom, left:right] = labels
        now = self.labels[index]
        self._new.append((index, (now != before) & (now > 0)))
        self._left = self.steps

    def set_classes(self, classes) -> None:
        self.classes = classes

    @property
    def class_ids(self) -> np.ndarray:
        return np.array(sorted(self._means), np.uint8)

    def close(self) -> None:
        self.closed = True

    @property
    def problem(self) -> str | None:
        painted = {int(i) for labels in self.labels for i in np.unique(labels)} - {0}
        return None if len(painted) > 1 else "paint a second class."

    @property
    def settled(self) -> bool:
        return not self._new and not self._left

    def advance(self) -> list:
        if self._new:
            return self._learn()
        self._step += 1
        self._left -= 1
        self.version += 1
        score = LiveScore(self._step, float(self._step), 0.8)
        last = [] if self._left else [Settled("Good enough.")]
        return [score, Shown(self.version, 1.0), *last]

    def _learn(self) -> list:
        events: list = []
        for index, mask in self._new:
            if self.version and mask.any():
                labels, found = self.labels[index], self._ids(self.images[index][0])
                self._strokes += 1
                right = float((found == labels)[mask].mean())
                events.append(Corrective(self._strokes, int(labels[mask][0]), right, 0.0))
        self._new.clear()
        grey: dict[int, list[np.ndarray]] = {}
        for image, labels in zip(self.images, self.labels, strict=True):
            for i in np.unique(labels[labels > 0]):
                grey.setdefault(int(i), []).append(image[0][labels == i])
        self._means = {i: float(np.concatenate(values).mean()) for i, values in grey.items()}
        self.version += 1
        return [*events, Shown(self.version, 0.0)]

    def _ids(self, plane: np.ndarray) -> np.ndarray:
        means = np.array(list(dict(sorted(self._means.items())).values()))
        return self.class_ids[np.abs(plane - means[:, None, None]).argmin(axis=0)]

    def predict_tiles(self, index: int, region: Tile | None = None):
        plane = self.images[index]
        region = region or Tile((0, plane.shape[1]), (0, plane.shape[2]))
        found = self._ids(plane[0][region.slices])
        yield TileProbabilities(region, np.float32(self.class_ids[:, None, None] == found), 1.0)

    def model(self) -> Model:
        model = random_model(small_network(n_classes=len(self._means)), ids=tuple(self._means))
        record = TrainingRecord(
            finished="2024-05-06T07:08:09+00:00",
            steps=self._step,
            seconds=1.0,
            score=0.8,
            labelled_pixels={},
            settings={},
            versions={},
            device="cpu",
        )
        return Model(model.header.model_copy(update={"history": (record,)}), model.weights)
