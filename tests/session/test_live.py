"""The live loop as a session runs it, with a learner that says what it is told."""

from __future__ import annotations

import numpy as np
import pytest

from fakes import FakeLearner, model_file
from napari_unet.core.events import Corrective, LiveScore, Notice, Settled, Shown
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import header_of
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput, Level
from napari_unet.learner.messages import (
    Failed,
    Improved,
    LiveClasses,
    LivePlane,
    LiveRequest,
    LiveStrokes,
    LiveTile,
    LiveView,
    Reply,
    Trained,
    Waiting,
)
from napari_unet.session.live import changed_box
from napari_unet.session.session import Session
from napari_unet.session.state import Curve, State

OLD, NEW, NEWER = (model_file(score=score) for score in (0.5, 0.7, 0.9))
IMAGE = np.zeros((1, 6, 8))


@pytest.fixture
def learner() -> FakeLearner:
    return FakeLearner()


@pytest.fixture
def session(learner) -> Session:
    return Session(learner)


@pytest.fixture
def said(session) -> list[tuple]:
    heard: list[tuple] = []
    session.said.connect(lambda *what: heard.append(what))
    return heard


@pytest.fixture
def start(session, learner):
    """Start a live job; return what gives it the learner's replies."""

    def begin():
        session.start_live("cpu", 3)
        job = learner.jobs[-1].number

        def reply(*contents):
            for content in contents:
                session.apply(Reply(job, content))

        reply.job = job
        return reply

    return begin


@pytest.fixture
def tiles(session) -> list[LiveTile]:
    heard: list[LiveTile] = []
    session.live.tile_predicted.connect(heard.append)
    return heard


def tile(generation: int, version: int = 1) -> LiveTile:
    return LiveTile(generation, version, "a", (0, 2, 0, 2), np.zeros((2, 2), np.uint8))


def trained(model=NEW, reason="stopped") -> Trained:
    return Trained(9, 1.0, reason, 0.7, model)


def strokes(*points: tuple[int, int, int]) -> np.ndarray:
    labels = np.zeros((6, 8), np.uint8)
    for row, column, class_id in points:
        labels[row, column] = class_id
    return labels


class TestJob:
    def test_runs_from_start_to_stop(self, session, learner, start):
        reply = start()
        assert session.state is State.LIVE
        request = learner.jobs[0].prepare()
        assert request == LiveRequest(reply.job, session.classes, "cpu", 3)
        session.stop_live()
        assert (session.state, learner.stopped) == (State.STOPPING, [reply.job])
        reply(trained())
        assert (session.state, session.model) == (State.IDLE, NEW)

    def test_and_a_training_refuse_each_other(self, session, start):
        start()
        with pytest.raises(InvalidInput, match="switch it off"):
            session.train(lambda: None, TrainSettings(seconds=10))
        with pytest.raises(InvalidInput, match="switch it off"):
            session.start_live()

    def test_that_is_lost_keeps_its_best_model(self, session, start, said):
        start()(Improved(1, 0.7, NEW), Notice("the process ended."), trained(NEW, "lost"))
        assert (session.state, session.model) == (State.IDLE, NEW)
        assert said == [(Level.WARNING, "the process ended.")]

    def test_that_fails_keeps_its_best_model_and_says_why(self, session, start, said):
        start()(Improved(1, 0.7, NEW), Failed("something went wrong."))
        assert (session.state, session.model) == (State.IDLE, NEW)
        assert said == [(Level.ERROR, "something went wrong.")]

    def test_that_is_stopped_before_it_learnt_anything_says_nothing(self, session, start, said):
        reply = start()
        session.stop_live()
        reply(Failed("nothing was learnt yet."))
        assert (session.state, session.model, said) == (State.IDLE, None, [])

    def test_late_replies_are_dropped(self, session, start, tiles):
        reply = start()
        session.live.look_at("a", lambda: IMAGE, None)
        session.stop_live()
        reply(trained())
        reply(tile(1), Improved(3, 0.9, NEWER), trained(NEWER))
        assert (session.model, tiles) == (NEW, [])

    def test_closing_keeps_the_best_model(self, session, start):
        start()(Improved(1, 0.7, NEW))
        session.close()
        assert (session.state, session.model) == (State.IDLE, NEW)


class TestModel:
    def test_is_in_use_from_the_first(self, session, start):
        start()(Improved(1, 0.7, NEW), Improved(2, 0.9, NEWER))
        assert (session.model, session.header, session.unsaved) == (NEWER, header_of(NEWER), True)

    def test_takes_the_place_of_an_unsaved_one_only_at_the_end(self, session, start, said):
        start()(trained(OLD))
        reply = start()
        assert "Save that one first" in said[-1][1]
        reply(Improved(1, 0.7, NEW))
        assert session.model == OLD
        session.stop_live()
        reply(trained(NEWER))
        assert session.model == NEWER

    def test_takes_the_place_of_one_that_is_saved_meanwhile(self, session, start, tmp_path):
        start()(trained(OLD))
        reply = start()
        session.save_model(tmp_path / "old.unet")
        reply(Improved(1, 0.7, NEW))
        assert session.model == NEW

    def test_says_that_it_replaces_one_that_is_saved(self, session, start, said, tmp_path):
        start()(trained(OLD))
        session.save_model(tmp_path / "old.unet")
        start()
        assert said[-1][0] is Level.INFO
        assert "Save" not in said[-1][1]

    def test_nothing_is_said_where_there_is_none(self, start, said):
        start()
        assert said == []

    def test_is_trained_further_by_a_training_afterwards(self, session, learner, start):
        start()(trained(NEW))
        session.train(lambda: None, TrainSettings(seconds=10))
        assert session.state is State.TRAINING
        assert session.live.job is None


class TestStrokes:
    def test_are_sent_with_the_plane_first_then_only_where_they_changed(
        self, session, learner, start
    ):
        job = start().job
        session.live.paint("a", lambda: IMAGE, lambda: strokes((1, 2, 1), (3, 3, 2)))
        plane, first = learner.told(job)
        assert isinstance(plane, LivePlane)
        assert first.box == (1, 4, 2, 4)
        assert first.labels.tolist() == [[1, 0], [0, 0], [0, 2]]
        session.live.paint("a", lambda: pytest.fail("read"), lambda: strokes((1, 2, 1)))
        (second,) = learner.told(job)
        assert (second.box, second.labels.tolist()) == ((3, 4, 3, 4), [[0]])

    def test_that_did_not_change_are_not_sent(self, session, learner, start):
        job = start().job
        session.live.paint("a", lambda: pytest.fail("read"), strokes)
        session.live.paint("b", lambda: IMAGE, lambda: strokes((1, 1, 1)))
        assert len(learner.told(job)) == 2
        session.live.paint("b", lambda: IMAGE, lambda: strokes((1, 1, 1)))
        assert learner.told(job) == []

    def test_are_read_when_they_are_sent(self, session, learner, start):
        job, labels = start().job, strokes((1, 1, 1))
        session.live.paint("a", lambda: IMAGE, lambda: labels)
        labels[5, 5] = 2
        *_, message = learner.told(job)
        assert message.box == (1, 6, 1, 6)
        labels[:] = 0
        assert message.labels.any()  # it is a copy

    def test_of_a_layer_that_is_gone_are_erased(self, session, learner, start):
        job = start().job
        session.live.paint("a", lambda: IMAGE, lambda: strokes((1, 2, 1)))
        learner.told(job)
        session.live.erase("a")
        session.live.erase("never painted")
        (message,) = learner.told(job)
        assert isinstance(message, LiveStrokes)
        assert not message.labels.any()

    def test_of_a_layer_that_goes_before_they_were_sent_are_not_told(self, session, learner, start):
        job = start().job
        session.live.paint("a", lambda: pytest.fail("read"), lambda: strokes((1, 2, 1)))
        session.live.erase("a")
        assert learner.told(job) == []

    def test_without_a_job_go_nowhere(self, session, learner):
        session.live.paint("a", lambda: IMAGE, strokes)
        session.live.look_at("a", lambda: IMAGE, None)
        session.live.erase("a")
        assert not learner.added

    def test_classes_are_told(self, session, learner, start):
        job = start().job
        session.rename_class(2, "nucleus")
        (message,) = learner.told(job)
        assert isinstance(message, LiveClasses)
        assert message.classes[1].name == "nucleus"


class TestView:
    def test_carries_the_plane_where_it_is_not_known(self, session, learner, start):
        job = start().job
        session.live.paint("a", lambda: IMAGE, lambda: strokes((1, 2, 1)))
        told = []
        for key, read, region in (
            ("a", lambda: pytest.fail("read"), (0, 2, 0, 2)),
            ("b", lambda: IMAGE, None),
            ("b", lambda: pytest.fail("read"), (0, 1, 0, 1)),
        ):
            session.live.look_at(key, read, region)
            told += learner.told(job)
        views = [message for message in told if isinstance(message, LiveView)]
        assert [(v.key, v.generation, v.region, v.image is None) for v in views] == [
            ("a", 1, (0, 2, 0, 2), True),
            ("b", 2, None, False),
            ("b", 2, (0, 1, 0, 1), True),
        ]

    def test_afresh_is_a_new_generation(self, session, learner, start):
        job = start().job
        session.live.look_at("a", lambda: IMAGE, None)
        told = learner.told(job)
        session.live.look_at("a", lambda: IMAGE, None, afresh=True)
        told += learner.told(job)
        assert [view.generation for view in told] == [1, 2]

    def test_of_somebody_who_pans_the_last_one_alone_is_read_and_told(
        self, session, learner, start
    ):
        job, read = start().job, []
        for column in range(20):
            session.live.look_at(
                "a", lambda c=column: (read.append(c), IMAGE)[1], (0, 2, column, column + 2)
            )
        session.live.tell_classes(session.classes)
        view, classes = learner.told(job)
        assert (view.region, read) == ((0, 2, 19, 21), [19])
        assert isinstance(classes, LiveClasses)

    def test_who_looks_away_is_told_nothing(self, session, learner, start):
        job = start().job
        session.live.look_at("a", lambda: pytest.fail("read"), None)
        session.live.look_away()
        assert learner.told(job) == []

    def test_late_tiles_are_dropped(self, session, start, tiles):
        reply = start()
        session.live.look_at("a", lambda: IMAGE, None)
        reply(tile(1, 1), tile(1, 2), tile(1, 1))
        session.live.look_at("b", lambda: IMAGE, None)
        reply(tile(1, 3), tile(2, 3))
        session.live.look_away()
        reply(tile(2, 4))
        assert [(t.generation, t.version) for t in tiles] == [(1, 1), (1, 2), (2, 3)]


class TestWords:
    def test_what_is_missing_and_that_it_is_good_enough(self, session, start):
        heard = []
        session.live.status_changed.connect(heard.append)
        reply = start()
        reply(Waiting("paint a second class."), Waiting(""), Settled("Good enough."))
        reply(Corrective(5, 2, 0.3, 9.0))
        assert heard == ["paint a second class.", "", "Good enough.", ""]

    def test_the_curve_holds_both_scores(self, session, start):
        changes = []
        session.curve_changed.connect(lambda: changes.append(1))
        reply = start()
        reply(
            LiveScore(1, 0.5, 0.4),
            Corrective(1, 2, 0.25, 1.5),
            Shown(2, 0.5),
            LiveScore(9, 2.0, 0.8),
        )
        assert session.curve == Curve(
            scores=((0.5, 0.4), (2.0, 0.8)),
            corrective=((1.5, 0.25),),
            live=True,
        )
        assert len(changes) == 4
        reply(trained())
        assert session.curve.live


@pytest.mark.parametrize(
    ("points", "box"),
    [
        ([], None),
        ([(2, 3, 1)], (2, 3, 3, 4)),
        ([(0, 7, 1), (5, 0, 2)], (0, 6, 0, 8)),
    ],
)
def test_changed_box(points, box):
    assert changed_box(strokes(), strokes(*points)) == box
    assert changed_box(strokes(*points), strokes()) == box


def test_classes_are_those_of_the_start(session, learner):
    session.use_classes(describe_classes((1, 2, 5), "scribbles"))
    session.start_live()
    session.add_class()
    assert [entry.id for entry in learner.jobs[0].prepare().classes] == [1, 2, 5]
