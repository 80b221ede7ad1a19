"""Each training adds a version; the model in use is replaced only after success."""

from __future__ import annotations

import pytest

from fakes import FakeLearner, model_file
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner.messages import Failed, Improved, Reply, Trained
from napari_unet.project.changes import Changes
from napari_unet.project.index import ProjectIndex
from napari_unet.project.versions import SECONDS_BETWEEN_DRAFTS, History
from napari_unet.session.session import Session
from napari_unet.session.state import PaintedPlanes
from projects import facts, small_project, stroke


class Desk:
    """A session and its history, and what is kept of it."""

    def __init__(self) -> None:
        self.learner = FakeLearner()
        self.session = Session(self.learner)
        self.kept = []
        self.now = 0.0
        self.strokes = (stroke(),)
        self.reads = []  # copies that were made
        self.history = History(self.session, self.kept.append, self.used, clock=lambda: self.now)

    def used(self):
        return lambda strokes=self.strokes: self.reads.append(strokes) or strokes

    def answer(self, *contents) -> None:
        job = self.learner.trainings[-1].number
        for content in contents:
            self.session.apply(Reply(job, content))

    def train(self, *contents) -> None:
        self.session.train(lambda: PaintedPlanes((), (), ()), TrainSettings(seconds=5))
        self.answer(*contents)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def trained(score: float, reason="budget") -> Trained:
    return Trained(5, 1.0, reason, score, model_file(score=score))


def test_each_training_adds_a_version_and_knows_where_it_began(desk):
    desk.train(trained(0.5))
    desk.train(trained(0.6))
    first, second = desk.kept
    assert (first.number, first.kind, first.ended, first.parent) == (1, "train", True, None)
    assert (second.number, second.parent, second.model) == (2, 1, model_file(score=0.6))
    assert desk.history.in_use == 2


def test_a_version_has_the_strokes_of_its_beginning(desk):
    desk.session.train(lambda: PaintedPlanes((), (), ()), TrainSettings(seconds=5))
    before, desk.strokes = desk.strokes, (stroke(value=2),)
    desk.answer(trained(0.5))
    assert desk.kept[0].planes == before


def test_live_has_the_strokes_of_its_end(desk):
    desk.session.start_live()
    desk.strokes = (stroke(value=2),)
    desk.answer(trained(0.5))
    (version,) = desk.kept
    assert desk.reads == [], "they are copied by the thread that saves"
    version = version.with_planes()
    assert (version.kind, version.parent, version.planes) == ("live", None, desk.strokes)


@pytest.mark.parametrize("live", [False, True])
def test_the_best_of_a_long_training_is_kept_now_and_then(desk, live):
    desk.session.start_live() if live else desk.train()
    for score in (0.1, 0.2, 0.3):
        desk.now += SECONDS_BETWEEN_DRAFTS * 0.6
        desk.answer(Improved(1, score, model_file(score=score)))
    desk.answer(trained(0.9))
    draft, end = desk.kept
    assert (draft.number, draft.ended, draft.model) == (1, False, model_file(score=0.2))
    assert (end.number, end.ended, end.model) == (1, True, model_file(score=0.9))


def test_a_training_that_fails_half_way_adds_its_best(desk):
    desk.train(Improved(1, 0.4, model_file(score=0.4)), Failed("the process was lost."))
    (version,) = desk.kept
    assert version.model == model_file(score=0.4)
    assert desk.history.in_use == 1


def test_a_training_that_gives_nothing_adds_nothing_and_the_model_stays(desk):
    desk.train(trained(0.5))
    desk.train(Failed("there is nothing to learn."))
    assert len(desk.kept) == 1
    assert (desk.history.in_use, desk.session.model) == (1, model_file(score=0.5))
    desk.train(trained(0.6))
    assert desk.kept[-1].number == 2


def test_a_model_that_is_opened_is_a_version(desk, tmp_path):
    (tmp_path / "a.unet").write_bytes(model_file(score=0.3))
    desk.session.load_model(tmp_path / "a.unet")
    desk.train(trained(0.6))
    opened, second = desk.kept
    assert (opened.kind, opened.model) == ("opened", model_file(score=0.3))
    assert second.parent == opened.number == 1


def test_saving_the_model_to_a_file_is_no_new_version(desk, tmp_path):
    desk.train(trained(0.5))
    desk.session.save_model(tmp_path / "a.unet")
    assert len(desk.kept) == 1


def test_a_version_that_is_opened_again_is_known(desk, tmp_path):
    store = small_project(tmp_path / "p")
    desk.history.begin(store.index, keep_model=False)
    (tmp_path / "a.unet").write_bytes(model_file(score=0.8))  # as version 1
    desk.session.load_model(tmp_path / "a.unet")
    assert desk.kept == []
    assert desk.history.in_use == 1
    desk.train(trained(0.9))
    assert (desk.kept[0].number, desk.kept[0].parent) == (2, 1)


def test_a_new_model_is_none_of_the_versions(desk):
    desk.train(trained(0.5))
    desk.session.forget_model()
    assert desk.history.in_use is None
    desk.train(trained(0.6))
    assert desk.kept[-1].parent is None


def test_what_was_saved_is_told_once(desk, tmp_path):
    store = small_project(tmp_path / "p")
    told = []
    desk.history.versions_changed.connect(lambda versions: told.append(len(versions)))
    desk.history.show(store.index)
    desk.history.show(store.commit(Changes(facts(), (stroke((1,), 2),))))
    assert told == [1]


def test_the_model_that_is_there_can_begin_a_history(desk):
    desk.train(trained(0.5))
    desk.history.begin(ProjectIndex(), keep_model=True)
    assert (desk.kept[-1].number, desk.kept[-1].kind) == (1, "opened")
    assert desk.history.in_use == 1


def test_nothing_is_heard_after_the_end(desk):
    desk.history.stop_listening()
    desk.train(trained(0.5))
    assert desk.kept == []
