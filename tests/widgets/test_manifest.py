"""What napari finds of the plugin."""

from __future__ import annotations

from importlib.resources import files

import numpy as np
from napari.layers import Layer
from npe2 import PluginManifest
from qtpy.QtWidgets import QPlainTextEdit

from napari_unet.widgets.layers.sample import tissue_layers
from napari_unet.widgets.layers.strokes import can_be_painted, classes_of, find_annotation


def test_the_manifest_is_valid_and_everything_in_it_can_be_loaded():
    manifest = PluginManifest.from_file(str(files("napari_unet") / "napari.yaml"))
    manifest.validate_imports()
    assert manifest.display_name == "U-Net"
    assert [widget.display_name for widget in manifest.contributions.widgets] == [
        "Annotate and train",
        "Cells",
        "Batch segment open layers",
        "Report a problem",
    ]


def test_the_sample_is_an_image_with_strokes_that_the_dock_knows():
    image, strokes = (Layer.create(*data) for data in tissue_layers())
    assert image.rgb and image.data.shape == (512, 512, 3)
    assert can_be_painted(strokes)
    assert find_annotation([image, strokes], image) is strokes
    classes = classes_of(strokes)
    assert {entry.id for entry in classes} == set(np.unique(strokes.data)) - {0}
    red = [int(classes[1].color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    assert np.allclose(strokes.get_color(classes[1].id)[:3], red)


def test_the_sample_opens_from_the_menu_with_the_dock(make_window, learners, qtbot):
    viewer = make_window()
    viewer.open_sample("napari-unet-live", "tissue")
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
    qtbot.waitUntil(dock.findChild(object, "train_button").isEnabled)


def test_a_problem_can_be_reported_with_no_other_dock_open(make_window, learners, qtbot):
    viewer = make_window(show=True)
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Report a problem")
    text = dock.findChild(QPlainTextEdit)
    qtbot.waitUntil(lambda: "napari-unet-live" in text.toPlainText())
    assert not learners  # nothing is started for it
