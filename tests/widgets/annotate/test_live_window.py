"""Live in the real window with the real learner: paint, see, correct, see, switch off."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QLabel, QPushButton

from napari_unet.core.models.model import Model
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.layers.results import segmentation_of

SIZE = 96
PATIENCE = 60_000


@pytest.fixture
def truth():
    """Two bright discs, class 2, on a dark ground, class 1."""
    rows, columns = np.mgrid[:SIZE, :SIZE]
    discs = [(rows - r) ** 2 + (columns - c) ** 2 < 18**2 for r, c in ((28, 30), (66, 64))]
    return np.where(np.logical_or(*discs), 2, 1).astype(np.uint8)


@pytest.fixture(params=["make_window"])
def viewer(request, truth):
    noise = np.random.default_rng(0).normal(0, 12, truth.shape)
    picture = np.clip(np.where(truth == 2, 170, 60) + noise, 0, 255).astype(np.uint8)
    viewer = request.getfixturevalue(request.param)()
    viewer.add_image(picture, name="discs")
    return viewer


@pytest.fixture
def dock(viewer):
    widget = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(widget, name="Annotate and train")
    return widget


def press(qtbot, dock, kind, name):
    widget = dock.findChild(kind, name)
    position = widget.rect().center()
    if kind is QCheckBox:
        position.setX(8)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=position)


def line(layer, class_id, row, column):
    """Paint twenty pixels to the right, as one stroke."""
    with layer.block_history():
        for step in range(20):
            layer.paint((row, column + step), class_id)


def test_paint_see_correct_see_switch_off(qtbot, viewer, dock, truth):
    session, image = dock.session, viewer.layers["discs"]
    press(qtbot, dock, QPushButton, "new_annotation_button")
    strokes = viewer.layers["strokes on discs"]
    press(qtbot, dock, QCheckBox, "live_switch")
    assert session.state is State.LIVE
    assert not dock.findChild(QPushButton, "train_button").isEnabled()
    line(strokes, 2, 28, 20)
    status = dock.findChild(QLabel, "train_status")
    qtbot.waitUntil(lambda: "paint a stroke of another class too" in status.text(), timeout=5000)
    line(strokes, 1, 5, 40)

    def predicted():
        layer = segmentation_of(viewer, image)
        return layer is not None and (layer.data > 0).all()

    qtbot.waitUntil(predicted, timeout=PATIENCE)
    data = segmentation_of(viewer, image).data
    assert ((data == 2) == (truth == 2)).mean() > 0.8
    assert session.curve.live

    tiles = []
    session.live.tile_predicted.connect(lambda tile: tiles.append(tile.version))
    before = strokes.data.copy()
    line(strokes, 1, 88, 20)
    after = strokes.data.copy()
    qtbot.waitUntil(lambda: bool(session.curve.corrective), timeout=PATIENCE)
    qtbot.waitUntil(lambda: bool(tiles), timeout=PATIENCE)
    assert not np.array_equal(before, after)
    assert np.array_equal(strokes.data, after)

    qtbot.waitUntil(lambda: session.model is not None, timeout=PATIENCE)
    press(qtbot, dock, QCheckBox, "live_switch")
    qtbot.waitUntil(lambda: session.state is State.IDLE, timeout=PATIENCE)
    assert Model.from_bytes(session.model).class_ids.tolist() == [1, 2]
    assert "Live is off" in status.text()
    assert not dock.findChild(QCheckBox, "live_switch").isChecked()
    assert dock.findChild(QPushButton, "segment_image_button").isEnabled()
    qtbot.waitUntil(lambda: not session.predictions.running, timeout=PATIENCE)


@pytest.mark.parametrize("viewer", ["make_viewer"], indirect=True)  # nothing is drawn
def test_all_strokes_gone_pauses_and_new_ones_go_on(qtbot, viewer, dock):
    session = dock.session
    press(qtbot, dock, QPushButton, "new_annotation_button")
    strokes = viewer.layers["strokes on discs"]
    line(strokes, 2, 28, 20)
    line(strokes, 1, 5, 40)
    press(qtbot, dock, QCheckBox, "live_switch")
    tiles = []
    session.live.tile_predicted.connect(lambda tile: tiles.append(tile.version))
    qtbot.waitUntil(lambda: bool(tiles), timeout=PATIENCE)
    strokes.data = np.zeros_like(strokes.data)
    status = dock.findChild(QLabel, "train_status")
    qtbot.waitUntil(lambda: bool(session.live.status), timeout=PATIENCE)
    qtbot.waitUntil(lambda: "Paint at least one stroke" in status.text(), timeout=5000)
    assert not strokes.data.any()
    newest = max(tiles)
    line(strokes, 2, 66, 54)
    line(strokes, 1, 88, 20)
    qtbot.waitUntil(lambda: max(tiles) > newest, timeout=PATIENCE)
    assert session.state is State.LIVE
