"""Small helpers of the widgets' tests."""

from __future__ import annotations

import threading

from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QWidget

from napari_unet.core.labels.classes import describe_classes
from napari_unet.widgets.layers.strokes import new_annotation


def layer_names(viewer: ViewerModel) -> list[str]:
    """Return the names of a viewer's layers, the lowest first."""
    return [layer.name for layer in viewer.layers]


def add_strokes(viewer: ViewerModel, image: Image) -> Labels:
    """Add an empty layer of strokes of an image, as New does."""
    return viewer.add_layer(new_annotation(image, describe_classes((1, 2), "scribbles")))


def paint_two_classes(layer: Labels) -> None:
    """Paint a stroke of background and one of class 2, as a brush does."""
    for class_id, row in ((1, 8), (2, 20)):
        for column in range(6, 30):
            layer.paint((row, column), class_id)


def look_at(viewer: ViewerModel, top: float, bottom: float, left: float, right: float) -> None:
    """Show these rows and columns of the world, no more and no less, in two dimensions."""
    zoom = 4.0
    sides = (round((bottom - top) * zoom), round((right - left) * zoom))
    if hasattr(viewer, "canvas"):
        viewer.canvas.size = sides
    else:  # napari before 0.9
        viewer._canvas_size = sides
    # The middle of the first pixel is 0, its edge half a pixel before.
    viewer.camera.center = (0.0, (top + bottom) / 2 - 0.5, (left + right) / 2 - 0.5)
    viewer.camera.zoom = zoom


def thread_runs(name: str) -> bool:
    """Return whether there is a thread of that name."""
    return any(thread.name == name for thread in threading.enumerate())


def choose_in_menu(qtbot, dock: QWidget, name: str) -> None:
    """Choose an action of a dock's menus as soon as it can be chosen."""
    action = dock.findChild(QAction, name)
    qtbot.waitUntil(action.isEnabled)
    action.trigger()
