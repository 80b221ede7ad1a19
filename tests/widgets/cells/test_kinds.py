"""Cells are given kinds in the dock as a person does it, and all others follow."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from cells_dock import CENTRES, NearFinder, answer, column, discs, press, table
from napari.components import ViewerModel
from qtpy.QtCore import Qt
from qtpy.QtGui import QColor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QColorDialog,
    QComboBox,
    QFileDialog,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
)

from fakes import model_file
from napari_unet.core.objects.kinds import read_kinds
from napari_unet.widgets.cells.clicks import CellClicks
from napari_unet.widgets.cells.dock import Cells
from napari_unet.widgets.desk import background

# Two discs of each kind: bright ones and dark ones.
BRIGHT = (CENTRES[0], CENTRES[3])


@pytest.fixture(autouse=True)
def _near(monkeypatch):
    monkeypatch.setattr(background, "ObjectFinder", NearFinder)


@pytest.fixture
def picture():
    rows, columns = np.mgrid[:48, :72]
    noise = np.random.default_rng(0).normal(0, 1, (48, 72))
    bright = np.any([np.hypot(rows - r, columns - c) < 8 for r, c in BRIGHT], axis=0)
    return (50 + 100 * bright + noise).astype(np.float32)


@pytest.fixture
def dock(qtbot, model: ViewerModel, learners, tmp_path, picture):
    """The dock with the four cells of an image."""
    model.add_image(picture, name="nuclei")
    widget = Cells(model)
    qtbot.addWidget(widget)
    (tmp_path / "model.unet").write_bytes(model_file())
    widget.session.load_model(tmp_path / "model.unet")
    press(widget, "find_cells_button")
    answer(qtbot, learners[0], discs())
    qtbot.waitUntil(lambda: widget.finding.settled and len(column(widget, "id")) == 4)
    return widget


def kinds_list(dock) -> QTableWidget:
    return dock.findChild(QTableWidget, "kinds_table")


def said(dock) -> str:
    return dock.findChild(QLabel, "kinds_status").text()


def new_kind(dock, name: str) -> None:
    press(dock, "new_kind_button")
    editor = kinds_list(dock).findChildren(QLineEdit)[-1]
    editor.setText(name[:2])
    dock.kinds.told.emit()  # other things go on while somebody types
    assert editor.text() == name[:2]
    editor.setText(name)
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert kinds_list(dock).item(kinds_list(dock).rowCount() - 1, 0).text() == name


def click(dock, place, *modifiers) -> None:
    event = SimpleNamespace(
        position=place, view_direction=None, dims_displayed=[0, 1], modifiers=modifiers
    )
    dock.findChild(CellClicks).clicked(event)


def choose(qtbot, dock, row) -> None:
    item = kinds_list(dock).visualItemRect(kinds_list(dock).item(row, 0))
    qtbot.mouseClick(kinds_list(dock).viewport(), Qt.MouseButton.LeftButton, pos=item.center())


def counts(dock) -> list[str]:
    return [kinds_list(dock).item(row, 1).text() for row in range(kinds_list(dock).rowCount())]


def at(model, place) -> int:
    return int(model.layers["nuclei cells"].data[place])


def kind_at(dock, model, place) -> str:
    ids = column(dock, "id")
    return column(dock, "kind")[ids.index(str(at(model, place)))]


@pytest.fixture
def two_kinds(qtbot, dock, model):
    """A click gives one cell of each kind."""
    new_kind(dock, "bright")
    click(dock, CENTRES[0])
    new_kind(dock, "dark")
    click(dock, CENTRES[1])
    qtbot.waitUntil(lambda: counts(dock) == ["2 cells", "2 cells"], timeout=30_000)
    return dock


def test_a_click_each_tells_all_cells_their_kind(two_kinds, model):
    dock = two_kinds
    for place in CENTRES:
        assert kind_at(dock, model, place) == ("bright" if place in BRIGHT else "dark")
    layer = model.layers["nuclei cells"]
    assert sorted(layer.features["kind"]) == ["bright", "bright", "dark", "dark"]
    shades = {tuple(layer.get_color(at(model, place))) for place in BRIGHT}
    assert len(shades) == 1
    assert shades != {tuple(layer.get_color(at(model, CENTRES[1])))}
    assert said(dock) == ""


def test_what_is_missing_is_said(qtbot, dock, model):
    assert said(dock) == ""
    new_kind(dock, "bright")
    qtbot.waitUntil(lambda: said(dock) == "Name two kinds or more to tell them apart.")
    new_kind(dock, "dark")
    qtbot.waitUntil(lambda: said(dock).startswith("Choose a kind and click"))
    click(dock, CENTRES[1])
    qtbot.waitUntil(lambda: said(dock).endswith("given a kind are dark; give some another."))
    assert counts(dock) == ["0 cells", "1 cell"]


def test_a_name_is_changed_by_a_double_click_while_other_things_go_on(qtbot, dock):
    new_kind(dock, "bright")
    choose(qtbot, dock, 0)  # the first click of the two: none is chosen now
    item = kinds_list(dock).visualItemRect(kinds_list(dock).item(0, 0))
    qtbot.mouseDClick(kinds_list(dock).viewport(), Qt.MouseButton.LeftButton, pos=item.center())
    editor = kinds_list(dock).findChildren(QLineEdit)[-1]
    editor.setText("very")
    dock.kinds.told.emit()
    QApplication.processEvents()
    assert [one.text() for one in kinds_list(dock).findChildren(QLineEdit)] == ["very"]
    editor.setText("very bright")
    QTest.keyClick(editor, Qt.Key.Key_Return)
    QApplication.processEvents()
    assert kinds_list(dock).item(0, 0).text() == "very bright"


def test_a_brush_is_put_away_when_a_kind_is_chosen(qtbot, dock, model):
    strokes = model.add_labels(np.zeros((48, 72), int), name="strokes")
    strokes.mode = "paint"
    clicks, cells = dock.findChild(CellClicks), model.layers["nuclei cells"]
    assert not clicks.looks()  # a click would paint a stroke
    new_kind(dock, "bright")
    assert clicks.looks()
    assert model.layers.selection.active is cells
    cells.mode = "paint"  # to correct a cell
    dock.kinds.told.emit()
    assert cells.mode == "paint"
    choose(qtbot, dock, 0)  # none is chosen now
    assert cells.mode == "paint"


def test_no_kind_is_given_where_none_is_chosen(qtbot, two_kinds):
    dock = two_kinds
    before = dock.session.kinds.examples
    choose(qtbot, dock, 1)  # once more: it was chosen
    click(dock, CENTRES[3])
    assert dock.session.kinds.examples == before


def test_a_correction_teaches(qtbot, two_kinds, model):
    dock = two_kinds
    choose(qtbot, dock, 0)
    click(dock, CENTRES[1])  # was given the other one before
    qtbot.waitUntil(lambda: counts(dock)[1] == "0 cells" or said(dock) != "")
    assert [one.kind for one in dock.session.kinds.examples] == [1, 1]
    choose(qtbot, dock, 1)
    click(dock, CENTRES[2])
    qtbot.waitUntil(lambda: said(dock) == "" and kind_at(dock, model, CENTRES[2]) == "dark")
    assert kind_at(dock, model, CENTRES[1]) == "bright"


def test_a_number_gives_the_selected_cells_a_kind(qtbot, dock, model):
    new_kind(dock, "bright")
    new_kind(dock, "dark")
    choose(qtbot, dock, 1)
    click(dock, CENTRES[0])
    click(dock, CENTRES[3], "Shift")
    qtbot.keyClick(table(dock), Qt.Key.Key_1)
    click(dock, CENTRES[1])
    qtbot.keyClick(kinds_list(dock), Qt.Key.Key_2)
    qtbot.waitUntil(lambda: counts(dock) == ["2 cells", "2 cells"])
    assert len(dock.session.kinds.examples) == 3
    qtbot.keyClick(table(dock), Qt.Key.Key_9)  # there is none
    assert len(dock.session.kinds.examples) == 3


def test_an_edit_that_takes_a_taught_cell_away_is_told_and_undone(qtbot, two_kinds, model):
    dock = two_kinds
    layer = model.layers["nuclei cells"]
    click(dock, CENTRES[1])
    press(dock, "delete_cells_button")
    gone = "1 of the cells that were given a kind are gone; they do not teach. "
    qtbot.waitUntil(lambda: said(dock).startswith(gone))
    layer.undo()
    qtbot.waitUntil(lambda: counts(dock) == ["2 cells", "2 cells"])
    assert said(dock) == ""


def test_kinds_are_counted_a_field_and_written(qtbot, two_kinds, model, tmp_path, monkeypatch):
    dock = two_kinds
    chosen = {}
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (chosen["path"], ""))
    chosen["path"] = str(tmp_path / "cells.csv")
    press(dock, "save_csv_button")
    qtbot.waitUntil((tmp_path / "cells.csv").exists)
    with open(tmp_path / "cells.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == {"bright", "dark"}
    assert all((float(row["intensity mean"]) > 100) == (row["kind"] == "bright") for row in rows)
    dock.findChild(QCheckBox, "by_field_check").click()
    qtbot.waitUntil(lambda: table(dock).model().rowCount() == 1)
    assert column(dock, "bright cells") == column(dock, "dark cells") == ["2"]


def test_a_file_of_kinds_teaches_another_window(qtbot, two_kinds, tmp_path, monkeypatch):
    dock, path = two_kinds, str(tmp_path / "kinds")
    menu = dock.findChild(QPushButton, "kinds_menu_button").menu()
    actions = {action.text(): action for action in menu.actions()}
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (path, ""))
    actions["&Save kinds…"].trigger()
    kinds = read_kinds(tmp_path / "kinds.json")
    assert [entry.name for entry in kinds.kinds] == ["bright", "dark"]
    for _ in range(2):
        choose(qtbot, dock, 0)
        actions["&Remove this kind"].trigger()
    qtbot.waitUntil(lambda: counts(dock) == [] and not dock.book.record.kinds)
    assert "kind" not in dock.book.record.rows()[0]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path + ".json", ""))
    actions["&Open kinds…"].trigger()
    qtbot.waitUntil(lambda: counts(dock) == ["2 cells", "2 cells"])


def test_a_colour_is_changed(qtbot, two_kinds, model, monkeypatch):
    dock = two_kinds
    choose(qtbot, dock, 0)
    monkeypatch.setattr(QColorDialog, "getColor", lambda *_: QColor("#ff0000"))
    menu = dock.findChild(QPushButton, "kinds_menu_button").menu()
    next(action for action in menu.actions() if action.text() == "&Colour…").trigger()
    layer = model.layers["nuclei cells"]
    red = [1, 0, 0]
    qtbot.waitUntil(lambda: list(layer.get_color(at(model, BRIGHT[0])))[:3] == red)


def test_cells_of_other_images_get_their_kinds_too(qtbot, two_kinds, model, learners, picture):
    dock = two_kinds
    model.add_image(picture.copy(), name="other")
    combo = dock.findChild(QComboBox, "cells_image_combo")
    combo.setCurrentIndex(combo.findText("other"))
    press(dock, "find_cells_button")
    answer(qtbot, learners[0], discs())
    qtbot.waitUntil(lambda: counts(dock) == ["4 cells", "4 cells"])
    model.add_image(picture.copy(), name="sized", scale=(0.5, 0.5), units=("um", "um"))
    combo.setCurrentIndex(combo.findText("sized"))
    press(dock, "find_cells_button")
    answer(qtbot, learners[0], discs())
    qtbot.waitUntil(lambda: "sized: the kinds were taught with 'area (px²)'" in said(dock))
    assert counts(dock) == ["4 cells", "4 cells"]
