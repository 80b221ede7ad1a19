"""Strokes belong to an image: in the dock, with images of one size."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from layer_helpers import choose_in_menu, layer_names, paint_two_classes
from napari.layers._layer_actions import _duplicate_layer
from napari.layers.utils._link_layers import link_layers
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QPushButton
from skimage.draw import disk

from napari_unet.learner.messages import LivePlane, LiveStrokes
from napari_unet.project.open_project import open_project
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.layers.image_marks import image_of
from napari_unet.widgets.layers.roles import Role, role_of
from napari_unet.widgets.layers.strokes import classes_of, find_annotation
from napari_unet.widgets.project import keeper

SHAPE = (60, 80)
PICTURES = {name: np.random.default_rng(i).random(SHAPE) for i, name in enumerate("abcd")}


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr("napari_unet.project.autosave.PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "REMOVAL_MS", 50)


@pytest.fixture
def make(make_viewer, learners):
    """A window with the images a, b, ... in memory, and the dock."""

    def window(names="ab"):
        viewer = make_viewer()
        for name in names:
            viewer.add_image(PICTURES[name], name=name)
        dock = AnnotateAndTrain(viewer)
        viewer.window.add_dock_widget(dock, name="dock")
        return viewer, dock

    return window


def press(qtbot, dock, name):
    button = dock.findChild(QPushButton, name)
    qtbot.waitUntil(button.isEnabled)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def combo(dock, name="annotation_combo") -> QComboBox:
    return dock.findChild(QComboBox, name)


def choose(dock, image: str) -> str:
    """Choose an image; returns what is chosen as strokes then."""
    combo(dock, "image_combo").setCurrentText(image)
    return combo(dock).currentText()


def said(dock, name="train_status") -> str:
    return dock.findChild(QLabel, name).text()


def train_button(dock) -> QPushButton:
    return dock.findChild(QPushButton, "train_button")


def paint(qtbot, viewer, dock, image: str):
    """Paint strokes of an image, as wide as its number in the alphabet."""
    choose(dock, image)
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers[f"strokes on {image}"]
    strokes.brush_size = 1 + "abcd".index(image)
    paint_two_classes(strokes)
    return strokes


def test_an_image_without_strokes_is_not_learnt_with_those_of_another(qtbot, make):
    viewer, dock = make()
    strokes = paint(qtbot, viewer, dock, "a")
    qtbot.waitUntil(train_button(dock).isEnabled)
    assert choose(dock, "b") == ""
    assert not train_button(dock).isEnabled()
    assert "Press New strokes to make a layer to paint on: no strokes of b are chosen" in said(dock)
    combo(dock).setCurrentText(strokes.name)
    qtbot.waitUntil(train_button(dock).isEnabled)
    assert said(dock, "strokes_note") == "These are strokes of “a”; Train learns them on “b”."
    assert choose(dock, "a") == strokes.name
    assert said(dock, "strokes_note") == ""


def test_live_goes_to_and_fro_between_two_images(qtbot, make, learners):
    viewer, dock = make()
    layers = {name: paint(qtbot, viewer, dock, name) for name in "ab"}
    qtbot.mouseClick(
        dock.findChild(QCheckBox, "live_switch"), Qt.MouseButton.LeftButton, pos=_left(dock)
    )
    learner = learners[-1]
    seen = {}
    for name in "abab":
        choose(dock, name)
        qtbot.wait(300)
        for message in learner.told(dock.session.live.job):
            if isinstance(message, LivePlane):
                seen[message.key] = message.image
            elif isinstance(message, LiveStrokes):
                (of,) = [x for x in "ab" if np.allclose(seen[message.key][0], PICTURES[x])]
                top, bottom, left, right = message.box
                expected = layers[of].data[top:bottom, left:right]
                np.testing.assert_array_equal(message.labels, expected)
    assert len(seen) == 2


def _left(dock):
    position = dock.findChild(QCheckBox, "live_switch").rect().center()
    position.setX(8)
    return position


def test_a_duplicate_of_an_image_has_no_strokes_that_of_strokes_has_the_image(qtbot, make):
    viewer, dock = make("a")
    strokes = paint(qtbot, viewer, dock, "a")
    for layer in (viewer.layers["a"], strokes):
        viewer.layers.selection = {layer}
        _duplicate_layer(viewer.layers)
    assert image_of(viewer.layers, viewer.layers["strokes on a copy"]) is viewer.layers["a"]
    assert choose(dock, "a copy") == ""
    assert choose(dock, "a") == strokes.name


def test_renamed_images_keep_their_strokes(qtbot, make):
    viewer, dock = make()
    for name in "ab":
        paint(qtbot, viewer, dock, name)
    viewer.layers["a"].name, viewer.layers["b"].name = "x", "a"
    assert choose(dock, "x") == "strokes on a"
    assert choose(dock, "a") == "strokes on b"


@pytest.mark.parametrize("kind", ["file", "memory"])
def test_an_image_that_is_opened_again_has_its_strokes(qtbot, make, tmp_path, kind):
    viewer, dock = make("b")

    def open_a():
        if kind == "memory":
            viewer.add_image(PICTURES["a"], name="a")
        else:
            tifffile.imwrite(tmp_path / "a.tif", PICTURES["a"])
            viewer.open(str(tmp_path / "a.tif"), plugin="napari")

    open_a()
    paint(qtbot, viewer, dock, "a")
    viewer.layers.remove("a")
    assert combo(dock).currentText() == ""
    viewer.add_image(PICTURES["c"], name="c")
    assert choose(dock, "c") == ""
    open_a()
    assert choose(dock, "a") == "strokes on a"


def test_four_images_of_one_size_come_back_with_their_own_strokes(
    qtbot, make, monkeypatch, tmp_path
):
    """Saved, closed and opened; then left without a save, and restored."""
    folder = tmp_path / "project"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    viewer, dock = make("abcd")
    expected = {}
    for name in "bdac":
        expected[name] = paint(qtbot, viewer, dock, name).data.copy()
        dock.session.rename_class(2, f"cells of {name}")
    choose_in_menu(qtbot, dock, "save_project_action")
    qtbot.waitUntil(lambda: "· saved" in said(dock, "project_label"))
    viewer.close()
    opened = open_project(folder)
    names = {image.key: image.name for image in opened.index.images}
    assert {x.name: names[x.image] for x in opened.index.annotations} == {
        f"strokes on {name}": name for name in "abcd"
    }

    viewer, dock = make("dbca")
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: len(viewer.layers) == 8 and "saved" in said(dock, "project_label"))
    for name in "abcd":
        named = [entry.name for entry in classes_of(viewer.layers[f"strokes on {name}"])]
        assert named == ["background", f"cells of {name}"]
    _check_all(viewer, dock, expected)
    assert image_of(viewer.layers, viewer.layers["strokes on c"]) is viewer.layers["c"]


def test_four_images_of_files_are_opened_with_their_own_strokes(
    qtbot, make, recovery_root, tmp_path
):
    viewer, dock = make("")
    for name in "abcd":
        tifffile.imwrite(tmp_path / f"{name}.tif", PICTURES[name])
        viewer.open(str(tmp_path / f"{name}.tif"), plugin="napari")
    expected = {name: paint(qtbot, viewer, dock, name).data.copy() for name in "cabd"}
    qtbot.waitUntil(lambda: "kept for the next start, " in said(dock, "project_label"))
    viewer.close()
    viewer, dock = make("")
    choose_in_menu(qtbot, dock, "restore_project_action")
    qtbot.waitUntil(lambda: len(viewer.layers) == 8)
    _check_all(viewer, dock, expected)


def _check_all(viewer, dock, expected):
    for name, data in expected.items():
        assert choose(dock, name) == f"strokes on {name}"
        np.testing.assert_array_equal(viewer.layers[f"strokes on {name}"].data, data)
        assert np.allclose(viewer.layers[name].data, PICTURES[name])


def test_channels_of_one_file_are_not_taken_for_each_other(qtbot, make, monkeypatch, tmp_path):
    """A reader may give a layer a channel: of one path and size."""
    folder = tmp_path / "project"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder), ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
    path = tmp_path / "channels.npy"
    np.save(path, np.stack([PICTURES["a"], PICTURES["b"]]))

    def open_both(viewer):
        viewer.open(str(path), plugin="napari", channel_axis=0, name=["a", "b"])

    viewer, dock = make("")
    open_both(viewer)
    expected = {name: paint(qtbot, viewer, dock, name).data.copy() for name in "ba"}
    choose_in_menu(qtbot, dock, "save_project_action")
    qtbot.waitUntil(lambda: "· saved" in said(dock, "project_label"))
    viewer.close()
    viewer, dock = make("")
    open_both(viewer)
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: "saved" in said(dock, "project_label"))
    assert len(viewer.layers) == 4, layer_names(viewer)
    _check_all(viewer, dock, expected)


def nuclei():
    """Discs of an id of their own, as another plugin finds them."""
    plane = np.zeros(SHAPE, np.int32)
    for number in range(40):
        plane[disk((5 + 10 * (number // 8), 5 + 9 * (number % 8)), 3.5)] = number + 1
    return plane


def test_nuclei_of_another_plugin_are_left_alone(qtbot, make, tmp_path):
    viewer, dock = make("a")
    labels = viewer.add_labels(nuclei(), name="nuclei")
    colormap, before = labels.colormap, labels.data.copy()
    qtbot.wait(400)
    assert combo(dock).currentText() == ""
    combo(dock).setCurrentText("nuclei")
    qtbot.waitUntil(lambda: "look like single objects" in said(dock, "strokes_note"))
    assert "40 different ids" in said(dock)
    assert not train_button(dock).isEnabled()
    assert len(dock.session.classes) == 2
    assert labels.colormap is colormap and not labels.metadata
    np.testing.assert_array_equal(labels.data, before)
    assert said(dock, "project_label").startswith("Not in a project yet")
    press(qtbot, dock, "use_as_strokes_button")
    qtbot.waitUntil(train_button(dock).isEnabled)
    assert said(dock, "strokes_note") == ""
    assert len(dock.session.classes) == 40


def test_a_result_that_was_saved_and_opened_again_is_asked_about(qtbot, make, tmp_path):
    viewer, dock = make("a")
    ids = np.where(PICTURES["a"] > 0.5, 2, 1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a segmentation.tif", ids)
    viewer.open(str(tmp_path / "a segmentation.tif"), plugin="napari", layer_type="labels")
    qtbot.wait(100)
    assert combo(dock).currentText() == ""
    combo(dock).setCurrentText("a segmentation")
    qtbot.waitUntil(lambda: "every pixel is labelled: is this a result?" in said(dock))
    assert not train_button(dock).isEnabled()


def test_linked_layers_stay_what_they_are(qtbot, make):
    viewer, dock = make()
    for name in "ab":
        paint(qtbot, viewer, dock, name)
    link_layers(viewer.layers)
    dock.session.rename_class(2, "nuclei")
    assert choose(dock, "a") == "strokes on a"
    dock.session.rename_class(2, "gaps")
    assert choose(dock, "b") == "strokes on b"
    roles = {name: role_of(viewer.layers[name]) for name in layer_names(viewer)}
    strokes = Role.STROKES
    assert roles == {"a": None, "b": None, "strokes on a": strokes, "strokes on b": strokes}
    assert classes_of(viewer.layers["strokes on a"])[1].name == "gaps"
    assert find_annotation(viewer.layers, viewer.layers["b"]) is viewer.layers["strokes on b"]
