"""Cells are edited, measured again, and become annotation, without a window."""

from __future__ import annotations

import numpy as np
import pytest
from cells_dock import CENTRES, NearFinder, answer, column, discs, press, status, table, teach
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QDoubleSpinBox, QMessageBox, QPushButton

from fakes import model_file
from napari_unet.core.objects.measure import measure
from napari_unet.widgets.cells.dock import Cells
from napari_unet.widgets.desk import background
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.paint_watch import PaintWatch
from napari_unet.widgets.layers.picture import choose_axes, choose_channels
from napari_unet.widgets.layers.strokes import find_annotation, new_annotation

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 72)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _near(monkeypatch):
    monkeypatch.setattr(background, "ObjectFinder", NearFinder)


@pytest.fixture
def make(qtbot, model, learners, tmp_path):
    """Open the dock and find cells, the same on each plane."""

    def open_dock(picture=PICTURE, *, axes=None, **model_kind) -> Cells:
        image = model.add_image(picture, name="nuclei", scale=(0.5,) * picture.ndim, units="um")
        if axes is not None:
            choose_axes(image, axes)
        dock = Cells(model)
        qtbot.addWidget(dock)
        (tmp_path / "model.unet").write_bytes(model_file(**model_kind))
        dock.session.load_model(tmp_path / "model.unet")
        count = 1 if picture.ndim == 2 else len(picture)
        press(dock, "find_cells_button" if count == 1 else "find_all_cells_button")
        answer(qtbot, learners[0], *[discs()] * count)
        qtbot.waitUntil(lambda: dock.finding.settled)
        return dock

    return open_dock


def layer_of(model):
    return model.layers["nuclei cells"]


def select(dock, *ids):
    places = {cell: key for key, t in dock.book.record.tables.items() for cell in t["id"].tolist()}
    dock.selection.select([(places[cell], cell) for cell in ids])


def agrees(dock, model) -> bool:
    """Whether the table is what all cells measure now."""
    layer = layer_of(model)
    fresh = measure(layer.data, PICTURE, pixel_size=(0.5, 0.5), unit="µm")
    rows = dock.book.record.rows()[0]
    return list(rows["id"]) == list(fresh["id"]) and all(
        np.allclose(rows[name], fresh[name]) for name in fresh
    )


def test_merge_is_one_step_and_the_table_follows(qtbot, make, model):
    dock = make()
    before = layer_of(model).data.copy()
    touching = [int(before[place]) for place in CENTRES[:2]]
    select(dock, *touching)
    press(dock, "merge_cells_button")
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 3)
    assert layer_of(model).data[CENTRES[1]] == touching[0]
    assert agrees(dock, model)
    assert dock.selection.cells == (((), touching[0]),)
    layer_of(model).undo()
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 4)
    np.testing.assert_array_equal(layer_of(model).data, before)
    assert agrees(dock, model) and not dock.book.record.corrections
    layer_of(model).redo()
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 3)


def test_split_gives_a_new_id(qtbot, make, model):
    dock = make()
    select(dock, *(int(layer_of(model).data[place]) for place in CENTRES[:2]))
    press(dock, "merge_cells_button")
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 3)
    assert not dock.findChild(QPushButton, "merge_cells_button").isEnabled()
    press(dock, "split_cells_button")
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 4)
    first, second = (layer_of(model).data[place] for place in CENTRES[:2])
    assert first != second and max(first, second) == 5
    assert agrees(dock, model)


def test_delete_takes_all_that_are_selected(qtbot, make, model):
    dock = make()
    table(dock).selectAll()
    press(dock, "delete_cells_button")
    qtbot.waitUntil(lambda: column(dock, "id") == [])
    assert layer_of(model).data.max() == 0
    layer_of(model).undo()
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 4)


def test_what_is_painted_and_filled_is_measured(qtbot, make, model):
    dock = make()
    layer = layer_of(model)
    layer.brush_size = 6
    layer.paint((24, 50), 9)  # a new cell
    qtbot.waitUntil(lambda: "9" in column(dock, "id"))
    layer.paint((36, 60), 0)  # a hole in another
    layer.fill((12, 12), 0)
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 4 and agrees(dock, model))


def test_corrections_are_not_lost_to_a_parameter(qtbot, make, model, learners, monkeypatch):
    dock = make()
    select(dock, 1)
    press(dock, "delete_cells_button")
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 3)
    after = layer_of(model).data.copy()
    dock.findChild(QDoubleSpinBox, "neck_spin").setValue(0.0)
    assert "Cells were corrected" in status(dock)
    assert dock.finding.settled
    buttons = QMessageBox.StandardButton
    monkeypatch.setattr(QMessageBox, "question", lambda *_: buttons.Cancel)
    press(dock, "find_cells_button")
    assert not dock.finding.running
    np.testing.assert_array_equal(layer_of(model).data, after)
    monkeypatch.setattr(QMessageBox, "question", lambda *_: buttons.Discard)
    press(dock, "find_cells_button")
    answer(qtbot, learners[0], discs())
    qtbot.waitUntil(lambda: dock.finding.settled)
    assert len(column(dock, "id")) == 3  # with the other neck
    assert not dock.book.record.corrections


def test_cells_become_strokes_in_one_step_and_what_is_painted_wins(qtbot, make, model):
    dock = make()
    image = model.layers["nuclei"]
    strokes = model.add_layer(new_annotation(image, dock.session.classes))
    strokes.brush_size = 1
    strokes.paint((36, 60), 1)  # somebody says that there is background in the last cell
    painted = strokes.data.copy()
    teach(qtbot, dock, 2)
    data = strokes.data.copy()
    assert data[36, 60] == 1 and data[36, 58] == 2
    assert "4 cells copied" in status(dock, "teach_status")
    assert "1 painted pixel" in status(dock, "teach_status")
    first, second = CENTRES[:2]
    gap = data[12, first[1] : second[1] + 1]
    assert 1 in gap and gap[0] == gap[-1] == 2
    assert data[0, 40] == 0 and set(np.unique(data)) == {0, 1, 2}
    strokes.undo()
    np.testing.assert_array_equal(strokes.data, painted)
    dock.findChild(QAction, "over_painted_action").setChecked(True)
    teach(qtbot, dock, 2)
    assert strokes.data[36, 60] == 2


def test_corrected_cells_and_those_taken_away_are_learnt(qtbot, make, model):
    dock = make()
    action = dock.findChild(QAction, "teach_corrected_action")
    assert not action.isEnabled() and action.toolTip() == "No cell was corrected yet."
    gone, merged = (
        int(layer_of(model).data[CENTRES[3]]),
        [int(layer_of(model).data[place]) for place in CENTRES[:2]],
    )
    select(dock, gone)
    press(dock, "delete_cells_button")
    select(dock, *merged)
    press(dock, "merge_cells_button")
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 2)
    teach(qtbot, dock, 1)
    strokes = find_annotation(model.layers, model.layers["nuclei"])
    assert strokes.name == "strokes on nuclei"
    assert strokes.data[CENTRES[3]] == 1
    assert strokes.data[12, 12] == strokes.data[12, 19] == strokes.data[12, 27] == 2
    assert strokes.data[CENTRES[2]] == 0
    assert model.layers.selection.active is not strokes


def test_a_newer_copy_replaces_an_older_one(qtbot, make, model):
    dock = make()
    teach(qtbot, dock, 2)
    strokes = model.layers["strokes on nuclei"]
    assert 1 in strokes.data[12, 12:28]
    select(dock, *(int(layer_of(model).data[place]) for place in CENTRES[:2]))
    press(dock, "merge_cells_button")
    select(dock, int(layer_of(model).data[CENTRES[3]]))
    press(dock, "delete_cells_button")
    qtbot.waitUntil(lambda: len(column(dock, "id")) == 2)
    teach(qtbot, dock, 2)
    assert 1 not in strokes.data[12, 12:28]
    assert strokes.data[CENTRES[3]] == 1


def test_a_model_of_objects_teaches_strokes(qtbot, make, model):
    dock = make(ids=(0, 1), kind="instances")
    teach(qtbot, dock, 2)
    assert set(np.unique(model.layers["strokes on nuclei"].data)) == {0, 1, 2}


def test_strokes_of_other_planes_are_noticed(qtbot, make, model):
    """Whoever counts and keeps strokes is told of planes that are not looked at."""
    dock = make(np.stack([PICTURE] * 3), axes="ZYX")
    strokes = model.add_layer(new_annotation(model.layers["nuclei"], dock.session.classes))
    choice = Choice(dock)
    choice.image, choice.annotation = model.layers["nuclei"], strokes
    watch = PaintWatch(model, choice, dock)
    qtbot.waitUntil(lambda: watch.counts == {})
    table(dock).selectAll()
    model.dims.set_point(0, 0)
    teach(qtbot, dock, 0)
    assert set(watch.painted_planes()) == {(0,), (1,), (2,)}


class TestCorrectionsStay:
    """What was corrected is never overwritten without a question."""

    @pytest.fixture
    def asked(self, monkeypatch):
        """How often it was asked; the answer is no."""
        questions = []

        def question(*words):
            questions.append(words)
            return QMessageBox.StandardButton.Cancel

        monkeypatch.setattr(QMessageBox, "question", question)
        return questions

    def correct(self, qtbot, dock, model, cell=3):
        select(dock, cell)
        press(dock, "delete_cells_button")
        qtbot.waitUntil(lambda: dock.book.record.corrections != [])
        return np.array(layer_of(model).data)

    def test_after_the_dock_is_opened_again(self, qtbot, make, model, asked, tmp_path):
        dock = make()
        corrected = self.correct(qtbot, dock, model)
        dock.close()
        dock.deleteLater()
        qtbot.wait(1)
        again = Cells(model)
        qtbot.addWidget(again)
        again.session.load_model(tmp_path / "model.unet")
        qtbot.waitUntil(lambda: len(column(again, "id")) == 3)
        press(again, "find_cells_button")
        assert len(asked) == 1
        np.testing.assert_array_equal(layer_of(model).data, corrected)

    def test_after_the_image_is_taken_otherwise(self, qtbot, make, model, asked, learners):
        picture = np.stack([PICTURE, PICTURE])
        image = model.add_image(picture, name="two", axis_labels=("c", "y", "x"))
        dock = make()
        corrected = self.correct(qtbot, dock, model)
        choose_channels(model.layers["nuclei"], [(image, 0)])
        qtbot.waitUntil(lambda: dock.finding.settled)
        press(dock, "find_cells_button")
        assert len(asked) == 1
        np.testing.assert_array_equal(layer_of(model).data, corrected)

    def test_after_the_axes_are_other_ones(self, qtbot, make, model, asked):
        dock = make(np.stack([PICTURE, PICTURE]), axes="ZYX")
        corrected = self.correct(qtbot, dock, model)
        choose_axes(model.layers["nuclei"], "TYX")
        press(dock, "find_cells_button")
        assert len(asked) == 1
        np.testing.assert_array_equal(layer_of(model).data, corrected)

    def test_and_who_wants_them_anew_is_not_asked_twice(
        self, qtbot, make, model, asked, learners, monkeypatch
    ):
        dock = make()
        self.correct(qtbot, dock, model)
        discard = QMessageBox.StandardButton.Discard
        monkeypatch.setattr(QMessageBox, "question", lambda *_: asked.append(1) or discard)
        for _ in range(2):
            press(dock, "find_cells_button")
            answer(qtbot, learners[0], discs())
            qtbot.waitUntil(lambda: dock.finding.settled)
        assert len(asked) == 1
        assert layer_of(model).data.max() == 4


def test_undo_after_cells_are_found_again_is_of_this_result_alone(
    qtbot, make, model, learners, monkeypatch
):
    dock = make()
    select(dock, 3)
    press(dock, "delete_cells_button")
    qtbot.waitUntil(lambda: dock.book.record.corrections != [])
    discard = QMessageBox.StandardButton.Discard
    monkeypatch.setattr(QMessageBox, "question", lambda *_: discard)
    layer = layer_of(model)
    layer.mode = "paint"
    press(dock, "find_cells_button")
    answer(qtbot, learners[0], discs(CENTRES[:1]))
    qtbot.waitUntil(lambda: dock.finding.settled)
    found = np.array(layer.data)
    assert found.max() == 1
    layer.undo()
    np.testing.assert_array_equal(layer.data, found)
    assert layer.mode == "paint"
    layer.fill((12, 12), 0)
    layer.undo()
    np.testing.assert_array_equal(layer.data, found)
