"""Paint, train, see on an image of two channels: the real window with the real learner."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QSpinBox

from napari_unet.widgets.annotate_and_train import AnnotateAndTrain
from napari_unet.widgets.results import segmentation_of

SIZE = 96


@pytest.fixture
def truth():
    """Two discs, class 2, on a ground, class 1."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    discs = [(rows - r) ** 2 + (columns - c) ** 2 < 18**2 for r, c in ((28, 30), (66, 64))]
    return np.where(np.logical_or(*discs), 2, 1).astype(np.uint8)


@pytest.fixture
def picture(truth):
    """The discs are bright in the second channel; the first has two other ones."""
    noise = np.random.default_rng(0).normal(0, 12, (2, *truth.shape))
    shown = np.stack([truth[:, ::-1], truth])
    return np.clip(np.where(shown == 2, 170, 60) + noise, 0, 255).astype(np.uint8)


def test_channels_are_seen_together_from_the_strokes_to_the_result(
    qtbot, make_window, picture, truth
):
    viewer = make_window()
    image = viewer.add_image(picture, name="discs", scale=(1, 0.5, 0.5))
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate and train")

    def press(name):
        qtbot.mouseClick(dock.findChild(QPushButton, name), Qt.MouseButton.LeftButton)

    press("new_annotation_button")
    strokes = viewer.layers["strokes on discs"]
    viewer.dims.set_current_step(0, 1)
    for row, column, class_id in ((28, 20, 2), (66, 54, 2), (5, 40, 1), (28, 56, 1), (66, 22, 1)):
        for step in range(20):
            strokes.paint((row, column + step), class_id)
    train = dock.findChild(QPushButton, "train_button")
    qtbot.waitUntil(train.isEnabled, timeout=5000)
    dock.findChild(QSpinBox, "seconds_spin").setValue(15)
    press("train_button")
    qtbot.waitUntil(lambda: train.text() == "&Train", timeout=150_000)
    said = dock.findChild(QLabel, "train_status").text()
    assert dock.session.header is not None, said
    assert dock.session.header.network.in_channels == 2
    assert dock.session.header.pixel_size == (0.5, 0.5)

    press("segment_image_button")
    qtbot.waitUntil(lambda: not dock.session.predicting, timeout=60_000)
    result = segmentation_of(viewer, image)
    found, there = result.data == 2, truth == 2
    assert (found & there).sum() > 0.5 * (found | there).sum()
    assert result.scale.tolist() == [0.5, 0.5]
