"""Segment open layers into a folder, in the real window, with the real learner."""

from __future__ import annotations

import csv
import threading

import dask.array as da
import numpy as np
import pytest
from layer_helpers import thread_runs
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QProgressBar, QPushButton

import napari_unet as nu
from napari_unet.core.io.open_image import open_image
from napari_unet.core.segmentation.result_paths import is_result
from napari_unet.widgets.batch.dock import BatchSegment
from scenes import random_model, small_network

PATIENCE = 60_000
MODEL = random_model(small_network())


def noise(*shape):
    return np.random.default_rng(0).integers(0, 255, shape).astype(np.uint8)


@pytest.fixture(params=["make_window"])
def viewer(request):
    viewer = request.getfixturevalue(request.param)()
    viewer.add_image(
        noise(3, 70, 90),
        name="stack",
        scale=(2, 0.5, 0.25),
        units=("um", "um", "um"),
        axis_labels=("z", "y", "x"),
    )
    viewer.add_image(noise(40, 50, 3), rgb=True, name="colour")
    viewer.add_image(da.from_array(noise(40, 50), chunks=16), name="lazy/one")
    return viewer


@pytest.fixture
def dock(viewer, tmp_path):
    widget = BatchSegment(viewer)
    viewer.window.add_dock_widget(widget, name="Batch segment open layers")
    MODEL.save(tmp_path / "model.unet")
    widget.session.load_model(tmp_path / "model.unet")
    return widget


windowless = pytest.mark.parametrize("viewer", ["make_viewer"], indirect=True)  # nothing is drawn


def choose_folder(qtbot, dock, folder, monkeypatch):
    """Choose a folder as a person does."""
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: str(folder))
    combo = dock.findChild(QComboBox, "batch_place_combo")
    combo.setFocus()
    qtbot.keyClick(combo, Qt.Key.Key_Down)
    if dock.options.folder is None:  # where the key only moves the choice
        combo.activated.emit(1)


@pytest.fixture
def out(qtbot, dock, tmp_path, monkeypatch):
    choose_folder(qtbot, dock, tmp_path / "out", monkeypatch)
    return tmp_path / "out"


def press_run(qtbot, dock):
    button = dock.findChild(QPushButton, "batch_run_button")
    qtbot.waitUntil(button.isEnabled, timeout=PATIENCE)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    return button


def summary(dock):
    return dock.findChild(QLabel, "batch_summary").text()


def rows(dock):
    table = dock.table
    return {table.item(row, 0).text(): table.item(row, 2).text() for row in range(table.rowCount())}


def test_to_layers_and_to_a_folder_and_back(qtbot, viewer, dock, tmp_path, monkeypatch):
    button = press_run(qtbot, dock)
    qtbot.waitUntil(lambda: button.text() == "&Run", timeout=PATIENCE)
    assert summary(dock) == "3 images: 2 done, 1 failed."
    stack, result = viewer.layers["stack"], viewer.layers["stack segmentation"]
    np.testing.assert_array_equal(result.data, nu.predict(MODEL, stack.data, device="cpu"))
    assert tuple(result.scale) == tuple(stack.scale)
    assert result.units == stack.units
    assert dock.findChild(QProgressBar, "batch_progress").value() <= 0

    layers, out = len(viewer.layers), tmp_path / "out"
    choose_folder(qtbot, dock, out, monkeypatch)
    dock.findChild(QCheckBox, "batch_probabilities_check").click()
    qtbot.waitUntil(lambda: summary(dock) == "2 of 3 will run, 1 has 3 channels.")
    names = "stack_labels.tif and stack_probabilities.tif"
    will = f"will be segmented, 3 planes, into {names}"
    qtbot.waitUntil(lambda: rows(dock)["stack"] == will)
    press_run(qtbot, dock)
    assert button.text() == "&Stop"
    qtbot.waitUntil(lambda: button.text() == "&Run", timeout=PATIENCE)
    assert summary(dock) == "3 images: 2 done, 1 failed."
    assert rows(dock)["stack"].startswith("done")
    assert len(viewer.layers) == layers

    with open_image(out / "stack_labels.tif") as source:
        assert (source.axes, source.dtype) == ("ZYX", np.dtype(np.uint8))
        assert source.pixel_size == {"Z": 2.0, "Y": 0.5, "X": 0.25}
        assert source.units == dict.fromkeys("ZYX", "micrometer")
        found = np.asarray(source.levels[0][...])
    np.testing.assert_array_equal(
        found, nu.predict(MODEL, viewer.layers["stack"].data, device="cpu")
    )
    with open_image(out / "lazy_one_probabilities.tif") as source:
        assert source.sizes() == {"C": 2, "Y": 40, "X": 50}
        assert source.dtype == np.float32
    assert is_result(out / "stack_labels.tif")
    with (out / "batch_report.csv").open(newline="", encoding="utf-8") as file:
        report = {row["item"]: row for row in csv.DictReader(file)}
    assert {name: row["status"] for name, row in report.items()} == {
        "stack": "done",
        "colour": "failed",
        "lazy/one": "done",
    }
    assert report["stack"]["shape"] == "3x70x90"
    assert report["stack"]["pixel_size"] == "Z 2 µm, Y 0.5 µm, X 0.25 µm"


@windowless
def test_stop_in_the_middle_keeps_what_is_done(qtbot, viewer, dock, out):
    """The last layer is read only when the test says so."""
    reading, go_on = threading.Event(), threading.Event()

    def slow(block):
        reading.set()
        go_on.wait(60)
        return block

    meta = np.empty((0, 0), np.uint8)
    lazy = da.from_array(noise(64, 64), chunks=64).map_blocks(slow, dtype=np.uint8, meta=meta)
    viewer.add_image(lazy, name="slow", contrast_limits=(0, 255), visible=False)
    viewer.add_image(noise(40, 50), name="last")
    reading.clear()
    qtbot.waitUntil(lambda: summary(dock).startswith("4 of 5"), timeout=PATIENCE)
    button = press_run(qtbot, dock)
    qtbot.waitUntil(reading.is_set, timeout=PATIENCE)
    qtbot.waitUntil(lambda: rows(dock)["lazy/one"].startswith("done"), timeout=PATIENCE)
    press_run(qtbot, dock)
    assert button.text() == "Stopping…"
    qtbot.waitUntil(lambda: button.text() == "&Run", timeout=5000)
    assert summary(dock) == "5 images: 2 done, 1 failed, 2 stopped."
    assert rows(dock)["slow"] == "stopped: the run was stopped in it."
    assert rows(dock)["last"] == "stopped: the run was stopped before it."
    go_on.set()
    qtbot.waitUntil(lambda: not thread_runs("batch-run"), timeout=PATIENCE)
    assert sorted(path.name for path in out.iterdir()) == [
        "batch_report.csv",
        "lazy_one_labels.tif",
        "stack_labels.tif",
    ]
    with (out / "batch_report.csv").open(newline="", encoding="utf-8") as file:
        statuses = [row["status"] for row in csv.DictReader(file)]
    assert statuses == ["done", "failed", "done", "stopped", "stopped"]


@windowless
def test_a_dock_that_is_closed_does_not_wait_for_a_layer_that_is_read(qtbot, viewer, dock, out):
    reading, go_on = threading.Event(), threading.Event()

    def slow(block):
        reading.set()
        go_on.wait(60)
        return block

    meta = np.empty((0, 0), np.uint8)
    lazy = da.from_array(noise(64, 64), chunks=64).map_blocks(slow, dtype=np.uint8, meta=meta)
    viewer.add_image(lazy, name="slow", contrast_limits=(0, 255), visible=False)
    reading.clear()
    qtbot.waitUntil(lambda: summary(dock).startswith("3 of 4"), timeout=PATIENCE)
    press_run(qtbot, dock)
    qtbot.waitUntil(reading.is_set, timeout=PATIENCE)
    viewer.window.remove_dock_widget(dock)
    qtbot.wait(50)
    assert thread_runs("batch-run")
    go_on.set()
    qtbot.waitUntil(lambda: not thread_runs("batch-run"), timeout=PATIENCE)
    assert not [path for path in out.iterdir() if path.name.startswith(("slow", "."))]
