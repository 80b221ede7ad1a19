"""A learner that says what a test tells it to, and model files that need no training."""

from __future__ import annotations

import json
import queue
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from napari_unet.core.classes import describe_classes
from napari_unet.core.config import PRESETS
from napari_unet.core.header import METADATA_KEY, ModelHeader, TrainingRecord
from napari_unet.learner.messages import (
    Content,
    PlanePredicted,
    Predicted,
    PredictRequest,
    Reply,
    TrainRequest,
)


@dataclass(frozen=True)
class Job:
    """A job that a session submitted."""

    number: int
    prepare: Callable[[], TrainRequest | PredictRequest]
    training: bool


class FakeLearner:
    """Takes jobs and answers what it is told."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.stopped: list[int] = []
        self.warm = False
        self.closed = False
        self._replies: queue.SimpleQueue[Reply | None] = queue.SimpleQueue()

    @property
    def trainings(self) -> list[Job]:
        return [job for job in self.jobs if job.training]

    @property
    def predictions(self) -> list[Job]:
        return [job for job in self.jobs if not job.training]

    def submit(self, job, prepare, *, training) -> None:
        self.jobs.append(Job(job, prepare, training))

    def stop(self, job: int) -> None:
        self.stopped.append(job)

    def warm_up(self) -> None:
        self.warm = True

    def replies(self) -> Iterator[Reply]:
        while (reply := self._replies.get()) is not None:
            yield reply

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            self._replies.put(None)

    def say(self, job: int, *contents: Content) -> None:
        for content in contents:
            self._replies.put(Reply(job, content))

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


def model_file(ids=(1, 2), *, channels: int = 1, kind: str = "scribbles", score: float = 0.8):
    """Return the bytes of a model file without weights."""
    record = TrainingRecord(
        finished="2024-05-06T07:08:09+00:00",
        steps=100,
        seconds=10.0,
        score=score,
        labelled_pixels={},
        settings={},
        versions={},
        device="cpu",
    )
    header = ModelHeader(
        network=PRESETS["compact"].network(channels, len(ids)),
        preset="compact",
        label_kind=kind,
        classes=describe_classes(ids, kind),
        history=(record,),
    )
    text = json.dumps({"__metadata__": {METADATA_KEY: header.model_dump_json()}}).encode()
    return struct.pack("<Q", len(text)) + text
