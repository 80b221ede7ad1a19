"""The key that goes to the next place, in the real window with the real learner."""

from __future__ import annotations

import numpy as np
import pytest
from napari._app_model import get_app_model
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton

from napari_unet.core.prediction.predict import predict_probabilities
from napari_unet.core.prediction.uncertainty import places_of, uncertainty
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.layers.results import segmentation_of
from napari_unet.widgets.layers.uncertainty import uncertainty_of
from scenes import discs, random_model, small_network

PATIENCE = 60_000


@pytest.fixture
def picture():
    """Twelve of the scenes of discs, one beside the other."""
    return np.concatenate([discs(seed).image for seed in range(12)], axis=1)


def test_the_key_goes_to_the_least_sure_place_of_the_window(make_window, qtbot, tmp_path, picture):
    model = random_model(small_network())
    path = tmp_path / "model.unet"
    path.write_bytes(model.to_bytes())
    viewer = make_window(show=True)
    image = viewer.add_image(picture, name="discs")
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
    assert isinstance(dock, AnnotateAndTrain)
    dock.session.load_model(path)
    dock.findChild(QPushButton, "new_annotation_button").click()
    status = dock.findChild(QLabel, "next_place_status")
    canvas = viewer.window._qt_viewer.canvas.native
    canvas.setFocus()

    qtbot.keyClick(canvas, Qt.Key.Key_N)
    qtbot.waitUntil(lambda: "unsure. Paint" in status.text(), timeout=PATIENCE)
    unsure = uncertainty(predict_probabilities(model, picture))
    places = places_of(unsure)
    best = places.positions[places.scores.argmax()]
    assert np.abs(np.array(viewer.camera.center[-2:]) - best).max() <= 2
    shown = uncertainty_of(viewer, image).data
    assert np.abs(shown - 100 * unsure).max() <= 3  # the learner computes in its fast precision
    assert segmentation_of(viewer, image).data.any()

    strokes = viewer.layers.selection.active
    assert strokes.mode == "paint"
    first = viewer.camera.center[-2:]
    strokes.paint(tuple(map(int, first)), 2)
    get_app_model().commands.execute_command("napari-unet-live.next_place").result()
    second = viewer.camera.center[-2:]
    assert np.hypot(*np.subtract(first, second)) >= 20
