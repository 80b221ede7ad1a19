"""The layer that strokes are painted on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from pydantic import ValidationError

from napari_unet.core.io.scratch import zeros
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.layers.colormaps import label_colormap
from napari_unet.widgets.layers.geometry import same_place, transform_of
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.roles import KEY, Role, detail, entry, role_of

BRUSH_SIZE = 5
FIRST_CLASS = 2
MAX_CLASSES = 64
STROKES_OPACITY = 0.9
_FEW_IDS = 16
_LARGEST_ID = 65535


def can_be_painted(layer: Layer) -> bool:
    """Return whether a layer can hold strokes: labels that are not a result."""
    may_be = role_of(layer) in (None, Role.STROKES)
    return isinstance(layer, Labels) and not layer.multiscale and may_be


def strokes_metadata(classes: Iterable[ClassInfo]) -> dict[str, dict[str, object]]:
    """Return the metadata that makes a labels layer an annotation layer with these classes."""
    return entry(Role.STROKES, classes=[info.model_dump() for info in classes])


def new_annotation(image: Image, classes: tuple[ClassInfo, ...]) -> Labels:
    """Make an empty annotation layer, of the image's spatial shape and transform."""
    layer = Labels(
        zeros(spatial_shape(image), np.uint8, sparse=True),
        name=f"strokes on {image.name}",
        colormap=label_colormap(classes),
        metadata=strokes_metadata(classes),
        opacity=STROKES_OPACITY,
        **transform_of(image),
    )
    layer.brush_size = BRUSH_SIZE
    layer.selected_label = FIRST_CLASS
    return layer


def paint_with(viewer: ViewerModel, layer: Labels, class_id: int) -> None:
    """Make the next stroke on the canvas one of that class."""
    viewer.layers.selection.active = layer
    layer.selected_label = class_id
    layer.mode = "paint"


def classes_of(layer: Labels) -> tuple[ClassInfo, ...] | None:
    """Return the classes that travel with a layer; ``None`` where there are none."""
    stored = detail(layer, "classes")
    if not isinstance(stored, list | tuple):
        return None
    try:
        classes = tuple(ClassInfo.model_validate(info) for info in stored)
    except ValidationError:
        return None
    return classes or None


def dress(layer: Labels, classes: tuple[ClassInfo, ...]) -> None:
    """Give a layer the classes' names and colours, and make it an annotation layer."""
    layer.metadata.update(strokes_metadata(classes))
    layer.colormap = label_colormap(classes, extra=(layer.selected_label,))


def is_dressed(layer: Labels) -> bool:
    """Return whether a layer already is an annotation layer."""
    return KEY in layer.metadata and role_of(layer) is Role.STROKES


def find_annotation(layers: Iterable[Layer], image: Image) -> Labels | None:
    """Return the annotation layer that fits an image; one of the plugin's own comes first."""
    shape = spatial_shape(image)
    fitting = [
        layer
        for layer in layers
        if can_be_painted(layer) and spatial_shape(layer) == shape and same_place(layer, image)
    ]
    own = [layer for layer in fitting if is_dressed(layer)]
    return next(reversed(own or fitting), None)


def count_ids(plane: np.ndarray) -> dict[int, int]:
    """Count the pixels of each id above 0 in a plane, (Y, X)."""
    largest = int(plane.max(initial=0))
    if largest <= _FEW_IDS:  # some milliseconds for a large plane, while somebody paints on it
        counts = [int(np.count_nonzero(plane == i)) for i in range(largest + 1)]
    else:
        values = np.minimum(plane[plane > 0].astype(np.intp), _LARGEST_ID + 1)
        counts = np.bincount(values).tolist()
    return {i: count for i, count in enumerate(counts) if i > 0 and count > 0}


def too_many(ids: Collection[int] | Mapping[int, int]) -> bool:
    """Return whether these ids are objects of their own rather than classes of strokes."""
    return len(ids) > MAX_CLASSES or max(ids, default=0) > _LARGEST_ID
