"""Cells are found, shown, previewed, selected and written, without a window."""

from __future__ import annotations

import csv
from types import SimpleNamespace

import numpy as np
import pytest
from cells_dock import CENTRES, NearFinder, QuickFinder, answer, column, discs, press, status, table
from napari.components import ViewerModel
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QPushButton,
    QSpinBox,
)

from fakes import model_file
from napari_unet.core.images import cutout
from napari_unet.core.io import pyramid
from napari_unet.core.models.header import digest_of
from napari_unet.core.objects.link import link
from napari_unet.widgets.cells import find_panel
from napari_unet.widgets.cells.clicks import CellClicks
from napari_unet.widgets.cells.dock import Cells
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk import background
from napari_unet.widgets.layers.origin import origin_of
from napari_unet.widgets.layers.picture import choose_axes
from napari_unet.widgets.layers.roles import Role, role_of

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 72)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _near(monkeypatch):
    monkeypatch.setattr(background, "ObjectFinder", NearFinder)


@pytest.fixture
def make(qtbot, model: ViewerModel, learners, tmp_path):
    """Open the dock for an image, with a model of two classes in use."""

    def open_dock(picture=PICTURE, *, axes=None, **model_kind) -> Cells:
        image = model.add_image(picture, name="nuclei", scale=(0.5,) * picture.ndim, units="um")
        if axes is not None:
            choose_axes(image, axes)
        dock = Cells(model)
        qtbot.addWidget(dock)
        (tmp_path / "model.unet").write_bytes(model_file(**model_kind))
        dock.session.load_model(tmp_path / "model.unet")
        return dock

    return open_dock


def find(qtbot, dock, learner, *foregrounds, button="find_cells_button"):
    press(dock, button)
    answer(qtbot, learner, *foregrounds)
    qtbot.waitUntil(lambda: dock.finding.settled)


def cells(model: ViewerModel):
    return model.layers["nuclei cells"]


def outlines(model: ViewerModel) -> int:
    found = [layer for layer in model.layers if role_of(layer) is Role.OUTLINES]
    return sum(len(layer.data) for layer in found)


def click(dock, row, at, *modifiers):
    event = SimpleNamespace(
        position=(0.5 * row, 0.5 * at),
        view_direction=None,
        dims_displayed=[0, 1],
        modifiers=modifiers,
    )
    dock.findChild(CellClicks).clicked(event)


def test_cells_are_found_shown_and_measured(qtbot, make, model, learners):
    dock = make()
    assert not dock.findChild(QPushButton, "find_all_cells_button").isEnabled()
    active = model.layers.selection.active
    find(qtbot, dock, learners[0], discs())
    layer = cells(model)
    assert layer.data.dtype == np.int32 and layer.data.max() == 4
    assert len({layer.data[place] for place in CENTRES}) == 4
    assert tuple(layer.scale) == (0.5, 0.5) and layer.units == model.layers["nuclei"].units
    assert model.layers.selection.active is active
    assert column(dock, "id") == ["1", "2", "3", "4"]
    areas = [0.25 * (layer.data == i).sum() for i in range(1, 5)]
    assert [float(text) for text in column(dock, "area (µm²)")] == pytest.approx(areas, rel=1e-3)
    assert "intensity mean" in [name for name, _ in dock.book.record.rows()[0].items()]
    assert status(dock) == "4 cells."


def test_fields_have_a_row_each_with_what_is_in_them(
    qtbot, make, model, learners, tmp_path, monkeypatch
):
    stack = np.stack([PICTURE, PICTURE // 2]).astype(np.float32)
    stack[1, :, 40:] = np.nan  # with one of the four discs
    dock = make(stack, axes="ZYX")
    find(qtbot, dock, learners[0], discs(), discs(), button="find_all_cells_button")
    by_field = dock.findChild(QCheckBox, "by_field_check")
    by_field.click()
    qtbot.waitUntil(lambda: column(dock, "plane") == ["0", "1"])
    assert column(dock, "cells") == ["4", "3"]
    assert column(dock, "imaged area (µm²)") == ["864", "480"]
    inside = discs() > 0.5
    assert float(column(dock, "class 2 fraction")[0]) == pytest.approx(inside.mean(), rel=1e-3)
    bright = [float(text) for text in column(dock, "class 2 intensity mean")]
    assert bright[0] == pytest.approx(stack[0][inside].mean(), rel=1e-3)
    assert bright[1] == pytest.approx(stack[1, :, :40][inside[:, :40]].mean(), rel=1e-3)
    table(dock).selectRow(1)  # of no cell
    assert not dock.selection.cells
    chosen = str(tmp_path / "fields.csv"), ""
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: chosen)
    press(dock, "save_csv_button")
    qtbot.waitUntil(lambda: (tmp_path / "fields.csv").exists())
    with open(tmp_path / "fields.csv", encoding="utf-8") as file:
        assert [row["cells"] for row in csv.DictReader(file)] == ["4", "3"]
    by_field.click()
    assert len(column(dock, "id")) == 8


def in_table(dock, count) -> bool:
    """Whether there is one field with so many cells."""
    return table(dock).model().columnCount() > 1 and table(dock).model().index(0, 1).data() == count


def test_a_field_follows_what_is_edited(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    dock.findChild(QCheckBox, "by_field_check").click()
    qtbot.waitUntil(lambda: in_table(dock, "4"))
    layer = cells(model)
    layer.selected_label = 0
    layer.fill(CENTRES[0], 0)
    qtbot.waitUntil(lambda: in_table(dock, "3"))


def test_a_parameter_is_previewed_without_predicting_again(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs(), button="find_cells_button")
    asked = len(learners[0].jobs)
    for neck in (0.5, 0.3, 0.0):  # only the last counts
        dock.findChild(QDoubleSpinBox, "neck_spin").setValue(neck)
    qtbot.waitUntil(lambda: cells(model).data.max() == 3 and dock.finding.settled)
    assert len(column(dock, "id")) == 3
    dock.findChild(QCheckBox, "border_check").setChecked(False)
    dock.findChild(QSpinBox, "smallest_spin").setValue(300)
    qtbot.waitUntil(lambda: dock.finding.settled)
    assert column(dock, "id") == ["1"]  # the two that touch are one
    assert len(learners[0].jobs) == asked


def test_a_late_preview_is_dropped(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    spin = dock.findChild(QDoubleSpinBox, "neck_spin")
    spin.setValue(0.0)
    dock.finding.stop()
    qtbot.wait(300)
    assert cells(model).data.max() == 4
    assert dock.finding.settled


def test_stop_lets_the_window_go_at_once(qtbot, make, model, learners):
    dock = make(np.stack([PICTURE, PICTURE]), axes="ZYX")
    press(dock, "find_all_cells_button")
    answer(qtbot, learners[0], discs())
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 4)
    assert not dock.findChild(QPushButton, "find_cells_button").isEnabled()
    press(dock, "stop_cells_button")
    assert dock.findChild(QPushButton, "find_cells_button").isEnabled()
    assert not dock.finding.running and status(dock) == "Stopped; what was ready stays."
    assert cells(model).data[0].max() == 4 and cells(model).data[1].max() == 0


def test_a_row_selects_its_cell_and_a_cell_its_row(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    view, layer = table(dock), cells(model)
    view.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    view.selectRow(0)
    (chosen,) = dock.selection.cells
    assert layer.selected_label == chosen[1] == int(column(dock, "id")[0])
    assert outlines(model) == 1
    for row, at in CENTRES:
        click(dock, row, at)
        assert layer.selected_label == layer.data[row, at]
        (index,) = view.selectionModel().selectedRows()
        assert [column(dock, "id")[index.row()]] == [str(layer.selected_label)]
    click(dock, *CENTRES[0], "Shift")
    assert len({index.row() for index in view.selectedIndexes()}) == 2
    assert outlines(model) == 2
    click(dock, 0, 40)  # beside all cells
    assert outlines(model) == 2
    layer.selected_label = int(layer.data[CENTRES[2]])  # napari's own picker
    assert [cell for _, cell in dock.selection.cells] == [layer.selected_label]


def test_cells_of_a_plane_are_selected_while_it_is_shown_in_3d(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    for ndisplay in (2, 3, 2):
        model.dims.ndisplay = ndisplay
        for row, at in CENTRES[:2]:
            click(dock, row, at)
            assert outlines(model) == 1
        dock.selection.select(())
        assert outlines(model) == 0


def test_a_row_of_another_plane_brings_it_into_view(qtbot, make, model, learners):
    dock = make(np.stack([PICTURE] * 3), axes="ZYX")
    find(qtbot, dock, learners[0], *[discs()] * 3, button="find_all_cells_button")
    assert column(dock, "plane") == [str(plane) for plane in range(3) for _ in range(4)]
    assert sorted(map(int, column(dock, "id"))) == list(range(1, 13))
    table(dock).selectRow(10)
    assert model.dims.point[0] == pytest.approx(1.0)  # plane 2, of 0.5 each
    assert cells(model).selected_label == int(column(dock, "id")[10])
    assert status(dock) == "12 cells on 3 planes, 4 on this one."


def test_cells_of_a_series_keep_their_ids(qtbot, make, model, learners):
    dock = make(np.stack([PICTURE] * 2), axes="TYX")
    linked = dock.findChild(QCheckBox, "linked_check")
    linked.setChecked(True)
    second = discs([(r + 1, c + 1) for r, c in CENTRES[1:]])
    find(qtbot, dock, learners[0], discs(), second, button="find_all_cells_button")
    data = cells(model).data
    np.testing.assert_array_equal(data[1], link(data[0], data[1]))
    assert set(np.unique(data[1])) <= set(np.unique(data[0]))
    assert column(dock, "time") == ["0"] * 4 + ["1"] * 3
    linked.setChecked(False)
    qtbot.waitUntil(lambda: dock.finding.settled)
    assert set(np.unique(cells(model).data[1])) & set(np.unique(cells(model).data[0])) == {0}


def test_without_time_there_is_no_id_over_time(make):
    dock = make(np.stack([PICTURE] * 2), axes="ZYX")
    linked = dock.findChild(QCheckBox, "linked_check")
    assert not linked.isEnabled() and "no axis of time" in linked.toolTip()


def test_each_cell_has_a_class_where_there_are_several(qtbot, make, model, learners):
    dock = make(ids=(1, 2, 5))
    both = np.stack([discs(CENTRES[:2]), discs(CENTRES[2:])]) / 2
    both[0][discs(CENTRES[:2]) > 0.5] = 0.9
    both[1][discs(CENTRES[2:]) > 0.5] = 0.9
    find(qtbot, dock, learners[0], np.clip(both - 0.04, 0, 1))
    names = {entry.id: entry.name for entry in dock.session.classes}
    of = dict(zip(map(int, column(dock, "id")), column(dock, "class"), strict=True))
    layer = cells(model).data
    assert [of[layer[place]] for place in CENTRES] == [names[2]] * 2 + [names[5]] * 2


def test_volumes_are_measured_as_such(qtbot, make, model, learners):
    dock = make(np.stack([PICTURE] * 6), axes="ZYX", dimensions=3)
    apart = discs(CENTRES[1:])
    volume = np.stack([np.full(PICTURE.shape, 0.1), *[apart] * 4, np.full(PICTURE.shape, 0.1)])
    find(qtbot, dock, learners[0], volume)
    assert cells(model).data[1:5].max() == 3 and cells(model).data[0].max() == 0
    assert len(column(dock, "volume (µm³)")) == 3
    table(dock).selectRow(0)
    assert outlines(model) == 4  # one a slice
    assert model.dims.point[0] in (0.5, 1.0, 1.5, 2.0)


def test_of_a_volume_only_what_was_edited_is_compared(qtbot, make, model, learners, monkeypatch):
    """Strokes, undo and redo in any slice, by the boxes that napari tells of."""
    dock = make(np.stack([PICTURE] * 6), axes="ZYX", dimensions=3)
    compared, take_in = [], CellRecord.take_in

    def spied(record, key, box):
        compared.append(record.ids(key)[box].size)
        return take_in(record, key, box)

    def volumes():
        rows = dock.book.record.rows()[0]
        return {int(i): v / 0.5**3 for i, v in zip(rows["id"], rows["volume (µm³)"], strict=True)}

    def is_measured():
        ids, counts = np.unique(layer.data[layer.data > 0], return_counts=True)
        return volumes() == dict(zip(ids.tolist(), counts.tolist(), strict=True))

    find(qtbot, dock, learners[0], np.stack([discs()] * 6))
    layer = cells(model)
    before = layer.data.copy()
    qtbot.wait(200)
    monkeypatch.setattr(CellRecord, "take_in", spied)
    model.dims.set_point(0, 1.0)
    qtbot.wait(200)
    assert compared == []
    layer.brush_size = 4
    layer.paint((2, 24, 50), 9)
    layer.paint((2, 12, 12), 9)
    qtbot.waitUntil(lambda: 9 in volumes() and is_measured())
    copy = dock.book.record.seen[(None,)]
    layer.fill((2, 24, 50), 0)
    qtbot.waitUntil(lambda: is_measured())
    assert dock.book.record.seen[(None,)] is copy and dock.book.record.corrections
    for step in (layer.undo, layer.redo, layer.undo, layer.undo, layer.undo):
        step()
        qtbot.waitUntil(lambda: is_measured())
    np.testing.assert_array_equal(layer.data, before)
    qtbot.waitUntil(lambda: not dock.book.record.corrections)
    assert max(compared) < 500


def test_probabilities_that_are_all_zero_are_no_cells(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], np.zeros(PICTURE.shape))
    assert status(dock) == "0 cells." and column(dock, "id") == []
    assert not dock.findChild(QPushButton, "save_csv_button").isEnabled()
    assert not dock.findChild(QPushButton, "teach_button").isEnabled()


def test_measurements_are_features_of_the_layer(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    features = cells(model).features
    assert features["index"].tolist() == [1, 2, 3, 4]
    assert [f"{area:.4g}" for area in features["area (µm²)"]] == column(dock, "area (µm²)")


def test_a_flat_image_is_said(qtbot, make, model, learners):
    dock = make(np.full(PICTURE.shape, 7, np.uint8))
    press(dock, "find_cells_button")
    qtbot.waitUntil(lambda: dock.finding.settled)
    assert status(dock).startswith("Every pixel of the image is 7")


def test_one_huge_object_is_one_row(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], np.ones(PICTURE.shape))
    assert column(dock, "area (µm²)") == [f"{0.25 * PICTURE.size:.4g}"]
    table(dock).selectRow(0)
    assert outlines(model) == 1


def test_70_000_cells_have_ids_beyond_16_bit(qtbot, make, model, learners, monkeypatch):
    monkeypatch.setattr(background, "ObjectFinder", QuickFinder)
    shape = (2 * 265, 2 * 265)
    dots = np.zeros(shape, np.float32)
    dots[::2, ::2] = 1
    dock = make(np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8))
    dock.findChild(QSpinBox, "smallest_spin").setValue(1)
    press(dock, "find_cells_button")
    answer(qtbot, learners[0], dots)
    qtbot.waitUntil(lambda: dock.finding.settled, timeout=60_000)
    view, rows = table(dock), table(dock).model()
    assert rows.rowCount() == 265**2 == 70_225
    assert cells(model).data.max() == 70_225
    view.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    assert rows.data(rows.index(0, 0)) == "70225"
    view.selectRow(0)
    assert cells(model).selected_label == 70_225
    click(dock, 0, 0)
    (index,) = view.selectionModel().selectedRows()
    assert rows.data(index) == "1"
    view.selectAll()
    assert len(dock.selection.cells) == 70_225


def test_the_table_is_not_filled_for_each_plane_of_many(qtbot, make, learners, monkeypatch):
    dock = make(np.stack([PICTURE] * 30), axes="TYX")
    view, filled = table(dock), []
    plain = view.model().show
    monkeypatch.setattr(view.model(), "show", lambda *rows: (filled.append(1), plain(*rows)))
    find(qtbot, dock, learners[0], *[discs()] * 30, button="find_all_cells_button")
    assert view.model().rowCount() == 30 * len(CENTRES), "at the end every cell is there"
    assert len(filled) < 20


def test_many_planes_are_not_listed_to_know_that_there_are_several(make, monkeypatch):
    listed = []
    monkeypatch.setattr(find_panel, "all_keys", lambda *_: listed.append(1))
    dock = make(np.stack([PICTURE] * 3), axes="TYX")
    assert dock.findChild(QPushButton, "find_all_cells_button").isEnabled()
    assert listed == []


def test_why_no_cells_can_be_found_stands_in_the_dock(qtbot, model, learners):
    model.add_image(PICTURE)
    dock = Cells(model)
    qtbot.addWidget(dock)
    assert "rain a model first" in status(dock)


def test_the_table_is_saved_as_it_is_shown(qtbot, make, learners, tmp_path, monkeypatch):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(tmp_path / "cells"), ""))
    table(dock).sortByColumn(0, Qt.SortOrder.DescendingOrder)
    press(dock, "save_csv_button")
    path = tmp_path / "cells.csv"
    qtbot.waitUntil(path.exists)
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["4", "3", "2", "1"]
    assert "area (µm²)" in rows[0]


def test_cells_are_still_there_when_the_dock_is_opened_again(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    before = column(dock, "area (µm²)")
    dock.deleteLater()
    again = Cells(model)
    qtbot.addWidget(again)
    qtbot.waitUntil(lambda: column(again, "id") == ["1", "2", "3", "4"])
    assert column(again, "area (µm²)") == before


def test_a_dock_that_is_closed_in_the_middle_waits_for_nothing(qtbot, make, model, learners):
    """The fixture that looks for threads that are left holds the rest."""
    dock = make()
    press(dock, "find_cells_button")
    qtbot.waitUntil(lambda: bool(learners[0].pieces))
    dock.deleteLater()
    QApplication.sendPostedEvents(dock, QEvent.Type.DeferredDelete)
    qtbot.waitUntil(lambda: bool(learners[0].dropped))


def test_cells_go_with_their_layer(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    table(dock).selectRow(0)
    model.layers.remove(cells(model))
    assert table(dock).model().rowCount() == 0
    assert dock.selection.cells == () and outlines(model) == 0
    find(qtbot, dock, learners[0], discs())
    assert len(column(dock, "id")) == 4


def test_a_large_image_has_cells_that_cannot_be_edited(qtbot, make, model, learners, monkeypatch):
    monkeypatch.setattr(cutout, "MOST_WHOLE", 1000)
    monkeypatch.setattr(pyramid, "_SMALLEST", 32)  # two levels
    dock = make()
    find(qtbot, dock, learners[0], discs())
    layer = cells(model)
    assert layer.multiscale and layer.data[0].max() == 4
    table(dock).selectRow(1)
    assert outlines(model) == 1 and layer.selected_label == 2
    click(dock, *CENTRES[3])
    assert dock.selection.cells == (((), int(layer.data[0][CENTRES[3]])),)
    for name in ("delete_cells_button", "teach_button"):
        button = dock.findChild(QPushButton, name)
        assert not button.isEnabled() and "crop the image first" in button.toolTip()
    dock.findChild(QDoubleSpinBox, "neck_spin").setValue(0.0)
    qtbot.waitUntil(lambda: dock.finding.settled)
    assert layer.data[0].max() == 3 and len(column(dock, "id")) == 3


def test_another_image_is_chosen_in_the_middle_of_a_preview(qtbot, make, model, learners):
    """Nothing of it is left, and nothing of the other image is found anew."""
    dock = make()
    find(qtbot, dock, learners[0], discs())
    model.add_image(PICTURE, name="other")
    dock.findChild(QDoubleSpinBox, "neck_spin").setValue(0.0)
    qtbot.waitUntil(lambda: cells(model).data.max() != 4)
    combo = dock.findChild(QComboBox, "cells_image_combo")
    combo.setCurrentIndex(combo.findText("other"))
    assert cells(model).data.max() == 4 and dock.finding.settled
    assert column_count(dock) == 0
    combo.setCurrentIndex(combo.findText("nuclei"))
    assert column(dock, "id") == ["1", "2", "3", "4"]


def column_count(dock) -> int:
    return table(dock).model().columnCount()


class TestSmallCells:
    def test_that_vanish_are_told_with_the_way_out(self, qtbot, make, learners):
        dock = make()
        find(qtbot, dock, learners[0], discs(((10, 10), (10, 30), (30, 50)), radius=2))
        said = "0 cells; 3 pieces are smaller than 20 px: lower 'Ignore smaller than'."
        assert status(dock) == said
        dock.findChild(QSpinBox, "smallest_spin").setValue(5)
        qtbot.waitUntil(lambda: dock.finding.settled)
        assert status(dock) == "3 cells."

    def test_where_there_is_nothing_there_is_nothing_to_lower(self, qtbot, make, learners):
        dock = make()
        find(qtbot, dock, learners[0], discs(()))
        assert status(dock) == "0 cells."


def test_an_image_of_another_pixel_size_is_resampled(qtbot, make, model, learners):
    """The layer's pixels are 0.5 µm wide and the model's 1 µm."""
    dock = make(pixel_size=(1.0, 1.0))
    messages = []
    dock.session.said.connect(lambda _level, text: messages.append(text))
    centres = [(row / 2, at / 2) for row, at in CENTRES]
    find(qtbot, dock, learners[0], discs(centres, shape=(24, 36), radius=4))
    layer = cells(model)
    assert layer.data.shape == PICTURE.shape
    assert len({layer.data[place] for place in CENTRES} - {0}) == 4
    assert "it is resampled to that" in messages[-1]


def test_cells_of_other_pixels_are_measured_anew_and_said_until_they_are_found_anew(
    qtbot, make, model, learners
):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    image, layer = model.layers["nuclei"], cells(model)
    first = origin_of(layer)
    assert first.model == digest_of(dock.session.model) and '"neck"' in first.options
    image.data = 255 - PICTURE
    note = dock.findChild(QLabel, "result_age_note")
    qtbot.waitUntil(lambda: "other pixels when what is shown was made (cells)" in note.text())
    means = np.array([(255 - PICTURE)[layer.data == cell].mean() for cell in range(1, 5)])
    measured = lambda: dock.book.record.rows()[0].get("intensity mean", ())  # noqa: E731
    qtbot.waitUntil(lambda: len(measured()) == 4 and np.allclose(measured(), means))
    dock.findChild(QDoubleSpinBox, "neck_spin").setValue(0.0)
    assert dock.finding.settled  # no probabilities of these pixels are there
    find(qtbot, dock, learners[0], discs(CENTRES[2:]))
    assert layer.data.max() == 2
    assert origin_of(layer).image != first.image
    qtbot.waitUntil(lambda: not note.isVisibleTo(dock))


def test_cells_found_with_other_settings_are_of_those(qtbot, make, model, learners):
    dock = make()
    find(qtbot, dock, learners[0], discs())
    first = origin_of(cells(model))
    dock.findChild(QDoubleSpinBox, "neck_spin").setValue(0.0)
    qtbot.waitUntil(lambda: cells(model).data.max() == 3 and dock.finding.settled)
    assert origin_of(cells(model)).differences(first) == ("options",)


def test_cells_of_one_plane_of_several_are_of_no_one_model(qtbot, make, model, learners):
    dock = make(np.stack([PICTURE] * 2), axes="TYX")
    find(qtbot, dock, learners[0], discs(), discs(), button="find_all_cells_button")
    assert origin_of(cells(model)).model
    find(qtbot, dock, learners[0], discs())
    assert not origin_of(cells(model)).model
