"""Sessions with a scripted learner, and a check that nothing is left behind."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest
from napari.components import ViewerModel
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QApplication, QWidget
from windowless import Windowless

from fakes import FakeLearner, Job
from napari_unet.learner.computer import Computer
from napari_unet.learner.messages import Content, Reply
from napari_unet.session.session import Session
from napari_unet.widgets.desk import shared
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.paint_watch import PaintWatch
from napari_unet.widgets.project import keeper, opening


@pytest.fixture
def fake() -> FakeLearner:
    return FakeLearner()


@pytest.fixture
def session(fake) -> Session:
    return Session(fake)


@pytest.fixture
def answer(session):
    """Give a session a learner's answers at once, in this thread."""

    def apply(job: Job | int, *contents: Content) -> None:
        number = job if isinstance(job, int) else job.number
        for content in contents:
            session.apply(Reply(number, content))

    return apply


@pytest.fixture
def said(session) -> list[str]:
    """What the session said, newest last."""
    texts: list[str] = []
    session.said.connect(lambda _level, text: texts.append(text))
    return texts


@pytest.fixture
def learners(monkeypatch) -> list[FakeLearner]:
    """The fake learners that dock widgets start, newest last."""
    started: list[FakeLearner] = []

    def start(_computer: Computer) -> FakeLearner:
        started.append(FakeLearner())
        return started[-1]

    monkeypatch.setattr(shared, "Learner", start)
    return started


@pytest.fixture
def make_window(qapp, request):
    """Make napari viewers with a real window, where there is OpenGL to draw in it."""
    if qapp.platformName() in ("offscreen", "minimal"):
        pytest.skip("napari's canvas needs a display with OpenGL; run the tests under xvfb-run")
    return request.getfixturevalue("make_napari_viewer")


@pytest.fixture
def make_viewer(qapp):
    """Make viewers with docks and without a canvas, for what is not about drawing."""
    made: list[Windowless] = []

    def make() -> Windowless:
        made.append(Windowless())
        return made[-1]

    yield make
    for viewer in made:
        viewer.close()


@pytest.fixture
def model() -> ViewerModel:
    """A viewer without a window."""
    return ViewerModel()


@pytest.fixture
def desk(qtbot, model, session):
    """What the panels share, for a grey image of 32 x 40 pixels without strokes."""
    image = model.add_image(np.zeros((32, 40), np.float32), name="cells")
    owner = QWidget()
    qtbot.addWidget(owner)
    choice = Choice(owner)
    choice.image = image
    watch = PaintWatch(model, choice, owner)
    return SimpleNamespace(
        owner=owner, viewer=model, session=session, choice=choice, watch=watch, image=image
    )


@pytest.fixture(autouse=True)
def recovery_root(monkeypatch, tmp_path):
    """Where strokes are kept for the next start: never in the user's own folder."""
    root = tmp_path / "recovery"
    monkeypatch.setattr(keeper, "recovery_root", lambda: root)
    monkeypatch.setattr(opening, "recovery_root", lambda: root)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))  # of other processes
    return root


@pytest.fixture(autouse=True)
def _nothing_is_left(qapp, recovery_root):
    """Fail a test that leaves a widget of ours or a learner's thread behind."""
    yield
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    QApplication.processEvents()
    end = time.monotonic() + 3
    while _threads() and time.monotonic() < end:
        time.sleep(0.02)
    assert not _threads()
    left = [type(widget) for widget in QApplication.topLevelWidgets()]
    assert not [kind for kind in left if kind.__module__.startswith("napari_unet")]


def _threads() -> list[str]:
    names = [thread.name for thread in threading.enumerate()]
    return [name for name in names if name.startswith(("learner-", "project-", "batch-", "cells-"))]
