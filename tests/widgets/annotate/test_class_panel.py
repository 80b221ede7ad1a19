"""The class table paints, names, colours and counts."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QLineEdit

from napari_unet.widgets.annotate.class_panel import ClassPanel
from napari_unet.widgets.layers.strokes import new_annotation


@pytest.fixture
def panel(qtbot, desk):
    widget = ClassPanel(desk)
    qtbot.addWidget(widget)
    widget.resize(320, 240)
    widget.show()
    return widget


@pytest.fixture
def strokes(desk):
    layer = new_annotation(desk.image, desk.session.classes)
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    return layer


def cells(panel, column):
    table = panel.table
    return [table.item(row, column).text() for row in range(table.rowCount())]


def click(qtbot, panel, row, column=1):
    where = panel.table.visualItemRect(panel.table.item(row, column)).center()
    qtbot.mouseClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)


def test_classes_are_listed(panel):
    assert cells(panel, 0) == ["1", "2"]
    assert cells(panel, 1) == ["background", "class 2"]


def test_a_click_on_a_row_paints_with_its_class(qtbot, panel, desk, strokes):
    desk.viewer.layers.selection.active = desk.image
    click(qtbot, panel, 0)
    assert strokes.selected_label == 1
    assert strokes.mode == "paint"
    assert desk.viewer.layers.selection.active is strokes


def test_a_click_on_the_chosen_row_goes_back_to_painting(qtbot, panel, strokes):
    click(qtbot, panel, 1)
    strokes.mode = "pan_zoom"
    click(qtbot, panel, 1)
    assert strokes.mode == "paint"


def test_the_row_follows_the_label_chosen_in_napari(panel, strokes):
    assert panel.table.currentRow() == 1
    strokes.selected_label = 1
    assert panel.table.currentRow() == 0
    strokes.selected_label = 9
    assert panel.table.currentRow() == -1
    assert strokes.selected_label == 9


def test_arrow_keys_choose_too(qtbot, panel, strokes):
    click(qtbot, panel, 0)
    qtbot.keyClick(panel.table, Qt.Key.Key_Down)
    assert strokes.selected_label == 2


def test_pixels_are_counted(qtbot, panel, strokes):
    strokes.brush_size = 1
    strokes.paint((3, 3), 2)
    qtbot.waitUntil(lambda: cells(panel, 2) == ["0", "1"])


def test_add_class_is_painted_at_once_and_can_be_named(qtbot, panel, desk, strokes):
    qtbot.mouseClick(panel.add_button, Qt.MouseButton.LeftButton)
    assert cells(panel, 0) == ["1", "2", "3"]
    assert strokes.selected_label == 3
    editor = panel.table.findChild(QLineEdit)
    qtbot.keyClicks(editor, "nuclei")
    qtbot.keyClick(editor, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: desk.session.classes[2].name == "nuclei")


def test_an_empty_name_is_refused_and_the_old_one_stays(panel, desk):
    panel.table.item(1, 1).setText("  ")
    assert desk.session.classes[1].name == "class 2"
    assert cells(panel, 1) == ["background", "class 2"]


def test_a_double_click_on_the_colour_changes_it(qtbot, panel, desk, strokes, monkeypatch):
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#123456"))
    click(qtbot, panel, 1, 0)
    where = panel.table.visualItemRect(panel.table.item(1, 0)).center()
    qtbot.mouseDClick(panel.table.viewport(), Qt.MouseButton.LeftButton, pos=where)
    assert desk.session.classes[1].color == "#123456"


def test_without_a_layer_the_tooltip_says_what_is_missing(panel, desk):
    assert "make a layer" in panel.table.toolTip()
