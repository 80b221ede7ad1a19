"""Small helpers of the widgets' tests."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Labels


def layer_names(viewer: ViewerModel) -> list[str]:
    """Return the names of a viewer's layers, the lowest first."""
    return [layer.name for layer in viewer.layers]


def paint_two_classes(layer: Labels) -> None:
    """Paint a stroke of background and one of class 2, as a brush does."""
    for class_id, row in ((1, 8), (2, 20)):
        for column in range(6, 30):
            layer.paint((row, column), class_id)
