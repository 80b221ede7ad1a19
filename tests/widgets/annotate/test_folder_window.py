"""A folder as the working set, in the window, with a learner that says what it is told."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from layer_helpers import choose_in_menu, layer_names, paint_two_classes
from napari.utils.notifications import notification_manager
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFileDialog, QGroupBox, QLabel, QListView, QPushButton

from napari_unet.errors import UnwritableOutput
from napari_unet.project.open_project import open_project
from napari_unet.project.recovery import recoverable
from napari_unet.project.store import ProjectStore
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.annotate.settings_panel import AdvancedPanel
from napari_unet.widgets.desk.shared import shared_by
from napari_unet.widgets.layers.image_marks import stored_mark
from napari_unet.widgets.layers.roles import Role, entry
from napari_unet.widgets.project import keeper

SHAPE = (48, 64)


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr("napari_unet.project.autosave.PAUSE_SECONDS", 0.05)
    monkeypatch.setattr(keeper, "REMOVAL_MS", 50)


def picture(number: int, shape=SHAPE) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 255, shape).astype(np.uint8)


@pytest.fixture
def folder(tmp_path):
    """Images 1, 2 and 10."""
    path = tmp_path / "plate"
    path.mkdir()
    for number in (1, 2, 10):
        tifffile.imwrite(path / f"cells {number}.tif", picture(number))
    return path


@pytest.fixture
def make_dock(make_window, learners):
    def make():
        viewer = make_window()
        dock = AnnotateAndTrain(viewer)
        viewer.window.add_dock_widget(dock, name="dock")
        return viewer, dock

    return make


class Person:
    """Somebody who works on a folder."""

    def __init__(self, qtbot, viewer, dock, monkeypatch) -> None:
        self.qtbot, self.viewer, self.dock = qtbot, viewer, dock
        self.monkeypatch = monkeypatch
        self.files = shared_by(viewer, dock).files

    def choose(self, folder) -> None:
        self.monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder))
        self.press("folder_button")

    def press(self, name) -> None:
        button = self.dock.findChild(QPushButton, name)
        self.qtbot.waitUntil(button.isEnabled)
        self.qtbot.mouseClick(button, Qt.MouseButton.LeftButton)

    def sees(self, name) -> None:
        """Wait until an image is shown alone."""
        self.qtbot.waitUntil(lambda: self.files.shown is not None and self.files.shown.name == name)
        images = [x for x in layer_names(self.viewer) if x.startswith("cells")]
        assert images == [name.rpartition(".")[0]]

    def next(self, name) -> None:
        self.press("next_image_button")
        self.sees(name)

    def previous(self, name) -> None:
        self.press("previous_image_button")
        self.sees(name)

    def paint(self):
        if not self.strokes():
            self.press("new_annotation_button")
        (strokes,) = self.strokes()
        paint_two_classes(strokes)
        return strokes.data.copy()

    def strokes(self):
        return [x for x in self.viewer.layers if x.name.startswith("strokes on")]

    def label(self, name="folder_label") -> str:
        return self.dock.findChild(QLabel, name).text()

    def rows(self) -> list[str]:
        model = self.dock.findChild(QListView, "folder_view").model()
        return [model.data(model.index(row, 0)) for row in range(model.rowCount())]


@pytest.fixture
def in_window(qtbot, make_dock, monkeypatch):
    """Somebody at the real window."""
    return Person(qtbot, *make_dock(), monkeypatch)


@pytest.fixture
def person(qtbot, model, learners, monkeypatch):
    """The same without a window, which is quicker."""
    dock = AnnotateAndTrain(model)
    qtbot.addWidget(dock)
    return Person(qtbot, model, dock, monkeypatch)


@pytest.fixture
def said():
    notification_manager.records.clear()
    return lambda: [record.message for record in notification_manager.records]


def test_no_panel_until_a_folder_is_chosen(person, folder):
    panel = person.dock.findChild(QGroupBox, "folder_panel")
    assert panel.isHidden()
    person.choose(folder)
    person.sees("cells 1.tif")
    assert not panel.isHidden()
    assert person.rows() == ["cells 1.tif", "cells 2.tif", "cells 10.tif"]
    assert person.label() == "plate: 0 of 3 painted"


def test_strokes_stay_with_each_image(in_window, folder):
    in_window.choose(folder)
    in_window.sees("cells 1.tif")
    first = in_window.paint()
    in_window.next("cells 2.tif")
    assert in_window.rows()[0] == "cells 1.tif · painted"
    assert not in_window.strokes()[0].data.any()  # who paints goes on painting
    assert in_window.strokes()[0].mode == "paint"
    in_window.strokes()[0].paint((30, 30), 2)
    second = in_window.strokes()[0].data.copy()
    in_window.previous("cells 1.tif")
    assert np.array_equal(in_window.strokes()[0].data, first)
    in_window.next("cells 2.tif")
    assert np.array_equal(in_window.strokes()[0].data, second)
    assert in_window.label() == "plate: 2 of 3 painted"
    np.testing.assert_array_equal(in_window.viewer.layers["cells 2"].data, picture(2))


def test_train_learns_from_all_that_is_painted(in_window, folder, learners):
    in_window.choose(folder)
    in_window.sees("cells 1.tif")
    first = in_window.paint()
    in_window.next("cells 2.tif")
    in_window.strokes()[0].paint((30, 30), 3)
    in_window.press("train_button")
    request = learners[-1].trainings[-1].prepare()
    open_one, kept = request.images
    np.testing.assert_array_equal(open_one[0], picture(2))
    np.testing.assert_array_equal(kept.pixels[0], picture(1)[kept.box.slices])
    assert set(np.unique(request.labels[0])) == {0, 3}
    np.testing.assert_array_equal(request.labels[1], first[kept.box.slices])
    assert {info.id for info in request.classes} >= {1, 2, 3}
    in_window.next("cells 10.tif")  # a training goes on when its image is put away
    assert not learners[-1].stopped


def test_in_three_dimensions_other_stacks_are_learnt_too_and_planes_are_not(
    person, folder, learners, said
):
    stacks = [np.stack([picture(10 * number + z) for z in range(4)]) for number in (1, 2)]
    for number, stack in enumerate(stacks, start=2):
        path = folder / f"cells {number}.tif"
        tifffile.imwrite(path, stack, metadata={"axes": "ZYX"}, ome=True)
    person.choose(folder)
    person.sees("cells 1.tif")
    person.paint()
    for number in (2, 3):
        person.next(f"cells {number}.tif")
        (strokes,) = person.strokes()
        for class_id, row in ((1, 8), (2, 20)):
            strokes.paint((number, row, 9), class_id)
    person.dock.findChild(AdvancedPanel).dimensions = 3
    person.press("train_button")
    request = learners[-1].trainings[-1].prepare()
    for found, stack in zip(request.images, reversed(stacks), strict=True):
        np.testing.assert_array_equal(found, stack[None])
    painted = [set(np.flatnonzero(labels.any(axis=(1, 2)))) for labels in request.labels]
    assert painted == [{3}, {2}]
    assert "Not learnt, without slices: 1 of the folder's painted images." in said()


def test_an_image_without_strokes_is_no_reason_not_to_train(person, folder, learners):
    person.choose(folder)
    person.sees("cells 1.tif")
    person.paint()
    person.viewer.layers["strokes on cells 1"].mode = "pan_zoom"
    person.next("cells 2.tif")
    assert person.strokes() == []
    person.press("train_button")
    (kept,) = learners[-1].trainings[-1].prepare().images
    np.testing.assert_array_equal(kept.pixels[0], picture(1)[kept.box.slices])


def test_images_with_other_channels_are_left_out_of_a_training(person, folder, learners, said):
    tifffile.imwrite(folder / "cells 1.tif", picture(1, (2, *SHAPE)), metadata={"axes": "CYX"})
    person.choose(folder)
    person.sees("cells 1.tif")
    person.paint()
    person.next("cells 2.tif")
    person.paint()
    person.press("train_button")
    assert len(learners[-1].trainings[-1].prepare().images) == 1
    assert any("1 painted images of the folder have another number" in text for text in said())


def save_as(person, place) -> None:
    person.monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(place), ""))
    choose_in_menu(person.qtbot, person.dock, "save_project_action")
    person.qtbot.waitUntil(lambda: (place / "project.json").exists())


def test_a_project_is_closed_and_opened(qtbot, in_window, make_dock, folder, tmp_path, monkeypatch):
    in_window.choose(folder)
    in_window.sees("cells 1.tif")
    first = in_window.paint()
    in_window.next("cells 2.tif")
    second = in_window.paint()
    save_as(in_window, tmp_path / "project")
    in_window.next("cells 10.tif")
    in_window.viewer.close()
    again = Person(qtbot, *make_dock(), monkeypatch)
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path / "project"))
    choose_in_menu(qtbot, again.dock, "open_project_action")
    again.sees("cells 10.tif")
    assert again.label() == "plate: 2 of 3 painted"
    again.previous("cells 2.tif")
    assert np.array_equal(again.strokes()[0].data, second)
    again.previous("cells 1.tif")
    assert np.array_equal(again.strokes()[0].data, first)


def test_what_a_killed_napari_left_has_the_strokes_of_all_images(person, folder, recovery_root):
    """Nothing is saved at the end: what was put away was saved before."""
    person.choose(folder)
    person.sees("cells 1.tif")
    first = person.paint()
    person.next("cells 2.tif")
    (left,) = recovery_root.glob("*-1")
    index = open_project(left).index
    (strokes,) = [layer for layer in index.annotations if layer.away]
    assert strokes.planes and index.folder.path == str(folder)
    assert int((first > 0).sum()) > 0
    # Nothing of it is opened until it is shown.
    assert not any(layer.planes for layer in open_project(left).layers)
    assert recoverable(recovery_root) == []  # it runs still


def test_what_an_earlier_run_left_is_restored(qtbot, in_window, make_dock, folder, monkeypatch):
    in_window.choose(folder)
    in_window.sees("cells 1.tif")
    first = in_window.paint()
    in_window.next("cells 2.tif")
    in_window.viewer.close()
    again = Person(qtbot, *make_dock(), monkeypatch)
    choose_in_menu(qtbot, again.dock, "restore_project_action")
    again.sees("cells 2.tif")
    again.previous("cells 1.tif")
    assert np.array_equal(again.strokes()[0].data, first)


def test_strokes_that_cannot_be_saved_stay_open(person, folder, said, monkeypatch):
    person.choose(folder)
    person.sees("cells 1.tif")

    def full(*_):
        raise UnwritableOutput("the disk is full; make room.")

    with monkeypatch.context() as patch:
        patch.setattr(ProjectStore, "commit", full)
        first = person.paint()
        person.press("next_image_button")
        person.qtbot.waitUntil(lambda: any("cells 2.tif is not shown yet" in x for x in said()))
    person.sees("cells 1.tif")
    assert np.array_equal(person.strokes()[0].data, first)
    person.next("cells 2.tif")
    person.previous("cells 1.tif")
    assert np.array_equal(person.strokes()[0].data, first)


def test_files_that_cannot_be_read_are_said_and_passed_over(person, folder, said):
    (folder / "cells 2.tif").write_bytes(b"II*\x00 no image")
    person.choose(folder)
    person.sees("cells 1.tif")
    first = person.paint()
    person.press("next_image_button")
    person.qtbot.waitUntil(lambda: person.rows()[1] == "cells 2.tif · cannot be read")
    assert any("cells 2.tif cannot be read as an image" in text for text in said())
    person.sees("cells 1.tif")
    assert np.array_equal(person.strokes()[0].data, first)
    person.next("cells 10.tif")
    (folder / "cells 1.tif").unlink()
    person.press("previous_image_button")
    person.qtbot.waitUntil(lambda: any("There is no file" in text for text in said()))
    person.sees("cells 10.tif")


def test_the_first_image_that_can_be_read_is_shown_of_a_few_that_cannot(person, folder, said):
    for number in (1, 2):
        (folder / f"cells {number}.tif").write_bytes(b"II*\x00 no image")
    person.choose(folder)
    person.sees("cells 10.tif")
    assert sum("cannot be read as an image" in text for text in said()) == 2
    assert person.rows()[0] == "cells 1.tif · cannot be read"


def test_a_folder_without_a_readable_image_is_not_told_of_file_by_file(person, folder, said):
    for number in range(1, 31):
        (folder / f"cells {number}.tif").write_bytes(b"II*\x00 no image")
    person.choose(folder)
    person.qtbot.waitUntil(lambda: any("Next goes on after it." in text for text in said()))
    assert sum("cannot be read as an image" in text for text in said()) < 6
    assert person.files.shown is None


def test_a_renamed_image_has_its_strokes(person, folder, said):
    person.choose(folder)
    person.sees("cells 1.tif")
    first = person.paint()
    person.next("cells 2.tif")
    (folder / "cells 1.tif").rename(folder / "cells 3.tif")
    person.choose(folder)
    person.qtbot.waitUntil(lambda: person.rows()[-1].endswith("cells 1.tif · painted, not found"))
    person.next("cells 3.tif")
    assert "The image cells 3.tif is cells 1.tif under another name, with its strokes." in said()
    assert np.array_equal(person.strokes()[0].data, first)


@pytest.mark.parametrize("shape", [SHAPE, (40, 40)])
def test_a_replaced_image_is_said(person, folder, said, learners, shape):
    person.choose(folder)
    person.sees("cells 1.tif")
    first = person.paint()
    person.next("cells 2.tif")
    person.paint()
    tifffile.imwrite(folder / "cells 1.tif", picture(77, shape))
    person.press("train_button")
    assert len(learners[-1].trainings[-1].prepare().images) == 1
    person.qtbot.waitUntil(lambda: any("cells 1.tif was changed since" in x for x in said()))
    person.press("previous_image_button")
    person.sees("cells 1.tif")
    if shape == SHAPE:
        assert np.array_equal(person.strokes()[0].data, first)
        return
    assert any("its strokes are not shown; they stay in the project" in text for text in said())
    assert person.strokes()[0].data.shape == shape


@pytest.mark.parametrize("what", ["empty", "gone"])
def test_a_folder_without_images_is_said_and_the_one_before_stays(person, folder, said, what):
    person.choose(folder)
    person.sees("cells 1.tif")
    other = folder.parent / "other"
    if what == "empty":
        other.mkdir()
    person.choose(other)
    expected = "There is no image in" if what == "empty" else "cannot be read"
    person.qtbot.waitUntil(lambda: any(expected in text for text in said()))
    assert len(person.rows()) == 3


def test_a_new_project_keeps_the_strokes_of_images_that_are_not_open(person, folder, tmp_path):
    person.choose(folder)
    person.sees("cells 1.tif")
    first = person.paint()
    person.next("cells 2.tif")
    place = tmp_path / "new"
    person.monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(place), ""))
    choose_in_menu(person.qtbot, person.dock, "new_project_action")
    person.qtbot.waitUntil(lambda: (place / "project.json").exists())
    person.previous("cells 1.tif")
    assert np.array_equal(person.strokes()[0].data, first)


def test_leaving_the_folder_leaves_the_image(person, folder):
    person.choose(folder)
    person.sees("cells 1.tif")
    person.press("leave_folder_button")
    assert person.dock.findChild(QGroupBox, "folder_panel").isHidden()
    assert "cells 1" in layer_names(person.viewer)


def test_the_rest_goes_to_the_batch(in_window, folder, monkeypatch):
    in_window.choose(folder)
    in_window.sees("cells 1.tif")
    in_window.paint()
    in_window.next("cells 2.tif")
    in_window.press("batch_rest_button")
    main = in_window.viewer.window._qt_window
    box = main.findChild(QCheckBox, "batch_folder_check")
    assert box.isChecked()
    assert box.text() == "2 images of plate that nobody painted on"


def test_cells_that_were_corrected_come_back_and_what_was_computed_does_not(person, folder):
    person.choose(folder)
    person.sees("cells 1.tif")
    image = person.viewer.layers["cells 1"]
    found = np.zeros(SHAPE, np.int32)
    found[5:10, 5:10] = 300
    mark = stored_mark(image)
    corrected = entry(Role.CELLS, image=mark, ndim=2, corrected=[[]])
    person.viewer.add_labels(found, name="corrected", metadata=corrected)
    person.viewer.add_labels(found, name="result", metadata=entry(Role.SEGMENTATION, image=mark))
    person.viewer.add_labels(found, name="of mine")
    person.next("cells 2.tif")
    assert layer_names(person.viewer) == ["of mine", "cells 2"]
    assert person.rows()[0] == "cells 1.tif · corrected"
    person.previous("cells 1.tif")
    assert np.array_equal(person.viewer.layers["corrected"].data, found)
    assert "result" not in layer_names(person.viewer)


def test_what_a_batch_segmented_is_listed(person, folder, tmp_path):
    person.choose(folder)
    person.sees("cells 1.tif")
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "cells 10_labels.tif").touch()
    person.files.segmented_into.emit(tmp_path / "results")
    person.qtbot.waitUntil(lambda: person.rows()[2] == "cells 10.tif · segmented")
