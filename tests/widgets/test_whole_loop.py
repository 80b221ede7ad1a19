"""Paint, train, see: the real window with the real learner."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSpinBox

from napari_unet.core.models.header import header_of
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.layers.results import segmentation_of

SIZE = 96


@pytest.fixture
def truth():
    """Two bright discs, class 2, on a dark ground, class 1."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    discs = [(rows - r) ** 2 + (columns - c) ** 2 < 18**2 for r, c in ((28, 30), (66, 64))]
    return np.where(np.logical_or(*discs), 2, 1).astype(np.uint8)


@pytest.fixture
def picture(truth):
    noise = np.random.default_rng(0).normal(0, 12, truth.shape)
    return np.clip(np.where(truth == 2, 170, 60) + noise, 0, 255).astype(np.uint8)


@pytest.fixture
def viewer(make_window, picture):
    viewer = make_window()
    viewer.add_image(picture, name="discs", scale=(0.5, 0.5), units="um")
    return viewer


@pytest.fixture
def dock(viewer):
    widget = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(widget, name="Annotate and train")
    return widget


def press(qtbot, dock, name):
    qtbot.mouseClick(dock.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def paint(layer):
    for start, class_id in (((28, 20), 2), ((66, 54), 2), ((5, 40), 1), ((88, 20), 1)):
        for step in range(20):
            layer.paint((start[0], start[1] + step), class_id)


def test_paint_train_see_train_again_stop(qtbot, viewer, dock, truth):
    button = dock.findChild(QPushButton, "train_button")
    session = dock.session

    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on discs"]
    paint(strokes)
    qtbot.waitUntil(button.isEnabled, timeout=5000)

    dock.findChild(QSpinBox, "seconds_spin").setValue(2)
    press(qtbot, dock, "train_button")
    assert button.text() == "&Stop"
    qtbot.waitUntil(lambda: button.text() == "&Train", timeout=150_000)
    assert session.model is not None, dock.findChild(QLabel, "train_status").text()

    image = viewer.layers["discs"]
    qtbot.waitUntil(lambda: not session.predictions.running, timeout=60_000)
    result = segmentation_of(viewer, image)
    found, there = result.data == 2, truth == 2
    assert (found & there).sum() > 0.7 * (found | there).sum()
    assert tuple(result.scale) == (0.5, 0.5)
    assert result.units == image.units
    assert viewer.layers.selection.active is strokes

    first_model = session.model
    dock.findChild(QSpinBox, "seconds_spin").setValue(600)
    press(qtbot, dock, "train_button")
    qtbot.waitUntil(lambda: len(session.curve.losses) > 3, timeout=60_000)
    press(qtbot, dock, "train_button")
    qtbot.waitUntil(lambda: button.text() == "&Train", timeout=60_000)
    assert session.model is not None
    assert session.header.history[0] == header_of(first_model).history[0]
