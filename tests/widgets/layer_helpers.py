"""Small helpers of the widgets' tests."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image, Labels

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
