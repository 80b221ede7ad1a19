"""Fields of one plate in the real window with the real learner: Live on two, a batch over all."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QLabel, QPushButton

import napari_unet as nu
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.batch.dock import BatchSegment
from napari_unet.widgets.layers.results import segmentation_of
from scenes import discs, iou

PATIENCE = 120_000
FIELDS = ("A01", "A02", "B01", "B02")
EMPTY = "A02"


def counts(name: str, seed: int) -> np.ndarray:
    """A field as a camera has it, (64, 64) uint16: four bright discs, or noise alone."""
    inside = (discs(seed).truth == 2) & (name != EMPTY)
    noise = np.random.default_rng(seed).normal(size=inside.shape)
    return np.round((300 + 40 * noise + 400 * inside) * (1 + 0.1 * seed)).astype(np.uint16)


@pytest.fixture
def plate(tmp_path):
    """A folder of fields, the gain of each a little higher."""
    for seed, name in enumerate(FIELDS):
        tifffile.imwrite(tmp_path / f"{name}.tif", counts(name, seed))
    return tmp_path


@pytest.fixture(scope="module")
def model():
    """Trained for two steps on two of the fields."""
    painted = [(name, seed) for seed, name in enumerate(FIELDS) if name in ("A01", "B01")]
    images = [counts(name, seed) for name, seed in painted]
    strokes = [discs(seed).strokes for _, seed in painted]
    return nu.train(images, strokes, label_kind="scribbles", steps=2, device="cpu")


@pytest.fixture
def viewer(make_window):
    return make_window()


def open_field(viewer, folder, name):
    viewer.open(str(folder / f"{name}.tif"), plugin="napari")


def pick(dock, name):
    """Choose an image as a person does."""
    combo = dock.findChild(QComboBox, "image_combo")
    combo.setCurrentText(name)
    combo.activated.emit(combo.currentIndex())


def press(qtbot, dock, name):
    button = dock.findChild(QPushButton, name)
    qtbot.waitUntil(button.isEnabled, timeout=PATIENCE)
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_live_predicts_whichever_of_two_painted_images_is_chosen(qtbot, viewer, plate):
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    truth = {}
    for seed, name in enumerate(FIELDS):
        if name in ("A01", "B01"):
            open_field(viewer, plate, name)
            pick(dock, name)
            press(qtbot, dock, "new_annotation_button")
            viewer.layers[f"strokes on {name}"].data = discs(seed).strokes
            truth[viewer.layers[name]] = discs(seed).truth
    tiles = []
    dock.session.live.tile_predicted.connect(tiles.append)
    pick(dock, "A01")
    assert not viewer.layers["B01"].visible
    assert viewer.layers.selection.active is viewer.layers["strokes on A01"]
    dock.findChild(QCheckBox, "live_switch").click()
    for name in ("A01", "B01", "A01"):
        pick(dock, name)
        image = viewer.layers[name]
        tiles.clear()
        of_it = lambda own=str(image.unique_id): any(t.key.startswith(own) for t in tiles)  # noqa: E731
        qtbot.waitUntil(of_it, timeout=PATIENCE)
    dock.findChild(QCheckBox, "live_switch").click()
    qtbot.waitUntil(lambda: dock.session.state is State.IDLE, timeout=PATIENCE)
    for image, known in truth.items():
        assert iou(segmentation_of(viewer, image).data, known, 2) > 0.4
    qtbot.waitUntil(lambda: not dock.session.predictions.running, timeout=PATIENCE)


def test_a_batch_makes_each_result_once_and_finds_nothing_where_nothing_is(
    qtbot, viewer, plate, model, monkeypatch
):
    for name in FIELDS:
        open_field(viewer, plate, name)
    dock = BatchSegment(viewer)
    viewer.window.add_dock_widget(dock, name="batch")
    model.save(plate / "model.unet")
    dock.session.load_model(plate / "model.unet")
    out = plate / "out"
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(out))
    dock.findChild(QComboBox, "batch_place_combo").activated.emit(1)

    said = lambda: dock.findChild(QLabel, "batch_summary").text()  # noqa: E731
    button = dock.findChild(QPushButton, "batch_run_button")

    def run():
        press(qtbot, dock, "batch_run_button")
        assert button.text() == "&Stop"
        qtbot.waitUntil(lambda: button.text() == "&Run", timeout=PATIENCE)

    qtbot.waitUntil(lambda: said() == "4 of 4 will run.", timeout=PATIENCE)
    run()
    assert said() == "4 images: 4 done."
    found = {name: tifffile.imread(out / f"{name}_labels.tif") for name in FIELDS}
    assert (found.pop(EMPTY) == 2).mean() < 0.02
    for name, labels in found.items():
        assert iou(labels, discs(FIELDS.index(name)).truth, 2) > 0.5

    dock.options.changed.emit()
    qtbot.waitUntil(lambda: said() == "0 of 4 will run, 4 done already.", timeout=PATIENCE)
    assert not button.isEnabled()
    written = {name: (out / f"{name}_labels.tif").stat().st_mtime_ns for name in FIELDS}
    tifffile.imwrite(plate / "B01.tif", counts("B01", 8))
    viewer.layers.remove("B01")
    open_field(viewer, plate, "B01")
    qtbot.waitUntil(lambda: said() == "1 of 4 will run, 3 done already.", timeout=PATIENCE)
    run()
    changed = {n for n in FIELDS if (out / f"{n}_labels.tif").stat().st_mtime_ns != written[n]}
    assert changed == {"B01"}
