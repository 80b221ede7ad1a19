"""The whole dock, with a learner that says what it is told."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import layer_names, look_at, paint_two_classes
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QTableWidget, QWidget

from fakes import model_file
from napari_unet.core.events import Notice, Step
from napari_unet.learner.messages import Failed, Improved, Trained
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.layers.results import segmentation_of


@pytest.fixture
def viewer(make_viewer, learners):
    return make_viewer()


@pytest.fixture
def image(viewer):
    return viewer.add_image(np.zeros((32, 40), np.float32), name="cells", scale=(2, 2))


@pytest.fixture
def dock(viewer, image):
    widget = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(widget, name="dock")
    return widget


@pytest.fixture
def learner(dock, learners):
    return learners[0]


def button(dock, name) -> QPushButton:
    return dock.findChild(QPushButton, name)


def press(qtbot, dock, name):
    qtbot.mouseClick(button(dock, name), Qt.MouseButton.LeftButton)


@pytest.fixture
def training(qtbot, viewer, dock, learner):
    """Paint two strokes and press Train."""
    press(qtbot, dock, "new_annotation_button")
    paint_two_classes(viewer.layers["strokes on cells"])
    qtbot.waitUntil(button(dock, "train_button").isEnabled)
    press(qtbot, dock, "train_button")
    return learner.trainings[0]


def test_from_an_image_to_a_segmentation(qtbot, viewer, image, dock, learner, training):
    request = training.prepare()
    assert set(np.unique(request.labels[0])) == {0, 1, 2}
    learner.say(training.number, Trained(5, 1.0, "budget", 0.9, model_file()))
    qtbot.waitUntil(lambda: len(learner.predictions) == 1)
    (job,) = learner.predictions
    assert job.prepare().region is None
    learner.say(job.number, *learner.predict(job, 2))
    qtbot.waitUntil(lambda: segmentation_of(viewer, image) is not None)
    names = ["cells", "cells segmentation", "strokes on cells"]
    qtbot.waitUntil(lambda: layer_names(viewer) == names)
    assert viewer.layers.selection.active.name == "strokes on cells"
    assert viewer.layers.selection.active.mode == "paint"


def test_the_segmentation_layer_is_there_from_the_start_of_a_training(viewer, image, training):
    assert not segmentation_of(viewer, image).data.any()
    assert viewer.layers.selection.active.name == "strokes on cells"


def test_a_training_that_shows_nothing_leaves_no_empty_layer(
    qtbot, viewer, image, learner, training
):
    learner.say(training.number, Failed("there is nothing to learn."))
    qtbot.waitUntil(lambda: layer_names(viewer) == ["cells", "strokes on cells"])


def test_better_weights_show_in_the_view_one_preview_at_a_time(
    qtbot, viewer, image, dock, learner, training
):
    look_at(viewer, 7.5, 19.5, 9.5, 29.5)
    first, second = model_file(score=0.1), model_file(score=0.2)
    learner.say(training.number, Improved(1, 0.1, first), Improved(2, 0.2, second))
    qtbot.waitUntil(lambda: len(learner.predictions) == 1)
    qtbot.wait(50)
    (job,) = learner.predictions
    request = job.prepare()
    assert (request.model, request.region) == (first, (4, 10, 5, 15))
    learner.say(job.number, *learner.predict(job, 2))
    learner.say(training.number, Improved(3, 0.3, second))
    qtbot.waitUntil(lambda: len(learner.predictions) == 2)
    assert (segmentation_of(viewer, image).data == 2).sum() == 60


def test_only_the_current_plane_of_a_stack_follows_a_training(
    qtbot, viewer, image, dock, learner, training
):
    stack = viewer.add_image(
        np.zeros((4, 32, 40), np.float32), axis_labels=("z", "y", "x"), name="stack"
    )
    combo = dock.findChild(QWidget, "image_combo")
    combo.choose(stack)
    viewer.dims.set_current_step(0, 2)
    learner.say(training.number, Trained(5, 1.0, "budget", 0.9, model_file()))
    qtbot.waitUntil(lambda: len(learner.predictions) == 1)
    job = learner.predictions[0]
    assert len(job.prepare().images) == 1
    learner.say(job.number, *learner.predict(job, 2))
    qtbot.waitUntil(lambda: segmentation_of(viewer, stack) is not None)
    assert [plane.any() for plane in segmentation_of(viewer, stack).data] == [0, 0, 1, 0]


def test_the_image_is_removed_while_training(qtbot, viewer, image, dock, learner, training):
    viewer.layers.remove(image)
    assert learner.stopped == [training.number]
    learner.say(
        training.number,
        Improved(1, 0.5, model_file()),
        Trained(5, 1.0, "stopped", 0.9, model_file()),
    )
    label = dock.findChild(QLabel, "model_label")
    qtbot.waitUntil(lambda: "not saved" in label.text())
    assert learner.predictions == []
    assert not button(dock, "segment_image_button").isEnabled()


def test_the_image_is_removed_while_its_preview_is_made(
    qtbot, viewer, image, dock, learner, training
):
    learner.say(training.number, Improved(1, 0.5, model_file()))
    qtbot.waitUntil(lambda: len(learner.predictions) == 1)
    answers = learner.predict(learner.predictions[0], 2)
    viewer.layers.remove(image)
    learner.say(learner.predictions[0].number, *answers)
    learner.say(training.number, Failed("stopped before there was a first model."))
    qtbot.waitUntil(lambda: button(dock, "train_button").text() == "&Train")
    qtbot.waitUntil(lambda: layer_names(viewer) == ["strokes on cells"])


def test_nobody_is_told_of_a_preview_of_an_image_that_is_gone(
    qtbot, viewer, image, dock, learner, training
):
    from napari.utils.notifications import notification_manager

    viewer.add_image(np.zeros((32, 40), np.float32), name="another")
    learner.say(training.number, Improved(1, 0.5, model_file()))
    qtbot.waitUntil(lambda: len(learner.predictions) == 1)
    before = len(notification_manager.records)
    viewer.layers.remove(image)
    said = [record.message for record in notification_manager.records[before:]]
    assert not any("preview" in text for text in said)


def test_what_the_learner_says_is_shown_as_a_notification(
    qtbot, viewer, dock, learner, training, monkeypatch
):
    from napari.utils.notifications import notification_manager

    before = len(notification_manager.records)
    learner.say(training.number, Notice("memory was short, so the batch was halved."))
    qtbot.waitUntil(lambda: len(notification_manager.records) > before)
    newest = notification_manager.records[-1]
    assert newest.message == "Memory was short, so the batch was halved."
    assert str(newest.severity) == "warning"


def test_images_that_are_opened_after_the_dock_are_found(viewer):
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    assert not button(dock, "new_annotation_button").isEnabled()
    viewer.add_image(np.zeros((8, 8, 3), np.uint8), rgb=True)
    assert button(dock, "new_annotation_button").isEnabled()


def test_undo_goes_on_while_results_come_in(qtbot, viewer, image, dock, learner, training):
    strokes = viewer.layers["strokes on cells"]
    before = strokes.data.copy()
    strokes.paint((3, 3), 2)
    learner.say(training.number, Step(1, 0.5, 1.0, 2.0), Improved(1, 0.5, model_file()))
    qtbot.waitUntil(lambda: len(learner.predictions) == 1)
    job = learner.predictions[0]
    learner.say(job.number, *learner.predict(job, 2))
    qtbot.waitUntil(lambda: segmentation_of(viewer, image) is not None)
    strokes.undo()
    assert np.array_equal(strokes.data, before)


def test_the_dock_is_narrow_and_everything_in_it_explains_itself(dock):
    assert dock.minimumSizeHint().width() <= 380
    silent = [
        widget.objectName()
        for kind in (QPushButton, QTableWidget)
        for widget in dock.findChildren(kind)
        if widget.objectName().endswith(("_button", "_table")) and not widget.toolTip()
    ]
    assert silent == []
