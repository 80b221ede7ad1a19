"""A listener of the session that raises breaks neither the session nor a training."""

from __future__ import annotations

import numpy as np
import pytest
from psygnal import EmitLoopError

from fakes import FakeLearner, model_file
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import Failed, Improved, Reply, Trained
from napari_unet.session.session import Session
from napari_unet.session.state import PaintedPlanes, State

MODEL = model_file()
TRAINED = Trained(step=9, elapsed=1.0, reason="budget", score=0.9, model=MODEL)


@pytest.fixture
def learner() -> FakeLearner:
    return FakeLearner()


@pytest.fixture
def session(learner) -> Session:
    return Session(learner)


def break_at(signal, calls: int = 1) -> None:
    """Have the first calls of a signal raise."""
    left = [calls]

    def fail(*_: object) -> None:
        left[0] -= 1
        if left[0] >= 0:
            raise InvalidInput("the layer is gone.")

    signal.connect(fail)


def train(session: Session) -> None:
    planes = PaintedPlanes(("a",), (np.zeros((1, 6, 6)),), (np.ones((6, 6), np.uint8),))
    session.train(lambda: planes, TrainSettings(seconds=10))


@pytest.mark.parametrize("name", ["state_changed", "curve_changed", "progress_changed"])
def test_a_training_is_asked_for_before_anybody_hears_of_it(session, learner, name):
    break_at(getattr(session, name))
    told: list[float] = []
    session.progress_changed.connect(lambda share, _left: told.append(share))
    with pytest.raises(EmitLoopError):
        train(session)
    assert session.state is State.TRAINING
    assert len(learner.trainings) == 1
    assert told == ([0.0] if name != "progress_changed" else [])
    session.stop_training()
    assert learner.stopped == [learner.trainings[0].number]


def test_a_learner_that_takes_no_job_leaves_the_session_idle(session, learner, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise InvalidInput("the learner is closed.")

    monkeypatch.setattr(learner, "submit", refuse)
    for begin in (lambda: train(session), session.start_live):
        with pytest.raises(InvalidInput, match="closed"):
            begin()
        assert session.state is State.IDLE
    with pytest.raises(InvalidInput, match="closed"):
        session.predictions.start(lambda: (), MODEL)
    assert not session.predictions.running


def test_live_goes_on_and_can_be_stopped(session, learner):
    break_at(session.state_changed)
    with pytest.raises(EmitLoopError):
        session.start_live()
    assert session.state is State.LIVE
    session.stop_live()
    assert learner.stopped == [learner.trainings[0].number]


@pytest.mark.parametrize("last", [TRAINED, Failed("memory ran out.")])
@pytest.mark.parametrize("name", ["model_changed", "state_changed"])
def test_the_last_reply_ends_a_stop_whoever_raises(session, learner, name, last):
    train(session)
    job = learner.trainings[0].number
    session.apply(Reply(job, Improved(5, 0.7, MODEL)))
    session.stop_training()
    trained: list[str] = []
    session.trained.connect(trained.append)
    break_at(getattr(session, name))
    with pytest.raises(EmitLoopError):
        session.apply(Reply(job, last))
    assert session.state is State.IDLE
    assert session.model == MODEL
    assert trained == (["budget"] if last is TRAINED else [])


def test_the_last_reply_ends_live_whoever_raises(session, learner):
    session.start_live()
    session.stop_live()
    break_at(session.model_changed)
    with pytest.raises(EmitLoopError):
        session.apply(Reply(learner.trainings[0].number, TRAINED))
    assert session.state is State.IDLE


def test_a_model_that_cannot_be_read_ends_the_training_all_the_same(session, learner):
    train(session)
    broken = Trained(step=9, elapsed=1.0, reason="budget", score=0.9, model=b"broken")
    with pytest.raises(Exception, match="model"):
        session.apply(Reply(learner.trainings[0].number, broken))
    assert session.state is State.IDLE


def test_closing_ends_everything_whoever_raises(session, learner):
    train(session)
    session.apply(Reply(learner.trainings[0].number, Improved(5, 0.7, MODEL)))
    break_at(session.model_changed)
    with pytest.raises(EmitLoopError):
        session.close()
    assert session.state is State.IDLE
    assert learner.closed


def test_an_ended_prediction_is_told_though_its_progress_breaks(session, learner):
    ended: list[int] = []
    session.predictions.ended.connect(lambda job, _error, _stopped: ended.append(job))
    break_at(session.predictions.plane_predicted)
    job = session.predictions.start(lambda: (np.zeros((1, 4, 4)),), MODEL)
    plane, last = learner.predict(learner.predictions[0], 2)
    with pytest.raises(EmitLoopError):
        session.apply(Reply(job, plane))
    session.apply(Reply(job, last))
    assert ended == [job]
