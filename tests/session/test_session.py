from __future__ import annotations

import os
from dataclasses import replace
from inspect import getmembers_static

import numpy as np
import pytest
from psygnal import Signal

from fakes import FakeLearner, model_file
from napari_unet.core.events import Notice, Progress, Score, Started, Step
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import header_of
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput, InvalidModel, Level, UnreadableFile, UnwritableOutput
from napari_unet.learner.messages import (
    Failed,
    Improved,
    PlanePredicted,
    Predicted,
    Ready,
    Reply,
    Trained,
)
from napari_unet.session.session import Session
from napari_unet.session.state import Curve, PaintedPlanes, State
from scenes import random_model, small_network

SETTINGS = TrainSettings(seconds=10)
OLD, NEW = model_file(score=0.5), model_file(score=0.9)


def trained(model: bytes = NEW, reason: str = "budget") -> Trained:
    return Trained(step=100, elapsed=10.0, reason=reason, score=0.9, model=model)


def named_model(*names: str) -> bytes:
    """The content of a model file whose classes, from 1 on, have these names."""
    model = random_model(small_network())
    classes = tuple(
        ClassInfo(id=number, name=name, color="#00ff00") for number, name in enumerate(names, 1)
    )
    return replace(model, header=model.header.model_copy(update={"classes": classes})).to_bytes()


def planes(*labels: np.ndarray, keys=("a", "b", "c")) -> PaintedPlanes:
    images = tuple(np.zeros((1, *plane.shape), np.float32) for plane in labels)
    return PaintedPlanes(keys[: len(labels)], images, labels)


def painted(*points: tuple[int, int, int]) -> np.ndarray:
    """Labels of 6 x 6 pixels with single pixels (row, column, class)."""
    labels = np.zeros((6, 6), np.uint8)
    for row, column, class_id in points:
        labels[row, column] = class_id
    return labels


@pytest.fixture
def learner() -> FakeLearner:
    return FakeLearner()


@pytest.fixture
def session(learner) -> Session:
    return Session(learner)


@pytest.fixture
def heard(session) -> list[tuple]:
    """Every signal of the session, as (name, arguments...), newest last."""
    signals: list[tuple] = []
    for owner in (session, session.predictions):
        for name, _ in getmembers_static(type(owner), lambda value: isinstance(value, Signal)):
            getattr(owner, name).connect(
                lambda *arguments, name=name: signals.append((name, *arguments))
            )
    return signals


@pytest.fixture
def start(session, learner):
    """Start a training; return what gives it the learner's replies."""

    def begin(read=lambda: planes(painted((0, 0, 1), (5, 5, 2))), settings=SETTINGS):
        session.train(read, settings)
        job = learner.trainings[-1].number

        def reply(*contents):
            for content in contents:
                session.apply(Reply(job, content))

        reply.job = job
        return reply

    return begin


class TestTraining:
    def test_goes_from_idle_over_training_to_idle(self, session, start, heard):
        reply = start()
        assert session.state is State.TRAINING
        reply(Started("CPU", "float32", 9, True), trained())
        assert session.state is State.IDLE
        states = [arguments for name, *arguments in heard if name == "state_changed"]
        assert states == [[State.TRAINING], [State.IDLE]]
        assert ("trained", "budget") in heard

    def test_is_asked_for_with_what_is_painted_and_known(self, session, learner, start):
        session.rename_class(2, "nucleus")
        start()
        request = learner.trainings[0].prepare()
        assert request.job == learner.trainings[0].number
        assert request.settings == SETTINGS
        assert [entry.name for entry in request.classes] == ["background", "nucleus"]
        assert request.model is None
        np.testing.assert_array_equal(request.labels[0], painted((0, 0, 1), (5, 5, 2)))

    def test_nothing_is_read_before_the_learner_asks(self, start):
        start(read=lambda: pytest.fail("read in the main thread"))

    def test_a_second_one_is_refused_while_one_runs(self, session, start):
        start()
        with pytest.raises(InvalidInput, match="stop it first"):
            start()

    def test_continues_with_the_model_in_use(self, session, learner, start):
        start()(trained(OLD))
        start()
        assert learner.trainings[1].prepare().model == OLD

    def test_starts_afresh_when_the_model_is_forgotten(self, session, learner, start, heard):
        start()(trained(OLD))
        session.forget_model()
        assert heard[-1] == ("model_changed", None)
        assert (session.model, session.header, session.unsaved) == (None, None, False)
        start()
        assert learner.trainings[1].prepare().model is None


class TestModel:
    def test_is_replaced_when_the_training_has_ended_not_before(self, session, start):
        start()(trained(OLD))
        reply = start()
        reply(Improved(25, 0.7, NEW))
        assert session.model == OLD
        reply(trained(NEW))
        assert session.model == NEW
        assert session.header == header_of(NEW)
        assert session.unsaved

    def test_stays_when_a_training_fails(self, session, start, heard):
        start()(trained(OLD))
        start()(Failed("nothing is painted yet."))
        assert session.model == OLD
        assert session.state is State.IDLE
        assert ("said", Level.ERROR, "nothing is painted yet.") in heard

    def test_is_the_best_one_so_far_when_a_training_fails_half_way(self, session, start):
        start()(trained(OLD))
        start()(Improved(25, 0.7, NEW), Failed("something went wrong."))
        assert session.model == NEW
        assert session.state is State.IDLE

    def test_better_weights_are_told_while_training(self, start, heard):
        start()(Improved(25, 0.7, NEW))
        assert ("improved", NEW) in heard


class TestStopping:
    def test_waits_for_the_last_reply(self, session, learner, start):
        reply = start()
        session.stop_training()
        assert session.state is State.STOPPING
        assert learner.stopped == [reply.job]
        reply(Step(3, 0.5, 1.0, 9.0))
        assert session.state is State.STOPPING
        reply(trained(NEW, "stopped"))
        assert session.state is State.IDLE
        assert session.model == NEW

    def test_is_asked_for_once(self, session, learner, start):
        start()
        session.stop_training()
        session.stop_training()
        assert len(learner.stopped) == 1

    def test_without_a_training_does_nothing(self, session, learner):
        session.stop_training()
        assert session.state is State.IDLE
        assert learner.stopped == []

    def test_before_a_first_model_is_no_error(self, session, start, heard):
        reply = start()
        session.stop_training()
        reply(Failed("stopped before there was a first model."))
        assert ("said", Level.INFO, "stopped before there was a first model.") in heard
        assert session.state is State.IDLE


class TestLateReplies:
    def test_of_an_old_training_are_ignored(self, session, start, heard):
        old = start()
        old(trained(OLD))
        start()
        heard.clear()
        old(Step(9, 0.1, 1.0, 0.0), Improved(9, 0.9, NEW), trained(NEW), Failed("late"))
        assert heard == []
        assert session.model == OLD
        assert session.state is State.TRAINING

    def test_of_an_ended_prediction_are_ignored(self, session, heard):
        job = session.predictions.start(lambda: (), OLD)
        session.apply(Reply(job, Predicted(stopped=True)))
        heard.clear()
        session.apply(Reply(job, PlanePredicted(0, np.zeros((2, 2), np.uint8), None)))
        session.apply(Reply(job, Predicted(stopped=False)))
        assert heard == []

    def test_of_unknown_jobs_are_ignored(self, session, heard):
        session.apply(Reply(77, trained()))
        assert heard == []
        assert session.model is None


class TestProgress:
    def test_tells_the_share_and_the_seconds_left(self, start, heard):
        reply = start()
        assert ("progress_changed", 0.0, 10) in heard
        reply(Step(5, 0.5, 2.0, 6.0))
        assert ("progress_changed", 0.25, 6.0) in heard
        reply(Step(5, 0.5, 2.0, None))
        assert heard[-1] == ("progress_changed", 0.0, None)

    def test_the_curve_grows_and_starts_afresh(self, session, start):
        assert session.curve == Curve()
        reply = start()
        reply(Step(1, 0.9, 1, 9), Score(1, 1.0, 0.4, (0.3, 0.5), False), Step(2, 0.8, 2, 8))
        assert session.curve == Curve(((1, 0.9), (2, 0.8)), ((1, 0.4),), held_out=False)
        reply(trained())
        assert len(session.curve.losses) == 2
        start()
        assert session.curve.losses == ()

    def test_the_device_is_in_plain_sight(self, session, start, heard):
        session.apply(Reply(0, Ready("CPU, 2 threads")))
        assert session.device == "CPU, 2 threads"
        start()(Started("CPU, 2 threads", "bfloat16", 9, True))
        assert session.device == "CPU, 2 threads, bfloat16"
        assert [n for n, *_ in heard].count("device_changed") == 2

    def test_notices_are_warnings(self, start, heard):
        start()(Notice("memory ran out; training goes on with batches of 2."))
        assert heard[-1][:2] == ("said", Level.WARNING)

    def test_a_learner_that_cannot_start_is_an_error(self, session, heard):
        session.apply(Reply(0, Failed("the training process cannot start.")))
        assert heard[-1] == ("said", Level.ERROR, "the training process cannot start.")
        assert session.device.startswith("not running")


class TestNewestStrokes:
    def newest(self, learner, start, *rounds: PaintedPlanes) -> tuple[np.ndarray, ...]:
        """Train on each round; return what was newest in the last one."""
        for number, round_planes in enumerate(rounds):
            reply = start(read=lambda p=round_planes: p)
            request = learner.trainings[number].prepare()
            reply(trained())
        return request.newest

    def test_are_all_at_first(self, learner, start):
        labels = painted((0, 0, 1), (5, 5, 2))
        (newest,) = self.newest(learner, start, planes(labels))
        np.testing.assert_array_equal(newest, labels != 0)

    def test_are_what_was_painted_or_changed_since(self, learner, start):
        before = painted((0, 0, 1), (5, 5, 2), (3, 3, 2))
        after = painted((0, 0, 1), (5, 5, 1), (2, 2, 2))  # changed, added, and one erased
        (newest,) = self.newest(learner, start, planes(before), planes(after))
        np.testing.assert_array_equal(np.argwhere(newest), [[2, 2], [5, 5]])

    def test_are_none_when_nothing_was_painted(self, learner, start):
        labels = painted((0, 0, 1), (5, 5, 2))
        (newest,) = self.newest(learner, start, planes(labels), planes(labels.copy()))
        assert not newest.any()

    def test_are_all_on_a_plane_that_was_not_painted_before(self, learner, start):
        first, second = painted((0, 0, 1), (5, 5, 2)), painted((1, 1, 2))
        newest = self.newest(learner, start, planes(first), planes(first.copy(), second))
        assert [plane.sum() for plane in newest] == [0, 1]

    def test_follow_the_name_of_the_plane(self, learner, start):
        one, two = painted((0, 0, 1)), painted((5, 5, 2))
        newest = self.newest(
            learner, start, planes(one, two, keys=("a", "b")), planes(two, one, keys=("b", "a"))
        )
        assert not any(plane.any() for plane in newest)

    def test_of_an_annotation_that_got_another_shape_are_all(self, learner, start):
        labels = painted((0, 0, 1))
        (newest,) = self.newest(learner, start, planes(labels), planes(labels[:4]))
        assert newest.sum() == 1


class TestPredicting:
    def test_is_asked_for_with_its_model_and_region(self, session, learner):
        image = np.zeros((1, 4, 4))
        job = session.predictions.start(
            lambda: (image,), OLD, region=(0, 2, 1, 4), probabilities=True
        )
        request = learner.predictions[0].prepare()
        assert (request.job, request.model, request.region) == (job, OLD, (0, 2, 1, 4))
        assert request.probabilities
        assert request.images[0] is image

    def test_carries_planes_progress_and_the_end(self, session, learner, heard):
        job = session.predictions.start(lambda: (np.zeros((1, 4, 4)),), OLD)
        assert session.predictions.running
        session.apply(Reply(job, Progress(500, 1000)))
        for content in learner.predict(learner.predictions[0], 2):
            session.apply(Reply(job, content))
        assert not session.predictions.running
        assert [name for name, *_ in heard] == [
            "progressed",
            "plane_predicted",
            "ended",
        ]
        assert heard[0] == ("progressed", job, 500, 1000)
        assert heard[2] == ("ended", job, None, False)

    def test_carries_errors_and_stops(self, session, learner, heard):
        one, two = (session.predictions.start(lambda: (), OLD) for _ in range(2))
        session.predictions.stop(two)
        assert learner.stopped == [two]
        session.apply(Reply(one, Failed("3 channels.")))
        session.apply(Reply(two, Notice("memory ran out.")))
        session.apply(Reply(two, Predicted(stopped=True)))
        assert heard == [
            ("ended", one, "3 channels.", False),
            ("said", Level.WARNING, "memory ran out."),
            ("warned", "memory ran out."),
            ("ended", two, None, True),
        ]

    def test_goes_on_beside_a_training(self, session, start, heard):
        start()
        job = session.predictions.start(lambda: (), OLD)
        session.apply(Reply(job, Predicted(stopped=False)))
        assert session.state is State.TRAINING


class TestClasses:
    def test_are_background_and_one_more_at_first(self, session):
        assert [(entry.id, entry.name) for entry in session.classes] == [
            (1, "background"),
            (2, "class 2"),
        ]

    def test_a_new_one_has_the_next_id_and_another_colour(self, session, heard):
        session.know_ids([7])
        entry = session.add_class("nucleus")
        assert (entry.id, entry.name) == (8, "nucleus")
        assert session.classes[-1] is entry
        assert len({entry.color for entry in session.classes}) == 4
        assert heard[-1] == ("classes_changed", session.classes)

    def test_can_be_renamed_and_recoloured(self, session):
        session.rename_class(2, "  cell ")
        session.recolor_class(2, "#123456")
        assert session.classes[1] == ClassInfo(id=2, name="cell", color="#123456")

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda s: s.rename_class(2, "  "), "needs a name"),
            (lambda s: s.rename_class(2, "x" * 300), "class 2 cannot be changed"),
            (lambda s: s.recolor_class(2, "red"), "class 2 cannot be changed"),
            (lambda s: s.rename_class(9, "cell"), "no class 9"),
        ],
    )
    def test_a_change_that_makes_no_sense_is_refused(self, session, change, message):
        before = session.classes
        with pytest.raises(InvalidInput, match=message):
            change(session)
        assert session.classes == before

    def test_painted_ids_get_a_class_each_in_order(self, session, heard):
        session.know_ids([0, 5, 2, 3])
        assert [entry.id for entry in session.classes] == [1, 2, 3, 5]
        heard.clear()
        session.know_ids([0, 5, 2])
        assert heard == []

    def test_of_another_layer_replace_them(self, session, heard):
        others = (ClassInfo(id=4, name="x", color="#000000"),)
        session.use_classes(others)
        assert session.classes == others
        heard.clear()
        session.use_classes(others)
        session.use_classes(())
        assert heard == []
        assert session.classes == others


class TestFiles:
    def test_a_saved_model_brings_its_classes(self, session, tmp_path, heard):
        (tmp_path / "a.unet").write_bytes(model_file((1, 3, 4)))
        header = session.load_model(tmp_path / "a.unet")
        assert [entry.id for entry in session.classes] == [1, 3, 4]
        assert session.header == header
        assert not session.unsaved
        assert {name for name, *_ in heard} == {"model_changed", "classes_changed"}

    def test_names_given_since_outlive_an_older_version(self, session, tmp_path):
        (tmp_path / "a.unet").write_bytes(model_file((1, 2)))
        session.rename_class(2, "nucleus")
        session.recolor_class(1, "#123456")
        added = session.add_class("dust")
        session.load_model(tmp_path / "a.unet")
        assert [entry.name for entry in session.classes] == ["background", "nucleus", "dust"]
        assert session.classes[0].color == "#123456"
        assert session.classes[2] == added

    def test_names_of_a_project_outlive_its_version(self, session, tmp_path):
        (tmp_path / "a.unet").write_bytes(model_file((1, 2)))
        session.load_model(tmp_path / "a.unet")
        kept = (
            ClassInfo(id=1, name="soil", color="#000000"),
            ClassInfo(id=2, name="root", color="#ffffff"),
        )
        session.use_classes(kept)
        session.load_model(tmp_path / "a.unet")
        assert session.classes == kept

    def test_names_of_an_opened_model_make_way_for_those_of_the_next(self, session, tmp_path):
        (tmp_path / "a.unet").write_bytes(named_model("soil", "root"))
        (tmp_path / "b.unet").write_bytes(named_model("ground", "cell"))
        session.load_model(tmp_path / "a.unet")
        assert [entry.name for entry in session.classes] == ["soil", "root"]
        session.rename_class(2, "fine root")
        session.load_model(tmp_path / "b.unet")
        assert [entry.name for entry in session.classes] == ["ground", "fine root"]

    def test_a_model_of_dense_labels_leaves_the_classes_of_the_strokes(self, session, tmp_path):
        before = session.classes
        (tmp_path / "a.unet").write_bytes(model_file((0, 1), kind="instances"))
        session.load_model(tmp_path / "a.unet")
        assert session.classes == before

    def test_a_file_that_is_no_model_leaves_the_one_in_use(self, session, start, tmp_path):
        start()(trained(OLD))
        (tmp_path / "a.unet").write_bytes(b"something else")
        (tmp_path / "b.unet").write_bytes(NEW[:-20])
        for name, error in (("a", InvalidModel), ("b", InvalidModel), ("c", UnreadableFile)):
            with pytest.raises(error):
                session.load_model(tmp_path / f"{name}.unet")
        assert session.model == OLD
        assert session.unsaved

    def test_saving_writes_the_model_in_use(self, session, start, tmp_path, heard):
        start()(trained(NEW))
        session.save_model(tmp_path / "a.unet")
        assert (tmp_path / "a.unet").read_bytes() == NEW
        assert not session.unsaved
        assert heard[-1] == ("model_changed", session.header)
        assert os.listdir(tmp_path) == ["a.unet"]

    def test_saving_where_it_cannot_keeps_the_model_unsaved(self, session, start, tmp_path):
        start()(trained(NEW))
        with pytest.raises(UnwritableOutput):
            session.save_model(tmp_path / "missing" / "a.unet")
        assert session.unsaved
        assert session.model == NEW

    def test_there_is_nothing_to_save_at_first(self, session, tmp_path):
        with pytest.raises(InvalidInput, match="no model yet"):
            session.save_model(tmp_path / "a.unet")


class TestClosing:
    def test_ends_the_learner_and_keeps_the_best_weights(self, session, learner, start):
        session.add_class("x")
        start()(Improved(25, 0.7, NEW))
        session.close()
        assert learner.closed
        assert session.state is State.IDLE
        assert session.model == NEW
        assert session.unsaved
        assert len(session.classes) == 3

    def test_without_better_weights_keeps_the_model(self, session, start):
        start()(trained(OLD))
        start()
        session.close()
        assert session.model == OLD

    def test_it_goes_on_with_another_learner(self, session, start):
        start()(trained(OLD))
        session.predictions.start(lambda: (), OLD)
        session.close()
        assert not session.predictions.running
        another = FakeLearner()
        session.reopen(another)
        session.train(lambda: planes(painted((0, 0, 1))), SETTINGS)
        assert another.trainings[0].prepare().model == OLD
        session.apply(Reply(another.trainings[0].number, trained(NEW)))
        assert session.model == NEW


class TestIntensities:
    def test_are_of_the_model_in_use_which_then_is_not_saved(self, session, start, heard):
        start()(trained(OLD))
        session.unsaved = False
        session.use_way("stack")
        assert session.header.scaling.way == "stack" == header_of(session.model).scaling.way
        assert session.unsaved
        assert heard[-1] == ("model_changed", session.header)

    def test_hold_for_the_next_model_too(self, session, start):
        session.use_way("image")
        start()(trained(NEW))
        assert session.header.scaling.way == "image"

    def test_are_those_of_a_model_that_is_opened(self, session, tmp_path):
        model = random_model(small_network()).scaled("training")
        model.save(tmp_path / "a.unet")
        session.load_model(tmp_path / "a.unet")
        assert session.way == "training" and not session.unsaved
