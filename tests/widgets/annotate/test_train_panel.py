"""Train, Stop, Stopping; and why not."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import paint_two_classes
from qtpy.QtCore import Qt

from fakes import model_file
from napari_unet.core.events import Started, Step
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner.messages import Failed, Ready, Trained
from napari_unet.session.state import State
from napari_unet.widgets.annotate.live_sync import LiveLoop
from napari_unet.widgets.annotate.train_panel import TrainPanel
from napari_unet.widgets.annotate.training import Training
from napari_unet.widgets.layers.strokes import new_annotation


def settings(seconds):
    return TrainSettings.checked(seconds=seconds)


def make(desk):
    return TrainPanel(desk, desk.training, desk.live, settings)


@pytest.fixture
def panel(qtbot, desk):
    desk.training = Training(desk, desk.owner)
    desk.live = LiveLoop(desk, settings, desk.owner)
    widget = make(desk)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def strokes(qtbot, desk, panel):
    layer = new_annotation(desk.image, desk.session.classes)
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    paint_two_classes(layer)
    qtbot.waitUntil(panel.button.isEnabled)
    return layer


@pytest.mark.parametrize("planes", [(), (3,)])
def test_strokes_where_nothing_was_imaged_teach_nothing(qtbot, desk, panel, planes):
    pixels = np.full((*planes, 20, 24), np.nan, np.float32)
    names = ("z", "y", "x")[-pixels.ndim :]
    image = desk.viewer.add_image(pixels, contrast_limits=(0, 1), axis_labels=names)
    desk.choice.image = image
    layer = new_annotation(image, desk.session.classes)
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    lead = tuple(1 for _ in planes)
    for row, value in ((3, 1), (9, 2)):
        layer.paint((*lead, row, 5), value)
    qtbot.waitUntil(lambda: "Nothing was imaged under the strokes" in panel.status.text())
    assert not panel.button.isEnabled()
    pixels[(*lead, slice(8, 11))] = 0.5
    layer.paint((*lead, 9, 6), 2)
    qtbot.waitUntil(panel.button.isEnabled)
    assert panel.status.text() == "Ready to train."


def click(qtbot, panel):
    qtbot.mouseClick(panel.button, Qt.MouseButton.LeftButton)


def test_what_is_missing_is_said_until_nothing_is(qtbot, desk, panel):
    assert not panel.button.isEnabled()
    assert "Press New strokes" in panel.button.toolTip()
    assert panel.status.text() == panel.button.toolTip()
    layer = new_annotation(desk.image, desk.session.classes)
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    qtbot.waitUntil(lambda: "at least one stroke" in panel.button.toolTip())
    layer.paint((3, 3), 2)
    qtbot.waitUntil(lambda: "class 2" in panel.button.toolTip())
    layer.paint((13, 13), 1)
    qtbot.waitUntil(panel.button.isEnabled)
    assert panel.status.text() == "Ready to train."
    desk.choice.annotation = None
    assert not panel.button.isEnabled()


def test_train_sends_the_strokes_and_the_time(qtbot, panel, strokes, fake):
    panel.seconds.setValue(30)
    click(qtbot, panel)
    (job,) = fake.trainings
    request = job.prepare()
    assert request.settings.seconds == 30
    assert np.array_equal(request.labels[0], strokes.data)
    assert request.images[0].shape == (1, 32, 40)


def test_the_button_goes_from_train_to_stop_to_stopping_to_train(
    qtbot, desk, panel, strokes, fake, answer
):
    click(qtbot, panel)
    job = fake.jobs[0]
    assert panel.button.text() == "&Stop"
    assert not panel.seconds.isEnabled()
    click(qtbot, panel)
    assert (panel.button.text(), panel.button.isEnabled()) == ("Stopping…", False)
    assert fake.stopped == [job.number]
    answer(job, Trained(10, 2.0, "stopped", 0.7, model_file(score=0.7)))
    assert (panel.button.text(), panel.button.isEnabled()) == ("&Train", True)
    assert "Stopped" in panel.status.text()
    assert "0.70" in panel.status.text()
    assert "further" in panel.button.toolTip()


def test_progress_time_left_and_device_are_shown(qtbot, panel, strokes, fake, answer):
    answer(0, Ready("CPU"))
    assert panel.device.text() == "Computes on: CPU"
    click(qtbot, panel)
    assert panel.progress.format() == "preparing"
    answer(fake.jobs[0], Started("CPU", "bfloat16", 1000, True), Step(1, 0.5, 15.0, 45.0))
    assert panel.progress.value() == 250
    assert panel.progress.format() == "45 s left"
    assert "bfloat16" in panel.device.text()


def test_a_failure_is_said_and_the_next_training_can_start(
    qtbot, panel, strokes, fake, answer, said
):
    click(qtbot, panel)
    answer(fake.jobs[0], Failed("the image is constant; choose another."))
    assert said == ["the image is constant; choose another."]
    assert panel.status.text() == "The image is constant; choose another."
    assert panel.button.isEnabled()


@pytest.mark.parametrize("victim", ["image", "annotation"])
def test_a_layer_that_is_removed_ends_the_training(
    qtbot, desk, panel, strokes, fake, answer, said, victim
):
    click(qtbot, panel)
    desk.viewer.layers.remove(getattr(desk.choice, victim))
    assert desk.session.state is State.STOPPING
    assert "was removed" in said[-1]
    answer(fake.jobs[0], Trained(10, 2.0, "stopped", 0.7, model_file()))
    assert desk.session.model is not None


def test_another_layer_that_is_removed_does_not(qtbot, desk, panel, strokes, fake):
    other = desk.viewer.add_image(np.zeros((4, 4)))
    click(qtbot, panel)
    desk.viewer.layers.remove(other)
    assert desk.session.state is State.TRAINING


def test_strokes_painted_meanwhile_wait_for_the_next_training(qtbot, panel, strokes, fake):
    click(qtbot, panel)
    before = strokes.data.copy()
    strokes.paint((25, 5), 2)
    assert np.array_equal(fake.jobs[0].prepare().labels[0], before)


def test_a_panel_that_is_gone_leaves_the_session_alone(qtbot, desk, panel, strokes, fake, answer):
    other = make(desk)
    other.deleteLater()
    qtbot.waitSignal(other.destroyed)
    qtbot.wait(20)
    click(qtbot, panel)
    answer(fake.jobs[0], Step(1, 0.5, 1.0, 2.0), Failed("gone."))
    assert desk.session.state is State.IDLE
