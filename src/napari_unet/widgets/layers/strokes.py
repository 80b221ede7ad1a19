"""The layer that strokes are painted on."""

from collections.abc import Collection, Iterable, Mapping
from typing import TypeGuard

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from pydantic import ValidationError

from napari_unet.core.io.scratch import zeros
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.layers.colormaps import color, label_colormap
from napari_unet.widgets.layers.geometry import transform_of
from napari_unet.widgets.layers.image_marks import (
    ImageMark,
    attach,
    id_of,
    know_again,
    mark_in,
    mark_of,
)
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.roles import Role, detail, entry, remember, role_of

BRUSH_SIZE = 5
FIRST_CLASS = 2
MAX_CLASSES = 64
STROKES_OPACITY = 0.9
_FEW_IDS = 16
_LARGEST_ID = 65535


def can_be_painted(layer: Layer) -> TypeGuard[Labels]:
    """Return whether a layer can hold strokes: labels that are not a result."""
    may_be = role_of(layer) in (None, Role.STROKES)
    return isinstance(layer, Labels) and not layer.multiscale and may_be


def is_computed(layer: Labels) -> bool:
    """Return whether a layer's labels are computed when they are looked at, as dask's are.

    A stroke is no more than a plan there, or fails.
    """
    return type(layer.data).__module__.partition(".")[0] == "dask"


def strokes_metadata(
    classes: Iterable[ClassInfo], image: ImageMark | None
) -> dict[str, dict[str, object]]:
    """Return the metadata of an annotation layer with these classes, of that image if known."""
    mark = {} if image is None else {"image": image.model_dump()}
    return entry(Role.STROKES, classes=[info.model_dump() for info in classes], **mark)


def new_annotation(image: Image, classes: tuple[ClassInfo, ...]) -> Labels:
    """Make an empty annotation layer, of the image's spatial shape and transform."""
    layer = Labels(
        zeros(spatial_shape(image), np.uint8, sparse=True),
        name=f"strokes on {image.name}",
        colormap=label_colormap(classes),
        metadata=strokes_metadata(classes, mark_of(image)),
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
    stored = [info.model_dump() for info in classes]
    remember(layer, role=Role.STROKES.value, classes=stored)
    color(layer, label_colormap(classes, extra=(layer.selected_label,)))


def is_dressed(layer: Labels) -> bool:
    """Return whether a layer already is an annotation layer."""
    return role_of(layer) is Role.STROKES


def take_over(layer: Labels, image: Image, classes: tuple[ClassInfo, ...]) -> None:
    """Make a layer an annotation layer, of this image unless it is known to be of another."""
    dress(layer, classes)
    if mark_in(layer) is None:
        attach(layer, mark_of(image))


def find_annotation(layers: Iterable[Layer], image: Image) -> Labels | None:
    """Return the strokes of an image: those that were chosen last for it, or else the topmost.

    Strokes of another image are never among them, nor those that fit another level or other axes
    of it. An image that was opened again is known by this.
    """
    layers = list(layers)
    strokes = [(x, mark) for x in layers if can_be_painted(x) and (mark := mark_in(x))]
    know_again(image, layers, [mark for _, mark in strokes])
    own, shape = id_of(image), spatial_shape(image)
    fitting = [x for x, mark in strokes if mark.id == own and spatial_shape(x) == shape]
    last = detail(image, "last_strokes")
    chosen = [x for x in fitting if str(x.unique_id) == last]
    return next(reversed(chosen or fitting), None)


def prefer(image: Image, strokes: Labels) -> None:
    """Find these strokes first, if they belong to the image."""
    mark = mark_in(strokes)
    if mark is not None and mark.id == id_of(image):
        remember(image, last_strokes=str(strokes.unique_id))


def fit_to(layer: Labels, image: Image) -> None:
    """Give strokes the image's shape where they differ by axes of length 1 before the rows."""
    shape = spatial_shape(image)
    differ = layer.data.shape != shape and isinstance(layer.data, np.ndarray)
    if differ and _without_ones(layer.data.shape) == _without_ones(shape):
        layer.data = layer.data.reshape(shape)


def _without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for length in shape[:-2] if length > 1) + shape[-2:]


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
