"""A model of another program in the real window with the real learner."""

from __future__ import annotations

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QPushButton

import packages
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.layers.results import segmentation_of

pytestmark = packages.needs_bioimageio
PATIENCE = 60_000


def press(qtbot, dock, name):
    qtbot.mouseClick(dock.findChild(QPushButton, name), Qt.MouseButton.LeftButton)


def test_a_package_is_opened_segments_and_is_not_trained(
    make_window, qtbot, tmp_path, monkeypatch, rng
):
    described = packages.description(
        found=("background", "bright"),
        before=[{"id": "scale_range", "kwargs": {"axes": ["y", "x"]}}],
        after=[{"id": "softmax"}],
    )
    path = packages.write_zip(tmp_path / "m.zip", described, weights=packages.opposites())
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))
    viewer = make_window()
    picture = rng.random((60, 80))
    picture[0, :2] = 0, 1
    image = viewer.add_image(picture, name="noise")
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate and train")
    press(qtbot, dock, "open_model_button")
    assert dock.findChild(QLabel, "model_label").text() == "background, bright"
    assert "of another program" in dock.findChild(QLabel, "model_label").toolTip()

    press(qtbot, dock, "segment_image_button")
    qtbot.waitUntil(
        lambda: np.any(getattr(segmentation_of(viewer, image), "data", 0)), timeout=PATIENCE
    )
    assert np.array_equal(segmentation_of(viewer, image).data, picture > 0.5)

    status = dock.findChild(QLabel, "next_place_status")
    press(qtbot, dock, "next_place_button")
    qtbot.waitUntil(lambda: "unsure. Paint" in status.text(), timeout=PATIENCE)

    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers.selection.active
    strokes.paint((5, 5), 1)
    strokes.paint((30, 30), 2)
    button = dock.findChild(QPushButton, "train_button")
    qtbot.waitUntil(lambda: "of another program" in button.toolTip())
    assert not button.isEnabled()
    press(qtbot, dock, "new_model_button")
    qtbot.waitUntil(button.isEnabled)
