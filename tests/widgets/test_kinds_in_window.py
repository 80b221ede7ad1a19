"""Each kind of image in the window, with the real learner; ``docs/images.md`` has the table."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import choose_in_menu
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLabel, QPushButton, QSpinBox

import napari_unet as nu
from kinds import KINDS, Kind, check_result, every_kind, expected, model_for
from napari_unet.core.models.model import Model
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.annotate.settings_panel import AdvancedPanel
from napari_unet.widgets.batch.dock import BatchSegment
from napari_unet.widgets.layers.results import segmentation_of
from napari_unet.widgets.layers.strokes import find_annotation
from scenes import iou

PATIENCE = 60_000


def add(viewer, kind: Kind):
    """Add an image of a kind, as a reader that knows its axes does."""
    return viewer.add_image(
        kind.data(),
        name=kind.name,
        rgb="S" in kind.axes,
        multiscale=kind.held == "levels",
        scale=kind.per_axis(kind.sizes, 1.0),
        units=kind.per_axis({x: "s" if x == "T" else "um" for x in kind.sizes}, "pixel"),
        axis_labels=tuple(kind.axes.removesuffix("S").lower()),
    )


def press(qtbot, dock, name, kind=QPushButton):
    widget = dock.findChild(kind, name)
    qtbot.waitUntil(widget.isEnabled, timeout=PATIENCE)
    position = widget.rect().center()
    if kind is QCheckBox:
        position.setX(8)
    qtbot.mouseClick(widget, Qt.MouseButton.LeftButton, pos=position)


def look_at(viewer, image, kind: Kind, index):
    """Move the sliders to a plane; that of channels stays where it is."""
    letters = kind.axes.removesuffix("S")
    for letter, at in zip(kind.plane_axes, index, strict=True):
        viewer.dims.set_current_step(letters.index(letter), at)


def paint(viewer, strokes, kind: Kind):
    """Paint on the first plane and on the last, and stay there."""
    strokes.brush_size = 4
    indices = list(np.ndindex(kind.lead))
    for number in sorted({0, len(indices) - 1}):
        look_at(viewer, viewer.layers[kind.name], kind, indices[number])
        # An axis of channels between planes and rows is of length 1 in strokes.
        index = (
            indices[number] if strokes.data.ndim == 2 + len(kind.lead) else (*indices[number], 0)
        )
        for row, columns, class_id in kind.lines(number):
            with strokes.block_history():
                for column in columns:
                    strokes.paint((*index, row, column), class_id)


def check_place(layer, kind: Kind):
    """A result or strokes lie on the image: its planes, scale and units."""
    assert layer.data.size == kind.truth().size
    scale = dict(zip(layer.axis_labels, layer.scale.tolist(), strict=True))
    assert {letter: scale[letter.lower()] for letter in kind.sizes} == kind.sizes
    units = dict(zip(layer.axis_labels, map(str, layer.units), strict=True))
    assert {letter: units[letter.lower()] for letter in kind.units} == kind.units


# All that is in these is in the others too; together they take minutes on a busy computer.
_REPEATED = ("plane", "channels", "time", "slices")


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, id=kind.name, marks=[pytest.mark.slow] * (kind.name in _REPEATED))
        for kind in KINDS
    ],
)
def test_paint_live_train_segment(qtbot, make_window, kind):
    viewer = make_window()
    image = add(viewer, kind)
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    session = dock.session

    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers[f"strokes on {kind.name}"]
    paint(viewer, strokes, kind)
    painted = strokes.data.reshape(kind.truth().shape)
    assert (painted[kind.strokes() > 0] > 0).mean() > 0.6
    assert (painted == kind.truth())[painted > 0].all()
    check_place(strokes, kind)

    if kind.dimensions == 2:
        live(qtbot, dock, viewer, kind)
    else:
        dock.findChild(AdvancedPanel).dimensions = 3
    train(qtbot, dock, kind)
    assert session.model is not None, dock.findChild(QLabel, "train_status").text()
    network = session.header.network
    assert (network.in_channels, network.ndim) == (kind.channels, kind.dimensions)
    assert session.header.channels == tuple(range(kind.channels))
    assert session.header.pixel_size == tuple(kind.pixel_size[x] for x in "ZYX"[-network.ndim :])

    qtbot.waitUntil(lambda: not session.predictions.running, timeout=PATIENCE)
    if kind.dimensions == 3:
        shown = segmentation_of(viewer, image).data
        assert shown[-1].all()  # where one looks
        assert not shown[0].any()
    press(qtbot, dock, "segment_image_button")
    qtbot.waitUntil(lambda: not session.predictions.running, timeout=PATIENCE)
    result = segmentation_of(viewer, image)
    check_place(result, kind)
    found = np.asarray(result.data).reshape(kind.truth().shape)
    same = nu.predict(Model.from_bytes(session.model), kind.pixels(), device="cpu")
    assert (found == same).mean() > 0.98  # bfloat16 here, float32 there
    if kind.dimensions == 3:
        assert iou(found, kind.truth(), 2) > 0.5


def train(qtbot, dock, kind: Kind):
    """Train, and stop it; by steps, so that a busy computer learns as much."""
    button, curve = dock.findChild(QPushButton, "train_button"), lambda: dock.session.curve.losses
    dock.findChild(QSpinBox, "seconds_spin").setValue(600)
    press(qtbot, dock, "train_button")
    steps = 1 if kind.dimensions == 2 else 40  # planes have the model of Live already
    qtbot.waitUntil(lambda: bool(curve()) and curve()[-1][0] >= steps, timeout=150_000)
    press(qtbot, dock, "train_button")
    qtbot.waitUntil(lambda: button.text() == "&Train", timeout=PATIENCE)


def live(qtbot, dock, viewer, kind: Kind):
    """Switch Live on, see where one looks, and switch it off."""
    session, last = dock.session, kind.truth().shape[:-2]
    press(qtbot, dock, "live_switch", QCheckBox)
    image = viewer.layers[kind.name]
    plane = tuple(length - 1 for length in last)

    def right():
        layer = segmentation_of(viewer, image)
        if layer is None:
            return False
        found = np.asarray(layer.data).reshape(kind.truth().shape)[plane]
        return found.all() and (found == kind.truth()[plane]).mean() > 0.85

    qtbot.waitUntil(right, timeout=PATIENCE)
    check_place(segmentation_of(viewer, image), kind)
    press(qtbot, dock, "live_switch", QCheckBox)
    qtbot.waitUntil(lambda: session.state is State.IDLE, timeout=PATIENCE)
    assert session.header.pixel_size == (kind.pixel_size["Y"], kind.pixel_size["X"])
    assert session.header.channels == tuple(range(kind.channels))


@pytest.mark.parametrize("channels, dimensions", [(1, 2), (2, 2), (3, 2), (1, 3)])
def test_batch_of_layers(qtbot, model, tmp_path, channels, dimensions):
    """All kinds that a model fits, in one batch: first as layers, then into a folder."""
    kinds = [kind for kind in KINDS if (kind.channels, kind.dimensions) == (channels, dimensions)]
    images = [add(model, kind) for kind in kinds]
    dock = BatchSegment(model)
    qtbot.addWidget(dock)
    trained = model_for(kinds[0])
    trained.save(tmp_path / "model.unet")
    dock.session.load_model(tmp_path / "model.unet")
    button = dock.findChild(QPushButton, "batch_run_button")
    for folder in (None, tmp_path / "out"):
        dock.options.choose_folder(folder)
        press(qtbot, dock, "batch_run_button")
        qtbot.waitUntil(lambda: button.text() == "&Run", timeout=PATIENCE)
        summary = dock.findChild(QLabel, "batch_summary").text()
        assert f"{len(kinds)} done" in summary
    for kind, image in zip(kinds, images, strict=True):
        result = segmentation_of(model, image)
        check_place(result, kind)
        found = np.asarray(result.data).reshape(kind.truth().shape)
        np.testing.assert_array_equal(found, expected(trained, kind))
        check_result(tmp_path / "out" / f"{kind.name}_labels.tif", trained, kind)


@every_kind
def test_project(qtbot, model, learners, tmp_path, kind, monkeypatch):
    """Strokes are saved, and lie on the image again when the project is opened."""
    folder = tmp_path / "project"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    add(model, kind)
    dock = AnnotateAndTrain(model)
    qtbot.addWidget(dock)
    press(qtbot, dock, "new_annotation_button")
    strokes = model.layers[f"strokes on {kind.name}"]
    paint(model, strokes, kind)
    choose_in_menu(qtbot, dock, "save_project_action")
    label = dock.findChild(QLabel, "project_label")
    qtbot.waitUntil(lambda: "· saved" in label.text() and (folder / "project.json").exists())
    painted = strokes.data.copy()
    dock.close()
    dock.deleteLater()

    other = ViewerModel()
    image = add(other, kind)
    dock = AnnotateAndTrain(other)
    qtbot.addWidget(dock)
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: find_annotation(other.layers, image) is not None)
    opened = find_annotation(other.layers, image)
    np.testing.assert_array_equal(opened.data, painted)
    check_place(opened, kind)
