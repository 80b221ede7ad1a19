"""Between napari's layers and the entries of a project."""

import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer
from pydantic import ValidationError

from napari_unet.core.io.open_image import open_image, read_whole
from napari_unet.core.io.result import MadeFrom
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.errors import InvalidInput
from napari_unet.project.entries import CellsEntry, Placement
from napari_unet.project.index import AnnotationEntry, ImageEntry
from napari_unet.widgets.layers.colormaps import label_colormap
from napari_unet.widgets.layers.from_file import slice_anew
from napari_unet.widgets.layers.image_marks import (
    ImageMark,
    file_of,
    full_data,
    is_same,
    mark_of,
    seen_as,
)
from napari_unet.widgets.layers.origin import note_origin, origin_of
from napari_unet.widgets.layers.picture import (
    choose_axes,
    choose_channels,
    choose_level,
    chosen_channels,
    picture_of,
)
from napari_unet.widgets.layers.removal import let_draw
from napari_unet.widgets.layers.results import SEGMENTATION_OPACITY
from napari_unet.widgets.layers.roles import Role, detail, role_of
from napari_unet.widgets.layers.roles import entry as role_entry
from napari_unet.widgets.layers.strokes import (
    BRUSH_SIZE,
    STROKES_OPACITY,
    can_be_painted,
    classes_of,
    strokes_metadata,
)


def placement_of(layer: Layer) -> Placement:
    """Return where a layer lies in the world."""
    values: dict[str, Any] = {
        name: np.asarray(getattr(layer, name)).tolist()
        for name in ("scale", "translate", "rotate", "shear")
    }
    values["affine"] = layer.affine.affine_matrix.tolist()
    values["units"] = tuple(map(str, layer.units))
    values["axis_labels"] = tuple(map(str, layer.axis_labels))
    return Placement.model_validate(values)


def keywords_of(placement: Placement | None, ndim: int) -> dict[str, Any]:
    """Return a placement as keywords for a new layer; nothing if it is of other axes."""
    if placement is None or len(placement.scale) != ndim:
        return {}
    values = placement.model_dump()
    arrays = ("scale", "translate", "rotate", "shear", "affine")
    return values | {name: np.array(values[name]) for name in arrays}


def image_entry(layer: Image, key: str, key_of: Callable[[Image], str]) -> ImageEntry:
    """Return what a project says of an image."""
    mark, path = mark_of(layer), file_of(layer)
    picture = picture_of(layer)
    places = chosen_channels(layer)
    own = [(layer, channel) for channel in range(picture.own.channels)]
    return ImageEntry(
        key=key,
        name=layer.name,
        id=mark.id,
        path=None if path is None or "://" in path else path,
        shape=tuple(map(int, mark.shape)),
        pixels=mark.pixels,
        rgb=bool(layer.rgb),
        axes=picture.own.axes,
        channels=() if places == own else tuple((key_of(x), c) for x, c in places),
        level=picture.level,
        reader=layer.source.reader_plugin,
        placement=placement_of(layer),
    )


def annotation_entry(layer: Labels, key: str, image: str | None) -> AnnotationEntry:
    """Return what a project says of a layer of strokes, but for its planes."""
    return AnnotationEntry.model_validate(
        {
            "key": key,
            "name": layer.name,
            "image": image,
            "shape": tuple(map(int, layer.data.shape)),
            "dtype": str(np.dtype(layer.data.dtype).newbyteorder("=")),
            "placement": placement_of(layer),
            "cells": None if can_be_painted(layer) else kept_cells(layer),
            "classes": classes_of(layer) or (),
        }
    )


def take_as(layer: Image, entry: ImageEntry, lenders: Mapping[str, Image]) -> None:
    """Take an image as it was taken when it was painted on: axes, channels and level.

    ``InvalidInput`` if an image that lent it channels is not there, or does not fit any more.
    """
    if entry.axes is not None:
        choose_axes(layer, entry.axes)
    choose_level(layer, entry.level)
    if entry.channels:
        missing = sorted({key for key, _ in entry.channels if key not in lenders})
        if missing:
            raise InvalidInput(
                f"an image that lends channels to {entry.name!r} is not open; open it, and check "
                "its channels."
            )
        choose_channels(layer, [(lenders[key], channel) for key, channel in entry.channels])


def new_strokes(
    entry: AnnotationEntry,
    data: np.ndarray,
    classes: tuple[ClassInfo, ...],
    image: ImageMark | None,
) -> Labels:
    """Make the layer of strokes of a project again, of that image where it is known."""
    layer = Labels(
        data,
        name=entry.name,
        colormap=label_colormap(classes),
        metadata=strokes_metadata(classes, image),
        opacity=STROKES_OPACITY,
        **keywords_of(entry.placement, data.ndim),
    )
    layer.brush_size = BRUSH_SIZE
    return layer


def kept_cells(layer: Labels) -> CellsEntry | None:
    """Return what a project says of corrected cells; ``None`` for any other layer."""
    corrected, origin = detail(layer, "corrected"), origin_of(layer)
    if role_of(layer) is not Role.CELLS or layer.multiscale or not corrected:
        return None
    try:
        return CellsEntry.model_validate(
            {
                "ndim": detail(layer, "ndim"),
                "corrected": corrected,
                "image": origin and origin.image,
            }
        )
    except ValidationError:
        return None


def new_cells(entry: AnnotationEntry, data: np.ndarray, image: ImageMark | None) -> Labels:
    """Make the layer of corrected cells of a project again."""
    cells = entry.cells or CellsEntry(ndim=2, corrected=())
    corrected = [list(place) for place in cells.corrected]
    own = None if image is None else image.model_dump()
    layer = Labels(
        data,
        name=entry.name,
        metadata=role_entry(Role.CELLS, image=own, ndim=cells.ndim, corrected=corrected),
        opacity=SEGMENTATION_OPACITY,
        **keywords_of(entry.placement, data.ndim),
    )
    note_origin(layer, MadeFrom(cells.image, "", "") if cells.image else None)
    return layer


def entry_from(mark: ImageMark, key: str) -> ImageEntry:
    """Return what a project says of an image that is not open."""
    in_file = mark.path is not None and "://" not in mark.path
    return ImageEntry(
        key=key,
        name=mark.name,
        id=mark.id,
        path=mark.path if in_file else None,
        shape=mark.shape,
        pixels=mark.pixels,
    )


def mark_from(entry: ImageEntry, path: Path | None) -> ImageMark:
    """Return what a project knows an image by, whose file may be elsewhere now."""
    return ImageMark(
        id=entry.id or uuid4().hex,
        name=entry.name,
        path=entry.path if path is None else str(path.absolute()),
        shape=entry.shape,
        pixels=(entry.checksum or entry.pixels) if entry.path is None else entry.pixels,
    )


def open_layer(viewer: ViewerModel, entry: ImageEntry, mark: ImageMark, path: Path) -> Image:
    """Open the file of an image as it was opened when it was painted on.

    ``UserError`` if it cannot be read, or has another shape.
    """
    layer = _as_before(viewer, entry, mark, path)
    if layer is None:
        with open_image(path) as source:
            data = read_whole(source)
        layer = Image(data, rgb=entry.rgb and data.shape[-1] in (3, 4), name=entry.name)
        viewer.add_layer(layer)
    if tuple(full_data(layer).shape) != entry.shape:
        raise InvalidInput(
            f"{path} has the shape {tuple(full_data(layer).shape)} and had {entry.shape} when it "
            "was painted on; look whether the strokes fit it."
        )
    layer.name = entry.name
    for name, value in keywords_of(entry.placement, layer.ndim).items():
        setattr(layer, name, value)
    slice_anew(viewer)
    return layer


def _as_before(viewer: ViewerModel, entry: ImageEntry, mark: ImageMark, path: Path) -> Image | None:
    """Open it by the viewer's own reader; ``None`` if that gives no such image.

    Of several that a file gives, such as one a channel, it is the one that is the same.
    """
    try:
        layers = viewer.open(str(path), plugin=entry.reader or "napari")
    except Exception:  # a reader's plugin may be gone, or raise anything
        logging.getLogger(__name__).exception("%s could not be opened as before", path)
        return None
    fitting = [
        layer
        for layer in layers
        if isinstance(layer, Image) and tuple(full_data(layer).shape) == entry.shape
    ]
    if len(fitting) > 1:
        fitting.sort(key=lambda layer: not is_same(mark, seen_as(layer)))
    for layer in layers:
        if layer not in fitting[:1]:
            viewer.layers.remove(layer)
            let_draw()
    return fitting[0] if fitting else None
