"""The curves follow the training, seldom enough."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

from fakes import model_file
from napari_unet.core.events import Corrective, LiveScore, Score, Started, Step
from napari_unet.core.training.settings import TrainSettings
from napari_unet.session.state import PaintedPlanes
from napari_unet.widgets.annotate import plot_panel
from napari_unet.widgets.annotate.plot_panel import PlotPanel

SOON_MS = plot_panel.REPAINT_MS + 100


@pytest.fixture
def panel(qtbot, model, session):
    widget = PlotPanel(SimpleNamespace(viewer=model, session=session))
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def training(session, fake):
    nothing = PaintedPlanes((), (), ())
    session.train(lambda: nothing, TrainSettings.checked(seconds=5))
    return fake.jobs[0]


def test_scores_are_drawn_and_the_tooltip_has_the_loss(qtbot, panel, training, answer):
    answer(training, Step(1, 0.9, 0.1, 4.9), Score(1, 0.1, 0.5, (), True), Step(2, 0.7, 0.2, 4.8))
    qtbot.waitUntil(lambda: "Step 2, loss 0.700" in panel.plot.toolTip())
    assert np.array_equal(panel._scores.getData(), [[1], [0.5]])
    assert panel.score_label.text() == f"{plot_panel.HELD_OUT}: 0.50"


def test_a_score_on_training_strokes_says_so(qtbot, panel, training, answer):
    answer(training, Started("cpu", "float32", 10, False), Score(1, 0.1, 0.5, (), False))
    qtbot.waitUntil(lambda: "paint more strokes" in panel.score_label.text())


def test_a_fast_training_is_drawn_seldom(qtbot, panel, training, answer, monkeypatch):
    drawn = []
    monkeypatch.setattr(panel._scores, "setData", lambda *_: drawn.append(1))
    panel._timer.setInterval(100)
    start = time.monotonic()
    for step in range(50):
        answer(training, Step(step + 1, 0.5, 0.1, 1.0))
        qtbot.wait(10)
    qtbot.waitUntil(lambda: bool(drawn))
    assert len(drawn) <= (time.monotonic() - start) / 0.1 + 1


def test_an_empty_curve_is_no_trouble(qtbot, panel, session):
    session.curve_changed.emit()
    qtbot.wait(SOON_MS)
    assert panel.corrective_label.text() == panel.score_label.text() == ""


def test_the_theme_is_followed(panel, model):
    dark = panel.plot.backgroundBrush().color().lightness()
    model.theme = "light"
    assert panel.plot.backgroundBrush().color().lightness() > dark


def test_a_finished_training_stays_to_be_seen(qtbot, panel, session, training, answer):
    from napari_unet.learner.messages import Trained

    answer(training, Step(1, 0.9, 0.1, 4.9), Trained(1, 0.1, "budget", 0.5, model_file()))
    qtbot.waitUntil(lambda: "loss 0.900" in panel.plot.toolTip())


def test_both_live_scores_are_drawn_against_seconds(qtbot, panel, session, fake, answer):
    session.start_live("cpu", 0)
    (job,) = fake.jobs
    answer(job, Corrective(1, 2, 0.25, 12.0), LiveScore(20, 30.0, 0.5), LiveScore(40, 40.0, 0.75))
    qtbot.waitUntil(lambda: panel.score_label.text() == f"{plot_panel.HELD_OUT}: 0.75")
    assert np.array_equal(panel._scores.getData(), [[30, 40], [0.5, 0.75]])
    assert np.array_equal(panel._corrective.getData(), [[12], [0.25]])
    panel.show()
    box = panel.plot.getPlotItem().vb
    qtbot.waitUntil(lambda: box.viewRange()[0][0] <= 12 and 40 <= box.viewRange()[0][1] < 60)
    bottom, top = box.viewRange()[1]
    assert bottom <= 0 < 1 <= top
