"""Paint on two slices, train on the volume, segment it: the real window with the real learner."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSpinBox

from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.annotate.settings_panel import AdvancedPanel
from napari_unet.widgets.layers.results import segmentation_of

SHAPE = (6, 40, 40)


@pytest.fixture
def truth():
    """Two bright rods through all slices, class 2, on a dark ground, class 1."""
    _, rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1], : SHAPE[2]]
    rods = [(rows - r) ** 2 + (columns - c) ** 2 < 8**2 for r, c in ((12, 12), (28, 27))]
    return np.where(np.logical_or(*rods), 2, 1).astype(np.uint8)


@pytest.fixture
def viewer(make_window, truth):
    noise = np.random.default_rng(0).normal(0, 12, truth.shape)
    volume = np.clip(np.where(truth == 2, 170, 60) + noise, 0, 255).astype(np.uint8)
    viewer = make_window()
    viewer.add_image(volume, name="rods", scale=(2, 0.5, 0.5), units="um")
    return viewer


@pytest.fixture
def dock(viewer):
    widget = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(widget, name="Annotate and train")
    return widget


def press(qtbot, dock, name):
    qtbot.mouseClick(dock.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def paint(viewer, strokes):
    """Paint on the slices 1 and 4 with a brush of four pixels."""
    strokes.brush_size = 4
    for plane in (1, 4):
        viewer.dims.set_current_step(0, plane)
        for row, columns, class_id in ((12, (8, 17), 2), (28, (23, 32), 2), (2, (2, 38), 1)):
            for column in range(*columns):
                strokes.paint((plane, row, column), class_id)
        for row in range(3, 37):
            strokes.paint((plane, row, 37), 1)
            strokes.paint((plane, 20, row), 1)


def test_paint_two_slices_train_and_segment_the_volume(qtbot, viewer, dock, truth):
    session, button = dock.session, dock.findChild(QPushButton, "train_button")
    press(qtbot, dock, "new_annotation_button")
    paint(viewer, viewer.layers["strokes on rods"])
    qtbot.waitUntil(button.isEnabled, timeout=5000)

    dock.findChild(AdvancedPanel).dimensions = 3
    dock.findChild(QSpinBox, "seconds_spin").setValue(600)
    press(qtbot, dock, "train_button")
    # By steps, so that a busy computer learns as much.
    qtbot.waitUntil(lambda: max(session.curve.losses, default=(0, 0))[0] > 80, timeout=150_000)
    press(qtbot, dock, "train_button")
    qtbot.waitUntil(lambda: button.text() == "&Train", timeout=150_000)
    assert session.model is not None, dock.findChild(QLabel, "train_status").text()
    assert session.header.network.ndim == 3
    assert session.header.pixel_size == (2.0, 0.5, 0.5)

    image = viewer.layers["rods"]
    qtbot.waitUntil(lambda: not session.predictions.running, timeout=60_000)
    result = segmentation_of(viewer, image)
    assert result.data[4].all()  # where one looks
    assert not result.data[0].any()
    press(qtbot, dock, "segment_image_button")
    qtbot.waitUntil(lambda: not session.predictions.running, timeout=60_000)
    found, there = result.data == 2, truth == 2
    assert result.data.all()
    assert (found & there).sum() > 0.5 * (found | there).sum()
