from __future__ import annotations

import io
import os
import signal
import threading
import time

import numpy as np
import pytest
from talk import Talk

from napari_unet.core.events import Notice, Started, Step
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.model import Model
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from napari_unet.learner import client
from napari_unet.learner.messages import (
    Failed,
    Improved,
    PlanePredicted,
    Predicted,
    PredictRequest,
    Ready,
    Reply,
    Trained,
    TrainRequest,
)
from napari_unet.learner.spawn import last_words
from scenes import discs, random_model, small_network

SCENE = discs(0)
DATA = random_model(small_network()).to_bytes()
LAST = (Trained, Predicted, Failed)


def training(job: int, *, steps: int = 100_000) -> TrainRequest:
    return TrainRequest(
        job=job,
        images=(SCENE.image[None],),
        labels=(SCENE.strokes,),
        newest=(),
        settings=TrainSettings(steps=steps, device="cpu"),
        classes=describe_classes((1, 2), "scribbles"),
        model=DATA,
    )


def prediction(job: int) -> PredictRequest:
    return PredictRequest(job=job, images=(SCENE.image[None],), model=DATA, device="cpu")


def submit_training(talk, job: int, **values) -> None:
    talk.learner.submit(job, lambda: training(job, **values), training=True)


def submit_prediction(talk, job: int) -> None:
    talk.learner.submit(job, lambda: prediction(job), training=False)


def soon(condition) -> bool:
    """Wait until something holds, for some seconds at most."""
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.02)
    return condition()


class TestRealProcess:
    """All of these share one process, which each has to leave in good order."""

    def test_trains_and_predicts(self, real):
        submit_training(real, 1, steps=30)
        said = real.until(1, *LAST)
        assert isinstance(said[0], Started)
        assert [type(content) for content in said[-2:]] == [Improved, Trained]
        model = Model.from_bytes(said[-1].model)
        assert model.header.history[-1].steps == 30
        submit_prediction(real, 2)
        *_, plane, last = real.until(2, *LAST)
        assert isinstance(plane, PlanePredicted)
        assert plane.classes.shape == (64, 64)
        assert set(np.unique(plane.classes)) <= {1, 2}
        assert last == Predicted(stopped=False)

    def test_predicts_while_it_trains(self, real):
        submit_training(real, 3)
        real.until(3, Step)
        submit_prediction(real, 4)
        real.until(4, Predicted)
        real.learner.stop(3)
        (last,) = (content for content in real.until(3, *LAST) if isinstance(content, LAST))
        assert last.reason == "stopped"

    def test_stop_answers_at_once_with_the_best_model_so_far(self, real):
        pid = real.learner.pid
        submit_training(real, 5)
        real.until(5, Improved)
        start = time.monotonic()
        real.learner.stop(5)
        last = real.until(5, *LAST)[-1]
        assert time.monotonic() - start < 2  # half a second, where nothing else runs
        assert (type(last), last.reason) == (Trained, "stopped")
        assert Model.from_bytes(last.model).header.history[-1].steps >= 25
        assert real.learner.pid == pid or soon(lambda: real.learner.pid)

    @pytest.mark.fault("killed process")
    def test_that_is_killed_is_replaced_and_its_training_keeps_its_best_model(self, real):
        submit_training(real, 6)
        best = real.until(6, Improved)[-1]
        pid = real.learner.pid
        os.kill(pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
        said = real.until(6, *LAST)
        assert "ended unexpectedly" in next(c.text for c in said if isinstance(c, Notice))
        assert (said[-1].reason, said[-1].step >= best.step) == ("lost", True)
        assert Model.from_bytes(said[-1].model)
        assert soon(lambda: real.learner.pid not in (None, pid))
        submit_prediction(real, 7)
        assert real.until(7, *LAST)[-1] == Predicted(stopped=False)


class TestStop:
    @pytest.mark.fault("process that hangs")
    def test_of_a_process_that_hangs_replaces_it_and_keeps_the_best_model(self, scripted, starts):
        talk = scripted("hang", "answer")
        submit_training(talk, 1)
        talk.until(1, Improved)
        start = time.monotonic()
        talk.learner.stop(1)
        last = talk.until(1, *LAST)[-1]
        assert time.monotonic() - start < 2
        assert (last.reason, last.model, last.step) == ("stopped", b"best", 25)
        submit_training(talk, 2)
        assert talk.until(2, *LAST)[-1].reason == "budget"
        assert starts() == 2

    def test_does_not_wait_until_the_process_is_gone(self, scripted, monkeypatch):
        """A large process, or one that waits for a disk, takes long to end."""
        talk = scripted("hang", "answer")
        submit_training(talk, 1)
        submit_prediction(talk, 2)
        talk.until(1, Improved)
        lingering = talk.learner._process
        with monkeypatch.context() as patch:
            patch.setattr(lingering, "kill", lambda: None)
            talk.learner.stop(1)
            assert talk.until(1, *LAST)[-1].reason == "stopped"
            assert talk.until(2, *LAST) == [Predicted(stopped=False)]  # by the next process
            submit_training(talk, 3)
            assert talk.until(3, *LAST)[-1].reason == "budget"
            assert lingering.pid is not None
        lingering.kill()
        assert soon(lambda: lingering.pid is None)
        submit_prediction(talk, 4)
        assert talk.until(4, *LAST) == [Predicted(stopped=False)]

    def test_before_there_is_a_model_changes_nothing(self, scripted):
        talk = scripted("mute")
        submit_training(talk, 1)
        talk.until(0, Ready)
        talk.learner.stop(1)
        (last,) = talk.until(1, *LAST)
        assert last.text.startswith("stopped before there was a first model")

    @pytest.mark.fault("process that hangs")
    def test_of_a_prediction_that_hangs_ends_it(self, scripted):
        talk = scripted("hang")
        submit_prediction(talk, 1)
        talk.learner.stop(1)
        assert talk.until(1, *LAST) == [Predicted(stopped=True)]

    @pytest.mark.fault("process that hangs")
    def test_of_a_prediction_spares_the_warm_process_unless_it_hangs_on(
        self, scripted, starts, monkeypatch
    ):
        monkeypatch.setattr(client, "KILL_SECONDS", 2.0)
        talk = scripted("hang", "answer")
        talk.learner.warm_up()
        talk.until(0, Ready)
        pid = talk.learner.pid
        submit_prediction(talk, 1)
        talk.learner.stop(1)
        assert talk.until(1, *LAST) == [Predicted(stopped=True)]
        assert talk.learner.pid == pid
        submit_prediction(talk, 2)  # waits behind the one that hangs, until that is given up
        assert talk.until(2, *LAST) == [Predicted(stopped=False)]
        assert starts() == 2

    def test_of_a_prediction_that_answers_later_never_replaces_the_process(
        self, scripted, starts, monkeypatch
    ):
        monkeypatch.setattr(client, "KILL_SECONDS", 0.5)
        talk = scripted("answer")
        talk.learner.warm_up()
        talk.until(0, Ready)
        plain = talk.learner._pass_on
        held = []
        monkeypatch.setattr(talk.learner, "_pass_on", lambda *reply: held.append(reply))
        submit_prediction(talk, 1)
        assert soon(lambda: held)
        talk.learner.stop(1)
        assert talk.until(1, *LAST) == [Predicted(stopped=True)]
        monkeypatch.setattr(talk.learner, "_pass_on", plain)
        plain(*held[0])
        assert [reply for reply in talk.rest(1.0) if reply.job] == []
        assert starts() == 1

    def test_of_a_prediction_spares_a_training(self, scripted, starts):
        talk = scripted("hang")
        submit_training(talk, 1)
        talk.until(1, Improved)
        pid = talk.learner.pid
        submit_prediction(talk, 2)
        talk.learner.stop(2)
        assert talk.until(2, *LAST) == [Predicted(stopped=True)]
        assert talk.rest() == []
        assert (talk.learner.pid, starts()) == (pid, 1)

    def test_of_a_training_does_predictions_beside_it_again(self, scripted, starts):
        talk = scripted("hang", "answer")
        submit_training(talk, 1)
        submit_prediction(talk, 2)
        talk.until(1, Improved)
        talk.learner.stop(1)
        assert talk.until(1, *LAST)[-1].reason == "stopped"
        assert talk.until(2, *LAST) == [Predicted(stopped=False)]
        assert starts() == 2

    def test_while_the_layer_is_read_does_not_wait_for_it(self, scripted):
        talk = scripted("answer")
        reading = threading.Event()

        def prepare():
            reading.wait(20)
            return training(1)

        talk.learner.submit(1, prepare, training=True)
        talk.learner.submit(2, lambda: prediction(2), training=False)
        talk.learner.stop(1)
        talk.learner.stop(2)
        said = [talk.replies.get(timeout=20) for _ in range(2)]
        reading.set()
        assert {(reply.job, type(reply.content)) for reply in said} == {(1, Failed), (2, Predicted)}
        assert [reply for reply in talk.rest() if reply.job] == []

    def test_of_a_job_that_has_ended_does_nothing(self, scripted, starts):
        talk = scripted("answer")
        submit_prediction(talk, 1)
        talk.until(1, *LAST)
        talk.learner.stop(1)
        talk.learner.stop(99)
        assert talk.rest(0.7) == []
        assert starts() == 1


class TestTrouble:
    def test_what_the_layer_says_fails_the_job(self, scripted):
        talk = scripted("answer")

        def gone():
            raise InvalidInput("the image layer was removed; choose another.")

        def broken():
            raise KeyError("chunk 7")

        talk.learner.submit(1, gone, training=True)
        talk.learner.submit(2, broken, training=False)
        assert talk.until(1, *LAST) == [Failed("the image layer was removed; choose another.")]
        assert "KeyError: 'chunk 7'" in talk.until(2, *LAST)[-1].text
        submit_prediction(talk, 3)
        assert talk.until(3, *LAST) == [Predicted(stopped=False)]

    def test_a_process_that_dies_fails_its_jobs_with_its_last_words(self, scripted, starts):
        talk = scripted("crash", "answer")
        submit_prediction(talk, 1)
        (failed,) = talk.until(1, *LAST)
        assert "segmentation fault or so" in failed.text
        submit_prediction(talk, 2)
        assert talk.until(2, *LAST) == [Predicted(stopped=False)]
        assert starts() == 2

    @pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
    @pytest.mark.fault("killed process")
    def test_a_process_that_is_killed_most_likely_took_too_much_memory(self, scripted):
        talk = scripted("mute", "answer")
        submit_training(talk, 1)
        talk.until(0, Ready)
        assert soon(lambda: talk.learner._jobs[1].sent)
        os.kill(talk.learner.pid, signal.SIGKILL)
        assert "memory ran out" in talk.until(1, *LAST)[-1].text

    def test_whatever_such_a_process_said_before(self):
        log = io.BytesIO(b"UserWarning: something of no importance")
        assert "memory ran out" in last_words(log, -9)
        assert last_words(log, 1) == "UserWarning: something of no importance."

    def test_a_process_that_cannot_start_is_not_started_for_ever(self, scripted, starts):
        talk = scripted("refuse")
        talk.learner.warm_up()
        (failed,) = talk.until(0, Failed)
        assert "cannot start" in failed.text
        assert "no torch here" in failed.text
        assert starts() == 2
        submit_training(talk, 1)
        assert "no torch here" in talk.until(1, *LAST)[-1].text
        assert starts() <= 4

    def test_a_program_that_is_not_there_fails_the_job(self):
        talk = Talk(["/nowhere/python"])
        talk.learner.warm_up()
        assert "cannot start" in talk.until(0, Failed)[-1].text
        submit_training(talk, 1)
        assert "cannot start" in talk.until(1, *LAST)[-1].text
        talk.close()

    def test_a_process_that_prints_no_messages_is_replaced(self, scripted, starts):
        """As when something on this computer prints at each start of Python."""
        talk = scripted("chatter", "answer")
        talk.learner.warm_up()
        assert talk.until(0, Ready)[-1].device == "answer"
        submit_prediction(talk, 1)
        assert talk.until(1, *LAST) == [Predicted(stopped=False)]
        assert starts() == 2

    def test_each_job_has_one_last_reply(self, scripted):
        talk = scripted("hang", "crash", "answer")
        for job in (1, 2, 3):
            submit_training(talk, job)
        talk.until(1, Improved)
        talk.learner.stop(1)
        ended = []
        while len(ended) < 3:
            reply = talk.replies.get(timeout=20)
            ended += [reply.job] if isinstance(reply.content, LAST) else []
        ended += [reply.job for reply in talk.rest() if isinstance(reply.content, LAST)]
        assert sorted(ended) == [1, 2, 3]


class TestClose:
    def test_ends_the_process_and_the_threads(self, scripted):
        before = set(threading.enumerate())
        talk = scripted("hang")
        submit_training(talk, 1)
        talk.until(1, Improved)
        process = talk.learner._process
        talk.close()
        assert soon(lambda: process.pid is None)
        assert soon(lambda: talk.learner.pid is None)
        assert soon(lambda: set(threading.enumerate()) <= before)

    def test_does_not_wait_for_a_layer_that_is_read(self, scripted):
        talk, go_on = scripted("answer"), threading.Event()
        reading = threading.Event()

        def read():
            reading.set()
            go_on.wait(60)

        talk.learner.submit(1, read, training=False)
        assert reading.wait(60)
        talk.close()
        assert not go_on.is_set()
        go_on.set()
        assert soon(lambda: not talk.learner._sender.is_alive())

    def test_may_be_repeated(self, scripted):
        talk = scripted("answer")
        talk.learner.close()
        talk.learner.close()

    def test_starts_nothing_afterwards(self, scripted, starts):
        talk = scripted("answer")
        talk.learner.close()
        talk.learner.warm_up()
        submit_prediction(talk, 1)
        time.sleep(0.3)
        assert starts() == 0

    def test_a_process_is_started_when_it_is_needed_or_warmed_up(self, scripted, starts):
        talk = scripted("answer")
        assert soon(lambda: talk.learner.pid is None)
        talk.learner.warm_up()
        talk.learner.warm_up()
        assert isinstance(talk.until(0, Ready)[0], Ready)
        submit_prediction(talk, 1)
        talk.until(1, *LAST)
        assert starts() == 1
        assert talk.rest(0.2) == []


def test_replies_are_frozen():
    reply = Reply(1, Predicted(stopped=True))
    with pytest.raises(AttributeError):
        reply.job = 2


def test_a_closed_learner_takes_no_training(scripted):
    talk = scripted("answer")
    talk.close()
    with pytest.raises(InvalidInput, match="open it again"):
        submit_training(talk, 1)
