"""The project in the docks, also of napari's window, with a learner that says what it is told."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from layer_helpers import choose_in_menu, layer_names, paint_two_classes
from napari.utils.notifications import notification_manager
from qtpy.QtCore import QTimer
from qtpy.QtGui import QAction
from qtpy.QtWidgets import (
    QFileDialog,
    QLabel,
    QMessageBox,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QWidget,
)

from fakes import model_file
from napari_unet.errors import UnreadableFile
from napari_unet.learner.messages import Improved, Trained
from napari_unet.project.index import PART
from napari_unet.project.open_project import OpenedLayer, open_project
from napari_unet.project.recovery import recoverable
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.common.layer_combo import LayerCombo
from napari_unet.widgets.layers.image_marks import stored_mark
from napari_unet.widgets.layers.picture import choose_axes, choose_channels, picture_of
from napari_unet.widgets.layers.roles import Role, entry, remember
from napari_unet.widgets.layers.spots import CELL
from napari_unet.widgets.project import keeper

PICTURE = np.random.default_rng(0).integers(0, 255, (32, 40)).astype(np.uint8)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr("napari_unet.project.autosave.PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "REMOVAL_MS", 50)


@pytest.fixture
def make_dock(make_viewer, learners):
    return partial(_make_dock, make_viewer)


@pytest.fixture
def make_dock_in_napari(make_window, learners):
    return partial(_make_dock, make_window)


def _make_dock(make, *images):
    viewer = make()
    for image in images:
        if isinstance(image, Path):
            viewer.open(str(image), plugin="napari")
        else:
            viewer.add_image(image, name="cells")
    return viewer, open_dock(viewer)


def open_dock(viewer):
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    return dock


@pytest.fixture
def choose(monkeypatch):
    """Answer the next dialogs for a folder."""

    def answer(folder):
        monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(folder), ""))
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))

    return answer


def press(qtbot, dock, name):
    button = dock.findChild(QPushButton, name)
    qtbot.waitUntil(button.isEnabled)
    button.click()


def label(dock, name="project_label") -> str:
    return dock.findChild(QLabel, name).text()


def table(dock) -> QTableWidget:
    return dock.findChild(QTableWidget, "history_table")


def paint(qtbot, viewer, dock):
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers[-1]
    paint_two_classes(strokes)
    return strokes


def train(qtbot, dock, learner, score: float):
    press(qtbot, dock, "train_button")
    rows = table(dock).rowCount()
    learner.say(
        learner.trainings[-1].number, Trained(5, 1.0, "budget", score, model_file(score=score))
    )
    qtbot.waitUntil(lambda: table(dock).rowCount() > rows, timeout=20_000)


def save_as(qtbot, dock, choose, folder):
    choose(folder)
    choose_in_menu(qtbot, dock, "save_project_action")
    qtbot.waitUntil(lambda: "· saved" in label(dock) and (folder / "project.json").exists())


def reopen(qtbot, make_dock, choose, folder, *images):
    """Open a project in another window."""
    choose(folder)
    viewer, dock = make_dock(*images)
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: label(dock).startswith(folder.name) or "kept" in label(dock))
    return viewer, dock


def test_strokes_are_kept_for_the_next_start_without_a_word(
    qtbot, make_dock_in_napari, recovery_root
):
    viewer, dock = make_dock_in_napari(PICTURE)
    qtbot.wait(100)
    assert not recovery_root.exists()
    assert label(dock) == "Not in a project yet; strokes and models are kept for the next start"
    strokes = paint(qtbot, viewer, dock)
    qtbot.waitUntil(lambda: "kept for the next start, " in label(dock))
    expected = strokes.data.copy()
    viewer.close()
    (left,) = recoverable(recovery_root)
    assert np.array_equal(open_project(left.folder).layers[0].data(), expected)


def test_what_was_painted_a_moment_before_closing_is_kept(
    qtbot, make_dock_in_napari, recovery_root, monkeypatch
):
    """The window removes its layers before it closes, and nothing of them was saved before."""
    monkeypatch.setattr("napari_unet.project.autosave.PAUSE_SECONDS", 1000.0)
    monkeypatch.setattr("napari_unet.project.autosave.LONGEST_SECONDS", 1000.0)
    viewer, dock = make_dock_in_napari(PICTURE)
    expected = paint(qtbot, viewer, dock).data.copy()
    viewer.close()
    (left,) = recoverable(recovery_root)
    opened = open_project(left.folder)
    assert np.array_equal(opened.layers[0].data(), expected)
    assert [image.name for image in opened.index.images] == ["cells"]


def test_a_layer_that_is_removed_a_moment_after_it_was_painted_is_in_the_folder(
    qtbot, make_dock, recovery_root, monkeypatch
):
    monkeypatch.setattr("napari_unet.project.autosave.PAUSE_SECONDS", 0.5)
    viewer, dock = make_dock(PICTURE)
    strokes = paint(qtbot, viewer, dock)
    viewer.layers.remove(strokes)
    qtbot.waitUntil(lambda: "kept for the next start, " in label(dock))
    viewer.close()
    (left,) = recoverable(recovery_root)
    assert len(left.index.annotations[0].planes) == 1


def test_what_an_earlier_run_left_is_offered_and_restored(qtbot, make_dock, learners):
    viewer, dock = make_dock(PICTURE)
    expected = paint(qtbot, viewer, dock).data.copy()
    train(qtbot, dock, learners[-1], 0.5)
    viewer.close()
    viewer, dock = make_dock(PICTURE)
    assert "strokes on cells, 1 version of a model" in label(dock, "restore_label")
    assert dock.session.model is None
    choose_in_menu(qtbot, dock, "restore_project_action")
    qtbot.waitUntil(lambda: table(dock).rowCount() == 1)
    assert dock.findChild(QLabel, "restore_label").isHidden()
    assert np.array_equal(viewer.layers["strokes on cells"].data, expected)
    assert dock.session.model == model_file(score=0.5)
    assert layer_names(viewer)[0] == "cells"


def test_what_was_left_goes_only_after_a_question(qtbot, make_dock, monkeypatch, recovery_root):
    viewer, dock = make_dock(PICTURE)
    paint(qtbot, viewer, dock)
    viewer.close()
    _, dock = make_dock(PICTURE)
    buttons = QMessageBox.StandardButton
    for answer, left in ((buttons.Cancel, 1), (buttons.Discard, 0)):
        monkeypatch.setattr(QMessageBox, "question", lambda *_, answer=answer: answer)
        choose_in_menu(qtbot, dock, "discard_project_action")
        assert len(recoverable(recovery_root)) == left
    assert not dock.findChild(QAction, "restore_project_action").isVisible()


def test_a_project_is_saved_closed_and_opened(
    qtbot, make_dock, learners, choose, tmp_path, recovery_root
):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, PICTURE)
    viewer, dock = make_dock(path)
    strokes = paint(qtbot, viewer, dock)
    dock.session.rename_class(2, "nuclei")
    train(qtbot, dock, learners[-1], 0.5)
    train(qtbot, dock, learners[-1], 0.6)
    save_as(qtbot, dock, choose, tmp_path / "my project")
    qtbot.waitUntil(lambda: not recoverable(recovery_root))
    assert label(dock).startswith("my project · saved ")
    strokes.paint((3, 3), 2)
    expected = strokes.data.copy()
    viewer.close()

    viewer, dock = reopen(qtbot, make_dock, choose, tmp_path / "my project")
    qtbot.waitUntil(lambda: "strokes on cells" in layer_names(viewer))
    assert np.array_equal(viewer.layers["strokes on cells"].data, expected)
    assert np.array_equal(viewer.layers["cells"].data, PICTURE)
    strokes = viewer.layers.selection.active
    assert (strokes.name, strokes.mode) == ("strokes on cells", "paint")  # the next stroke paints
    assert [entry.name for entry in dock.session.classes] == ["background", "nuclei"]
    assert table(dock).rowCount() == 2
    assert dock.session.model == model_file(score=0.6)
    assert not dock.session.unsaved
    qtbot.waitUntil(dock.findChild(QPushButton, "train_button").isEnabled)


def test_strokes_of_other_images_do_not_lie_on_the_chosen_one_when_they_come_back(
    qtbot, make_dock, choose, tmp_path
):
    for seed, name in enumerate("ab"):
        tifffile.imwrite(tmp_path / f"{name}.tif", PICTURE + np.uint8(seed))
    viewer, dock = make_dock(tmp_path / "a.tif")
    paint(qtbot, viewer, dock)
    viewer.open(str(tmp_path / "b.tif"), plugin="napari")
    combo = dock.findChild(LayerCombo, "image_combo")
    combo.setCurrentText("b")
    combo.activated.emit(combo.currentIndex())
    paint(qtbot, viewer, dock)
    save_as(qtbot, dock, choose, tmp_path / "two")
    viewer.close()
    viewer, dock = reopen(qtbot, make_dock, choose, tmp_path / "two")
    qtbot.waitUntil(lambda: len(layer_names(viewer)) == 4, timeout=20_000)
    chosen = dock.findChild(LayerCombo, "image_combo").currentText()
    seen = {name for name in layer_names(viewer) if viewer.layers[name].visible}
    assert {name for name in seen if name.startswith("strokes")} == {f"strokes on {chosen}"}
    assert viewer.layers.selection.active is viewer.layers[f"strokes on {chosen}"]
    combo = dock.findChild(LayerCombo, "image_combo")
    for name in "abab":
        combo.setCurrentText(name)
        combo.activated.emit(combo.currentIndex())
        strokes = viewer.layers.selection.active
        assert (strokes.name, strokes.mode) == (f"strokes on {name}", "paint")
    viewer.layers["strokes on b"].mode = "erase"
    for name in "ab":
        combo.setCurrentText(name)
        combo.activated.emit(combo.currentIndex())
    assert viewer.layers.selection.active.mode == "erase"


def test_one_goes_back_to_a_version_and_on_from_there(qtbot, make_dock, learners):
    viewer, dock = make_dock(PICTURE)
    paint(qtbot, viewer, dock)
    train(qtbot, dock, learners[-1], 0.5)
    train(qtbot, dock, learners[-1], 0.6)
    assert not dock.findChild(QPushButton, "use_version_button").isEnabled()
    table(dock).selectRow(1)  # the older one
    press(qtbot, dock, "use_version_button")
    assert dock.session.model == model_file(score=0.5)
    assert table(dock).item(1, 0).font().bold()
    assert [table(dock).item(row, 2).text() for row in range(2)] == ["0.60", "0.50"]
    press(qtbot, dock, "train_button")
    job = learners[-1].trainings[-1]
    assert job.prepare().model == model_file(score=0.5)
    table(dock).selectRow(0)
    assert not dock.findChild(QPushButton, "use_version_button").isEnabled()


def test_a_training_that_is_cut_short_by_closing_keeps_its_best(
    qtbot, make_dock, learners, recovery_root
):
    viewer, dock = make_dock(PICTURE)
    paint(qtbot, viewer, dock)
    press(qtbot, dock, "train_button")
    improved = []
    session = dock.session
    session.improved.connect(lambda model: improved.append(model))
    learners[-1].say(learners[-1].trainings[0].number, Improved(5, 0.5, model_file(score=0.5)))
    qtbot.waitUntil(lambda: bool(improved))
    viewer.close()
    (left,) = recoverable(recovery_root)
    assert [entry.score for entry in left.index.versions] == [0.5]
    assert left.index.versions[0].planes


def test_undo_and_other_planes_are_saved(qtbot, make_dock, choose, tmp_path):
    viewer, dock = make_dock(np.stack([PICTURE] * 4))
    choose_axes(viewer.layers["cells"], "ZYX")
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on cells"]
    for plane in (1, 3):
        viewer.dims.set_current_step(0, plane)
        strokes.paint((plane, 4, 4), 2)
    save_as(qtbot, dock, choose, tmp_path / "p")
    found = open_project(tmp_path / "p").layers[0]
    assert np.array_equal(found.data(), strokes.data)
    assert [plane.index for plane in found.planes] == [(1,), (3,)]
    strokes.undo()
    qtbot.waitUntil(lambda: len(open_project(tmp_path / "p").layers[0].planes) == 1)


def test_a_layer_that_is_removed_does_not_come_back_but_stays_in_the_folder(
    qtbot, make_dock, choose, tmp_path
):
    viewer, dock = make_dock(PICTURE)
    strokes = paint(qtbot, viewer, dock)
    save_as(qtbot, dock, choose, tmp_path / "p")
    viewer.layers.remove(strokes)
    qtbot.waitUntil(lambda: not open_project(tmp_path / "p").layers)
    assert len(open_project(tmp_path / "p").index.annotations[0].planes) == 1


@pytest.fixture
def two_projects(qtbot, make_dock, choose, tmp_path):
    """The project ``first``, to be chosen next, and a window with ``second``: two layers each."""
    for name in ("first", "second"):
        viewer, dock = make_dock(PICTURE)
        for number in range(2):
            paint(qtbot, viewer, dock).name = f"{name} {number}"
        save_as(qtbot, dock, choose, tmp_path / name)
        if name == "first":
            viewer.close()
    choose(tmp_path / "first")
    return viewer, dock


def strokes_in(folder) -> list[str]:
    return [layer.entry.name for layer in open_project(folder).layers]


def test_the_next_project_takes_the_place_of_the_strokes(qtbot, two_projects, tmp_path):
    viewer, dock = two_projects
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: layer_names(viewer) == ["cells", "first 0", "first 1"])
    qtbot.wait(150)  # longer than a removal takes to be meant
    assert strokes_in(tmp_path / "second") == ["second 0", "second 1"]


def test_strokes_that_memory_does_not_suffice_for_stay_in_their_project(
    qtbot, two_projects, tmp_path, monkeypatch
):
    """Those of the same place in the project before were removed, these were not."""
    viewer, dock = two_projects
    data = OpenedLayer.data

    def small_memory(layer):
        if layer.entry.name == "first 1":
            raise UnreadableFile("memory does not suffice.")
        return data(layer)

    with monkeypatch.context() as patch:
        patch.setattr(OpenedLayer, "data", small_memory)
        choose_in_menu(qtbot, dock, "open_project_action")
        qtbot.waitUntil(lambda: layer_names(viewer) == ["cells", "first 0"])
    qtbot.wait(150)  # longer than a removal takes to be meant
    viewer.layers["first 0"].paint((30, 30), 1)
    qtbot.waitUntil(lambda: 1 in open_project(tmp_path / "first").layers[0].data()[30])
    assert strokes_in(tmp_path / "first") == ["first 0", "first 1"]


def test_what_is_painted_while_a_project_is_read_is_saved_in_the_one_before(
    qtbot, two_projects, tmp_path
):
    viewer, dock = two_projects
    strokes = viewer.layers["second 1"]
    choose_in_menu(qtbot, dock, "open_project_action")
    strokes.paint((30, 30), 1)
    qtbot.waitUntil(lambda: strokes not in viewer.layers)
    saved = open_project(tmp_path / "second").layers[1].data()
    assert saved[30, 30] == 1 and np.array_equal(saved, strokes.data)


def test_many_layers_of_strokes_come_and_go_with_the_window_drawn_in_between(
    qtbot, make_dock, choose, tmp_path
):
    """Where several go in one turn of the event loop, napari 0.9 may end in OpenGL."""
    viewer, dock = make_dock(PICTURE)
    for number in range(4):
        paint(qtbot, viewer, dock).name = f"strokes {number}"
    save_as(qtbot, dock, choose, tmp_path / "p")
    ticks, seen = [], []
    ticker = QTimer()
    ticker.timeout.connect(lambda: ticks.append(1))
    ticker.start(0)
    viewer.layers.events.removed.connect(lambda _event: seen.append(len(ticks)))
    viewer.layers.events.inserted.connect(lambda _event: seen.append(len(ticks)))
    names = layer_names(viewer)
    for _ in range(3):
        seen.clear()
        choose_in_menu(qtbot, dock, "open_project_action")
        qtbot.waitUntil(lambda: len(seen) == 8 and "saved" in label(dock))
        assert len(set(seen)) == 8
        assert layer_names(viewer) == names
        assert all(np.count_nonzero(layer.data) for layer in viewer.layers)
    ticker.stop()


def test_a_new_project_begins_with_the_strokes_and_the_model_that_are_open(
    qtbot, make_dock, learners, choose, tmp_path
):
    viewer, dock = make_dock(PICTURE)
    strokes = paint(qtbot, viewer, dock)
    train(qtbot, dock, learners[-1], 0.5)
    train(qtbot, dock, learners[-1], 0.6)
    choose(tmp_path / "new")
    choose_in_menu(qtbot, dock, "new_project_action")
    qtbot.waitUntil(lambda: table(dock).rowCount() == 1 and "saved" in label(dock))
    opened = open_project(tmp_path / "new")
    assert np.array_equal(opened.layers[0].data(), strokes.data)
    assert [(x.kind, x.score) for x in opened.index.versions] == [("opened", 0.6)]


def test_a_damaged_project_is_opened_as_a_copy(qtbot, make_dock, choose, tmp_path):
    viewer, dock = make_dock(PICTURE)
    expected = paint(qtbot, viewer, dock).data.copy()
    save_as(qtbot, dock, choose, tmp_path / "p")
    viewer.close()
    for path in (tmp_path / "p").glob("project*.json"):
        path.write_text("{")
    choose(tmp_path / "p")
    viewer, dock = make_dock(PICTURE)
    said = []
    dock.session.said.connect(lambda _level, text: said.append(text))
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2)
    assert np.array_equal(viewer.layers[1].data, expected)
    assert any("project.json is damaged" in text for text in said)
    assert any("Save as… and another folder" in text for text in said)
    viewer.layers[1].paint((3, 3), 2)
    qtbot.waitUntil(lambda: "kept for the next start" in label(dock))
    assert (tmp_path / "p" / "project.json").read_text() == "{"
    save_as(qtbot, dock, choose, tmp_path / "mended")
    assert np.array_equal(open_project(tmp_path / "mended").layers[0].data(), viewer.layers[1].data)


def test_what_is_no_project_changes_nothing(qtbot, make_dock, choose, tmp_path):
    viewer, dock = make_dock(PICTURE)
    paint(qtbot, viewer, dock)
    said = []
    dock.session.said.connect(lambda _level, text: said.append(text))
    (tmp_path / "empty").mkdir()
    choose(tmp_path / "empty")
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: bool(said))
    assert "is no project that can be opened" in said[0]
    assert layer_names(viewer) == ["cells", "strokes on cells"]


def test_a_folder_with_other_files_is_refused(qtbot, make_dock, choose, tmp_path):
    viewer, dock = make_dock(PICTURE)
    paint(qtbot, viewer, dock)
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.txt").write_text("mine")
    choose(tmp_path / "taken")
    choose_in_menu(qtbot, dock, "save_project_action")
    assert "holds other files" in notification_manager.records[-1].message
    assert [path.name for path in (tmp_path / "taken").iterdir()] == ["thesis.txt"]


def test_a_folder_that_goes_away_is_told_and_nothing_is_lost(
    qtbot, make_dock, learners, choose, tmp_path
):
    viewer, dock = make_dock(PICTURE)
    strokes = paint(qtbot, viewer, dock)
    save_as(qtbot, dock, choose, tmp_path / "stick")
    (tmp_path / "stick").rename(tmp_path / "pulled out")
    strokes.paint((3, 3), 2)
    qtbot.waitUntil(lambda: "not saved: the folder" in label(dock))
    press(qtbot, dock, "train_button")
    model = model_file(score=0.7)
    learners[-1].say(learners[-1].trainings[0].number, Trained(5, 1.0, "budget", 0.7, model))
    qtbot.waitUntil(lambda: dock.session.model == model)
    save_as(qtbot, dock, choose, tmp_path / "elsewhere")
    opened = open_project(tmp_path / "elsewhere")
    assert np.array_equal(opened.layers[0].data(), strokes.data)
    assert [entry.score for entry in opened.index.versions] == [0.7]


def test_a_dock_that_is_closed_and_opened_again_goes_on(
    qtbot, make_dock_in_napari, learners, choose, tmp_path
):
    viewer, dock = make_dock_in_napari(PICTURE)
    strokes = paint(qtbot, viewer, dock)
    train(qtbot, dock, learners[-1], 0.5)
    save_as(qtbot, dock, choose, tmp_path / "p")
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: learners[-1].closed)
    dock = open_dock(viewer)
    assert label(dock).startswith("p · ")
    assert table(dock).rowCount() == 1
    strokes.paint((3, 3), 2)
    qtbot.waitUntil(lambda: open_project(tmp_path / "p").layers[0].data()[3, 3] == 2)
    assert len(open_project(tmp_path / "p").index.versions) == 1


def test_one_button_writes_script_and_paragraph(qtbot, make_dock, learners, choose, tmp_path, qapp):
    tifffile.imwrite(tmp_path / "cells.tif", PICTURE)
    viewer, dock = make_dock(tmp_path / "cells.tif")
    paint(qtbot, viewer, dock)
    button = dock.findChild(QAction, "reproduce_project_action")
    assert not button.isEnabled()
    assert "Save as…" in button.toolTip()
    train(qtbot, dock, learners[-1], 0.5)
    save_as(qtbot, dock, choose, tmp_path / "p")
    choose(tmp_path / "out")
    choose_in_menu(qtbot, dock, "reproduce_project_action")
    compile((tmp_path / "out" / "reproduce.py").read_text(), "reproduce.py", "exec")
    assert "Ronneberger" in (tmp_path / "out" / "methods.md").read_text()
    assert "Ronneberger" in qapp.clipboard().text()


def test_settings_come_back(qtbot, make_dock, learners, choose, tmp_path):
    viewer, dock = make_dock(PICTURE)
    paint(qtbot, viewer, dock)
    dock.findChild(QSpinBox, "seconds_spin").setValue(240)
    train(qtbot, dock, learners[-1], 0.5)
    save_as(qtbot, dock, choose, tmp_path / "p")
    viewer.close()
    viewer, dock = reopen(qtbot, make_dock, choose, tmp_path / "p")
    qtbot.waitUntil(lambda: "strokes on cells" in layer_names(viewer))
    assert dock.findChild(QSpinBox, "seconds_spin").value() == 240


def test_settings_and_what_an_image_is_are_saved_without_another_stroke(
    qtbot, make_dock, choose, tmp_path
):
    viewer, dock = make_dock(np.stack([PICTURE] * 3))
    paint(qtbot, viewer, dock)
    save_as(qtbot, dock, choose, tmp_path / "p")

    def saved():
        return open_project(tmp_path / "p").index

    assert saved().images[0].axes != "ZYX"
    choose_axes(viewer.layers[0], "ZYX")
    qtbot.waitUntil(lambda: saved().images[0].axes == "ZYX")
    dock.findChild(QSpinBox, "seconds_spin").setValue(45)
    qtbot.waitUntil(lambda: saved().settings.seconds == 45)
    dock.findChild(QWidget, "elastic_setting").setValue(3.0)
    qtbot.waitUntil(lambda: saved().settings.elastic == 3.0)


def test_axes_and_channels_come_back(qtbot, make_dock, choose, tmp_path):
    np.save(tmp_path / "film.npy", np.random.default_rng(0).random((3, 2, 32, 40)))
    viewer, dock = make_dock(tmp_path / "film.npy")
    film = viewer.layers["film"]
    choose_axes(film, "TCYX")
    choose_channels(film, [(film, 1)])
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on film"]
    assert strokes.data.shape == (3, 1, 32, 40)
    strokes.paint((1, 0, 4, 4), 2)
    save_as(qtbot, dock, choose, tmp_path / "p")
    expected = strokes.data.copy()
    viewer.close()
    viewer, dock = reopen(qtbot, make_dock, choose, tmp_path / "p")
    qtbot.waitUntil(lambda: "strokes on film" in layer_names(viewer))
    film = viewer.layers["film"]
    assert picture_of(film).own.axes == "TCYX"
    assert picture_of(film).channels == (1,)
    assert np.array_equal(viewer.layers["strokes on film"].data, expected)
    (entry,) = open_project(tmp_path / "p").index.images
    assert (entry.axes, entry.channels) == ("TCYX", (("i1", 1),))


def test_a_large_plane_comes_back_and_little_of_it_is_written(qtbot, make_dock, choose, tmp_path):
    assert CELL == PART
    viewer, dock = make_dock(np.broadcast_to(PICTURE[0, 0], (5000, 4000)))
    press(qtbot, dock, "new_annotation_button")
    strokes = viewer.layers["strokes on cells"]
    for place in ((10, 10), (4990, 3990)):
        strokes.paint(place, 2)
    save_as(qtbot, dock, choose, tmp_path / "p")
    strokes.paint((4000, 100), 1)
    expected = strokes.data.copy()
    viewer.close()
    opened = open_project(tmp_path / "p")
    assert [plane.at for plane in opened.layers[0].planes] == [(0, 0), (3072, 0), (4096, 3072)]
    assert np.array_equal(opened.layers[0].data(), expected)
    viewer, dock = reopen(qtbot, make_dock, choose, tmp_path / "p")
    qtbot.waitUntil(lambda: "strokes on cells" in layer_names(viewer))
    again = viewer.layers["strokes on cells"]
    assert np.array_equal(again.data, expected)
    again.paint((20, 20), 1)
    again.undo()
    qtbot.wait(200)
    viewer.close()
    assert np.array_equal(open_project(tmp_path / "p").layers[0].data(), expected)


def test_corrected_cells_come_back_and_are_known_as_corrected(qtbot, make_dock, choose, tmp_path):
    path = tmp_path / "cells.tif"
    tifffile.imwrite(path, PICTURE)
    viewer, dock = make_dock(path)
    paint(qtbot, viewer, dock)
    image = viewer.layers["cells"]
    ids = np.zeros(PICTURE.shape, np.int32)
    ids[4:9, 5:11], ids[20:24, 5:11] = 1, 700
    kept = entry(Role.CELLS, image=stored_mark(image), ndim=2)
    cells = viewer.add_labels(ids, name="cells cells", metadata=kept)
    save_as(qtbot, dock, choose, tmp_path / "project")
    (layer,) = open_project(tmp_path / "project").index.annotations  # nobody corrected them yet
    remember(cells, corrected=[[]], made_from={"image": "found in", "model": "", "options": ""})
    cells.fill((5, 6), 9)
    corrected = cells.data.copy()

    def saved():
        layers = open_project(tmp_path / "project").layers
        return len(layers) == 2 and np.array_equal(layers[1].data(), corrected)

    qtbot.waitUntil(saved)
    viewer.close()

    viewer, dock = reopen(qtbot, make_dock, choose, tmp_path / "project")
    qtbot.waitUntil(lambda: "cells cells" in layer_names(viewer))
    layer = viewer.layers["cells cells"]
    np.testing.assert_array_equal(layer.data, corrected)
    qtbot.waitUntil(lambda: not dock.findChild(QLabel, "result_age_note").isHidden())
    book = CellBook(viewer, SimpleNamespace(image=viewer.layers["cells"], **no_signals()))
    assert book.would_lose(viewer.layers["cells"], [()], 2)
    assert len(viewer.layers) == 3
    strokes = dock.findChild(LayerCombo, "annotation_combo").offered
    assert [x.name for x in strokes] == ["strokes on cells"]


def no_signals():
    nothing = SimpleNamespace(connect=lambda slot: None)
    return {"image_changed": nothing, "image_retaken": nothing}
