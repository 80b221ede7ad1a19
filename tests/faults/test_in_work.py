"""Memory that runs out, and losses that are none, at any place of a training, a prediction, Live.

Whatever fails, and where: the job has one last reply that says what to do, the best model so far
is in it or was sent before, and the next job of the same process works.
"""

from __future__ import annotations

import io
import math
import queue

import pytest
import torch

from counting import injected
from napari_unet.core.events import Notice
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.live import live_classifiers, live_trainer
from napari_unet.core.models.model import Model
from napari_unet.core.network.pretrained_unet import PretrainedUNet
from napari_unet.core.network.unet import UNet
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.training import data_parallel, train, trainer
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.weight_average import AveragedWeights
from napari_unet.learner import frames
from napari_unet.learner.child import loop, predicting
from napari_unet.learner.messages import (
    Failed,
    Improved,
    LivePlane,
    LiveRequest,
    LiveStrokes,
    LiveView,
    PlanePredicted,
    Predicted,
    PredictRequest,
    Reply,
    StopRequest,
    Trained,
    TrainRequest,
)
from scenes import discs, random_model, small_network

SCENE = discs(0)
DATA = random_model(small_network(depth=1)).to_bytes()
LAST = Trained | Predicted | Failed
CLASSES = describe_classes((1, 2), "scribbles")
WAYS_OUT = (
    "a new model",
    "begin anew",
    "close other programs",
    "fewer planes",
    "another device",
)
ERRORS = {
    "CPU": RuntimeError(
        "[enforce fail at alloc_cpu.cpp:118] err == 0. DefaultCPUAllocator: can't allocate memory: "
        "you tried to allocate 137438953472 bytes. Error code 12 (Cannot allocate memory)"
    ),
    "NumPy": MemoryError("Unable to allocate 128. GiB for an array"),
    "CUDA": torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
    "cuDNN": RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
}


class NoMore(Exception):
    """Nothing is left to do."""


class Inbox:
    """Gives each request when all before is done, or after some looks, and calls what can be."""

    def __init__(self, requests, looks: int) -> None:
        self.requests, self.every, self.looks = list(requests), looks, 0

    def get(self, block):
        self.looks += 1
        if block or self.looks % self.every == 0:
            while self.requests and callable(self.requests[0]):
                self.requests.pop(0)()
            if not self.requests:
                raise NoMore
            return self.requests.pop(0)
        raise queue.Empty


def replies_to(*requests, looks: int | None = None) -> list[Reply]:
    stream = io.BytesIO()
    with pytest.raises(NoMore):
        loop.Loop(Inbox(requests, looks or 10**9), stream).run()
    stream.seek(0)
    replies = []
    while stream.tell() < len(stream.getvalue()):
        replies.append(frames.receive(stream))
    return replies


def train_request(job: int, steps: int = 4) -> TrainRequest:
    settings = TrainSettings(steps=steps, device="cpu")
    image, strokes = SCENE.image[None], SCENE.strokes
    return TrainRequest(job, (image,), (strokes,), (), settings, CLASSES, DATA)


def predict_request(job: int) -> PredictRequest:
    return PredictRequest(job, (SCENE.image[None],), DATA, "cpu")


def live_requests(job: int) -> list:
    box = (0, 64, 0, 64)
    return [
        LiveRequest(job, CLASSES, "cpu"),
        LivePlane(job, "a", SCENE.image[None]),
        LiveStrokes(job, "a", box, SCENE.strokes),
        LiveView(job, 1, "a", box, None),
        StopRequest(job),
    ]


class Trap:
    """Lets calls of functions fail: from one of them on, for some time, or for ever."""

    def __init__(self, monkeypatch, owner, name: str, error, *, at: int, times: float) -> None:
        self.calls, self.sprung = 0, 0
        self.armed = True
        plain = getattr(owner, name)

        def call(*arguments, **options):
            if self.armed:
                self.calls += 1
                if at < self.calls <= at + times:
                    self.sprung += 1
                    raise error
            return plain(*arguments, **options)

        monkeypatch.setattr(owner, name, call)

    def disarm(self) -> None:
        self.armed = False


def check(replies: list[Reply], *, next_job: int) -> None:
    """One last reply, with a way out if it failed; then the next job went well."""
    first = [reply.content for reply in replies if reply.job == 1]
    ends = [content for content in first if isinstance(content, LAST)]
    assert len(ends) == 1, ends
    if isinstance(ends[0], Failed):
        assert "\n" not in ends[0].text
        assert any(way in ends[0].text for way in WAYS_OUT), ends[0].text
    for content in first:
        if isinstance(content, Improved | Trained):
            assert all(
                bool(w.isfinite().all()) for w in Model.from_bytes(content.model).weights.values()
            )
    after = [reply.content for reply in replies if reply.job == next_job]
    assert isinstance(after[-1], Predicted)
    assert any(isinstance(content, PlanePredicted) for content in after)


TRAINING = {
    "the labels are looked at": (train, "make_dataset"),
    "the network is made": (trainer, "starting_network"),
    "patches are prepared": (trainer, "patch_source"),
    "the weights are changed": (AveragedWeights, "update"),
    "the model is written": (Model, "to_bytes"),
    "a pass": (UNet, "forward"),
}
PREDICTION = {
    "the model is read": (Model, "from_bytes"),
    "the image is looked at": (predicting, "check_array"),
    "the network is made": (Model, "prediction_network"),
    "a tile": (Answers, "_by_network"),
}
LIVE = {
    "an image is taken in": (live_trainer.LiveTrainer, "add_image"),
    "features are computed": (PixelFeatures, "__init__"),
    "the classifier is fitted": (live_classifiers, "classifier_on"),
    "a view is predicted": (live_trainer.LiveTrainer, "predict_tiles"),
    "the model is written": (Model, "to_bytes"),
    "a pass": (PretrainedUNet, "forward"),
}


FAILURES = ((0, 1), (0, math.inf), (2, 1), (2, math.inf))


def endure(monkeypatch, requests, places, place, error, *, looks=None, failures=FAILURES) -> None:
    """Let calls fail, each time from another one on and so many."""
    owner, name = places[place]
    sprung = 0
    for at, times in failures:
        with monkeypatch.context() as patch:
            trap = Trap(patch, owner, name, ERRORS[error], at=at, times=times)
            replies = replies_to(*requests, trap.disarm, predict_request(2), looks=looks)
        check(replies, next_job=2)
        sprung += bool(trap.sprung)
    assert sprung > len(failures) / 3
    injected(sprung)


def table(places) -> list:
    """Every place with one kind of error, and one place with every kind."""
    first, *others = ERRORS
    return [(place, first) for place in places] + [(list(places)[-1], kind) for kind in others]


@pytest.mark.fault("out of memory, training")
@pytest.mark.parametrize(("place", "error"), table(TRAINING))
def test_memory_runs_out_in_a_training(monkeypatch, place, error):
    endure(monkeypatch, [train_request(1)], TRAINING, place, error)


@pytest.mark.fault("out of memory, prediction")
@pytest.mark.parametrize(("place", "error"), table(PREDICTION))
def test_memory_runs_out_in_a_prediction(monkeypatch, place, error):
    endure(monkeypatch, [predict_request(1)], PREDICTION, place, error)


@pytest.mark.fault("out of memory, Live")
@pytest.mark.parametrize(("place", "error"), table(LIVE))
def test_memory_runs_out_in_live(monkeypatch, place, error):
    failures = ((0, math.inf), (2, 1))
    endure(monkeypatch, live_requests(1), LIVE, place, error, looks=30, failures=failures)


@pytest.mark.fault("NaN loss")
@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("requests", [[train_request(1, steps=8)], live_requests(1)])
def test_the_loss_is_none(monkeypatch, requests, value):
    """What was sent before is kept, and a loss that stays so is not told for ever."""
    plain = data_parallel.weighted_cross_entropy
    for good in (0, 2):
        calls = iter(range(10**6))

        def spoilt(*arguments, good=good, calls=calls):
            loss = plain(*arguments)
            return loss if next(calls) < good else loss * value

        with monkeypatch.context() as patch:
            patch.setattr(data_parallel, "weighted_cross_entropy", spoilt)
            replies = replies_to(*requests, predict_request(2), looks=60)
        check(replies, next_job=2)
        notices = [
            r for r in replies if isinstance(r.content, Notice) and "finite" in r.content.text
        ]
        assert 1 <= len(notices) <= 6
    injected(2)
