from __future__ import annotations

import errno
import io
import queue
import tempfile
import time

import numpy as np
import pytest
import torch

import napari_unet as nu
from napari_unet.core.events import Notice, Progress, Score, Started, Step
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import cut
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.model import Model
from napari_unet.core.prediction.context import surroundings
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.core.segmentation.pieces import pieces_of
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner import frames
from napari_unet.learner.child import loop, predicting
from napari_unet.learner.computer import HERE
from napari_unet.learner.greeting import await_greeting
from napari_unet.learner.messages import (
    Failed,
    Improved,
    PlanePredicted,
    Predicted,
    PredictRequest,
    Ready,
    Reply,
    StopRequest,
    Trained,
    TrainRequest,
)
from napari_unet.learner.spawn import close_streams, spawn
from scenes import BALLS_VOXEL, balls, discs, random_model, small_network

SCENE = discs(0)
MODEL = random_model(small_network())
DATA = MODEL.to_bytes()


class NoMore(Exception):
    """Nothing is left to do."""


class Script:
    """An inbox: what is in it when the loop looks the n-th time; it ends when all is done."""

    def __init__(self, requests) -> None:
        self.requests = {look: list(batch) for look, batch in requests.items()}
        self.looks = 0

    def get(self, block):
        waiting = self.requests.get(self.looks)
        if waiting:
            return waiting.pop(0)
        if block:
            later = [look for look in self.requests if look > self.looks]
            if not later:
                raise NoMore
            self.looks = min(later)
            return self.get(block)
        self.looks += 1
        raise queue.Empty


class Ticks:
    """A clock that goes on by a step each time somebody looks."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def __call__(self) -> float:
        self.now += self.step
        return self.now


def run(requests, clock=time.monotonic) -> list[Reply]:
    """Let a loop work on requests by the look at which they arrive; return its replies."""
    if not isinstance(requests, dict):
        requests = {0: requests}
    stream = io.BytesIO()
    with pytest.raises(NoMore):
        loop.Loop(Script(requests), stream, clock).run()
    stream.seek(0)
    replies = []
    while stream.tell() < len(stream.getvalue()):
        replies.append(frames.receive(stream))
    return replies


def training(job=1, *, steps=3, seconds=None, labels=SCENE.strokes, model=DATA, image=SCENE.image):
    return TrainRequest(
        job=job,
        images=(image[None],),
        labels=(labels,),
        newest=(),
        settings=TrainSettings(steps=steps, seconds=seconds, device="cpu"),
        classes=describe_classes((1, 2), "scribbles"),
        model=model,
        pixel_size=(0.5, 0.5),
        pixel_unit="micrometer",
    )


def prediction(job=2, *, images=(SCENE.image[None],), model=DATA, **values):
    return PredictRequest(job=job, images=images, model=model, device="cpu", **values)


def piece(job):
    whole = Tile.whole(SCENE.image.shape)
    return prediction(job, images=(cut(SCENE.image[None], whole),), exact=True, tiles=True)


def kinds(replies, job=None) -> list[type]:
    return [type(reply.content) for reply in replies if job in (None, reply.job)]


class TestTraining:
    def test_tells_what_happens_and_ends_with_a_model(self):
        replies = run([training()])
        assert {reply.job for reply in replies} == {1}
        said = kinds(replies)
        assert said[0] is Started
        assert said[-3:] == [Score, Improved, Trained]
        last = replies[-1].content
        assert (last.step, last.reason) == (3, "budget")
        header = Model.from_bytes(last.model).header
        assert (header.pixel_size, header.pixel_unit) == ((0.5, 0.5), "micrometer")
        assert [record.steps for record in header.history] == [3]

    def test_steps_are_told_ten_times_a_second_at_most(self):
        replies = run([training(steps=40)])
        steps = [reply.content for reply in replies if isinstance(reply.content, Step)]
        elapsed = np.array([step.elapsed for step in steps])
        assert steps[0].step == 1
        assert (np.diff(elapsed) > 0.09).all()

    def test_without_a_model_starts_from_nothing(self):
        (last,) = (r.content for r in run([training(model=None)]) if isinstance(r.content, Trained))
        assert Model.from_bytes(last.model).header.preset == "pretrained"

    @pytest.mark.parametrize(
        ("request_", "message"),
        [
            (training(labels=np.zeros((64, 64), int)), "nothing is painted"),
            (training(image=np.full((64, 64), np.nan)), "NaN"),
            (training(model=b"nonsense"), "not a napari-unet model"),
        ],
    )
    def test_of_what_cannot_be_trained_on_fails_in_one_sentence(self, request_, message):
        (reply,) = run([request_])
        assert isinstance(reply.content, Failed)
        assert message in reply.content.text


class TestVolumes:
    def test_are_trained_on_and_predicted_as_parts(self):
        scene = balls(0)
        corner = np.s_[2:10, 4:36, 4:36]
        request = TrainRequest(
            job=1,
            images=(scene.image[corner][None],),
            labels=(scene.strokes[corner],),
            newest=(scene.strokes[corner] == 2,),
            settings=TrainSettings(steps=1, device="cpu", dimensions=3, voxel_size=BALLS_VOXEL),
            classes=describe_classes((1, 2), "scribbles"),
            model=None,
            pixel_unit="micrometer",
        )
        last = run([request])[-1].content
        assert isinstance(last, Trained)
        model = Model.from_bytes(last.model)
        assert (model.header.network.ndim, model.header.pixel_size) == (3, BALLS_VOXEL)

        part = prediction(
            images=request.images, model=last.model, region=(3, 5, 8, 30, 0, 32), probabilities=True
        )
        (ready,) = [r.content for r in run([part]) if isinstance(r.content, PlanePredicted)]
        expected = nu.predict_probabilities(model, scene.image[corner], device="cpu")
        expected = expected[:, 3:5, 8:30]
        assert ready.classes.shape == (2, 22, 32)
        np.testing.assert_allclose(ready.probabilities, expected, atol=0.02)


class TestPrediction:
    def test_of_each_plane_is_the_class_of_each_pixel(self):
        images = (SCENE.image[None], SCENE.image[None, 10:50])
        replies = run([prediction(images=images)])
        assert [k for k in kinds(replies) if k is not Progress] == [
            PlanePredicted,
            PlanePredicted,
            Predicted,
        ]
        planes = [r.content for r in replies if isinstance(r.content, PlanePredicted)]
        for plane, image in zip(planes, images, strict=True):
            expected = nu.predict(MODEL, image[0], device="cpu")
            assert plane.classes.dtype == expected.dtype
            assert (plane.classes == expected).mean() > 0.98  # in the fastest precision
            assert plane.probabilities is None
        assert not replies[-1].content.stopped

    def test_of_a_region_with_probabilities(self):
        region = (5, 40, 20, 61)
        replies = run([prediction(region=region, probabilities=True)])
        (plane,) = (r.content for r in replies if isinstance(r.content, PlanePredicted))
        whole = nu.predict_probabilities(MODEL, SCENE.image, device="cpu")
        assert plane.classes.shape == (35, 41)
        assert plane.probabilities.shape == (2, 35, 41)
        np.testing.assert_allclose(plane.probabilities, whole[:, 5:40, 20:61], atol=0.05)

    def test_progress_is_told_up_to_the_end(self):
        replies = run([prediction(images=(SCENE.image[None],) * 2)])
        progress = [r.content for r in replies if isinstance(r.content, Progress)]
        shares = [told.done / told.total for told in progress]
        assert shares == sorted(shares)
        assert shares[-1] == 1

    @pytest.mark.parametrize(
        ("image", "message"),
        [
            (np.zeros((3, 20, 20)), "1 channels and this image has 3"),
            (np.zeros((1, 20, 20)), "every pixel of the image"),
            (np.full((1, 20, 20), np.inf), "infinite"),
        ],
    )
    def test_of_what_is_no_image_for_the_model_fails_in_one_sentence(self, image, message):
        (reply,) = run([prediction(images=(image,))])
        assert isinstance(reply.content, Failed)
        assert message in reply.content.text

    def test_of_an_empty_plane_among_others_does_not_fail(self):
        replies = run([prediction(images=(SCENE.image[None], np.zeros((1, 20, 20))))])
        assert isinstance(replies[-1].content, Predicted)

    def test_a_halved_tile_is_told(self, monkeypatch):
        plain = predicting.predict_own_pixels

        def told(*args, **options):
            yield Notice("memory ran out.")
            yield from plain(*args, **options)

        monkeypatch.setattr(predicting, "predict_own_pixels", told)
        replies = run([prediction()])
        assert replies[0].content == Notice("memory ran out.")
        assert replies[-1].content == Predicted(stopped=False)

    def test_opens_the_same_model_once(self, monkeypatch):
        opened = []
        plain = Model.from_bytes

        def from_bytes(data):
            opened.append(data)
            return plain(data)

        monkeypatch.setattr(Model, "from_bytes", from_bytes)
        run([prediction(2), prediction(3)])
        assert opened == [DATA]


class TestOrder:
    def test_predictions_come_between_the_steps_of_a_training(self):
        replies = run({0: [training(steps=30)], 10: [prediction()]})
        jobs = [reply.job for reply in replies]
        during = jobs[jobs.index(2) : len(jobs) - jobs[::-1].index(2)]
        assert set(during) == {2}
        assert jobs[0] == jobs[-1] == 1

    def test_a_batch_and_a_training_share_the_time(self):
        """A batch sends a piece as soon as one is ready: something waits to be predicted always."""
        pieces = {look: [piece(100 + look)] for look in range(0, 120)}
        pieces[0].append(training(steps=12))
        replies = run(pieces, Ticks(0.1))
        jobs = [reply.job for reply in replies]
        ended = [r.job for r in replies if isinstance(r.content, Trained | Predicted)]
        assert ended.index(1) < 60, "of 120 pieces"
        first = jobs[: jobs.index(1)]
        assert len({job for job in first if job >= 100}) >= 2, "a short one is done in one go"
        assert len([job for job in ended[: ended.index(1)] if job >= 100]) > 5, "the batch goes on"

    def test_a_budget_counts_the_seconds_of_the_training_alone(self):
        pieces = {look: [piece(100 + look)] for look in range(0, 120)}
        pieces[0].append(training(steps=None, seconds=5))
        (last,) = [r.content for r in run(pieces, Ticks(0.1)) if isinstance(r.content, Trained)]
        (alone,) = [
            r.content
            for r in run([training(steps=None, seconds=5)], Ticks(0.1))
            if isinstance(r.content, Trained)
        ]
        assert (last.reason, last.step) == ("budget", alone.step)
        assert last.step > 5

    def test_trainings_wait_for_each_other(self):
        jobs = [reply.job for reply in run([training(1), training(5)])]
        assert jobs == sorted(jobs)

    def test_a_stopped_training_ends_with_a_model(self):
        replies = run({0: [training(steps=10_000)], 8: [StopRequest(1)]})
        last = replies[-1].content
        assert (type(last), last.reason) == (Trained, "stopped")
        assert 1 <= last.step < 12
        assert Model.from_bytes(last.model)

    def test_what_shall_stop_comes_before_what_waits(self):
        """A training that is stopped does not wait for the predictions."""
        many = prediction(images=(SCENE.image[None],) * 20)
        replies = run({0: [training(steps=10_000)], 6: [many], 9: [StopRequest(1)]})
        said = [(reply.job, type(reply.content)) for reply in replies]
        assert said.index((1, Trained)) < said.index((2, Predicted))
        assert said[-1] == (2, Predicted)

    def test_a_stopped_prediction_ends_after_its_tile(self):
        many = prediction(images=(SCENE.image[None],) * 20)
        replies = run({0: [many], 4: [StopRequest(2)]})
        assert replies[-1].content == Predicted(stopped=True)
        assert kinds(replies).count(PlanePredicted) < 5

    def test_a_prediction_that_is_stopped_before_it_begins_does_nothing(self):
        replies = run([prediction(2), StopRequest(2)])
        assert [reply.content for reply in replies] == [Predicted(stopped=True)]

    def test_stopping_what_has_ended_is_no_error(self):
        replies = run({0: [prediction(2)], 30: [StopRequest(2), prediction(3)]})
        assert [r.job for r in replies if isinstance(r.content, Predicted)] == [2, 3]


def test_an_error_of_ours_fails_the_job_alone(monkeypatch):
    plain = predicting.predict_own_pixels

    def broken(model, plane, factors, **options):
        if plane.shape[-1] == 20:
            raise ZeroDivisionError("a bug")
        return plain(model, plane, factors, **options)

    monkeypatch.setattr(predicting, "predict_own_pixels", broken)
    wrong = prediction(3, images=(np.random.default_rng(0).normal(size=(1, 20, 20)),))
    replies = run([wrong, prediction(4)])
    assert "ZeroDivisionError: a bug" in replies[0].content.text
    assert "please report" in replies[0].content.text
    assert isinstance(replies[-1].content, Predicted)
    assert "in broken" in replies[0].content.details  # for the log


def test_a_full_disk_fails_the_job_with_what_to_do(monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(predicting, "predict_own_pixels", full)
    (reply,) = run([prediction(3)])
    assert reply.content.text.startswith("the disk is full where the learner runs")


class TestRealProcess:
    @pytest.fixture
    def child(self):
        with tempfile.TemporaryFile() as log:
            child = spawn(HERE.argv, log)
            yield child
            child.kill()
            child.wait()
            close_streams(child)

    def test_ends_with_its_parent_in_the_middle_of_a_training(self, child):
        """And says nothing but messages before that, whatever the libraries print."""
        await_greeting(child.stdout)
        ready = frames.receive(child.stdout)
        assert isinstance(ready.content, Ready)
        assert ready.content.device
        frames.send(child.stdin, training(steps=100_000))
        while not isinstance(frames.receive(child.stdout).content, Step):
            pass
        child.stdin.close()
        assert child.wait(timeout=30) == 0


class TestParts:
    def test_of_a_plane_are_predicted_as_the_plane(self):
        plane = SCENE.image[None]
        region = (20, 40, 30, 50)
        box = Tile(region[:2], region[2:])
        part = cut(plane, surroundings(MODEL.header.network, box, plane.shape[1:]))
        replies = [
            run([PredictRequest(1, (image,), DATA, region=region, probabilities=True)])
            for image in (plane, part)
        ]
        whole, cut_out = (
            next(r.content for r in said if isinstance(r.content, PlanePredicted))
            for said in replies
        )
        np.testing.assert_allclose(cut_out.probabilities, whole.probabilities, atol=1e-5)
        np.testing.assert_array_equal(cut_out.classes, whole.classes)

    @pytest.mark.parametrize("factors", [(0.5, 0.7), (1.6, 1.3)])
    def test_of_a_plane_of_another_pixel_size_are_those_of_the_resampled_plane(self, factors):
        source = ImageSource.from_array(SCENE.image, "YX")
        (piece,) = pieces_of(source, MODEL.header.network, factors=factors)
        expected = np.zeros((2, *SCENE.image.shape), np.float32)
        for part in predict_tiles(MODEL, piece, device=torch.device("cpu")):
            where, values = piece.put_back(part)
            expected[:, where["Y"], where["X"]] = values

        def predicted(image, region):
            request = PredictRequest(
                1, (image,), DATA, region=region, factors=factors, probabilities=True
            )
            said = run([request])
            return next(r.content for r in said if isinstance(r.content, PlanePredicted))

        plane = SCENE.image[None]
        whole = predicted(plane, None)
        np.testing.assert_allclose(whole.probabilities, expected, atol=0.02)  # bfloat16 or not
        region = (20, 41, 30, 51)
        part = predicted(plane, region)
        np.testing.assert_allclose(
            part.probabilities, whole.probabilities[:, 20:41, 30:51], atol=0.02
        )

    def test_of_a_plane_are_trained_on(self):
        plane, strokes = SCENE.image[None], SCENE.strokes
        box = Tile((0, 64), (0, 40))
        request = TrainRequest(
            job=1,
            images=(cut(plane, box),),
            labels=(strokes[box.slices],),
            newest=(strokes[box.slices] == 2,),
            settings=TrainSettings(steps=1, device="cpu"),
            classes=(),
            model=None,
        )
        assert isinstance(run([request])[-1].content, Trained)
