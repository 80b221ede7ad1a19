"""Between napari's layers and the entries of a project."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_unet.core.io.open_image import open_image
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.errors import InvalidInput
from napari_unet.project.index import AnnotationEntry, ImageEntry, Placement
from napari_unet.widgets.layers.colormaps import label_colormap
from napari_unet.widgets.layers.geometry import same_place
from napari_unet.widgets.layers.picture import (
    choose_axes,
    choose_channels,
    choose_level,
    chosen_channels,
    is_picture,
    picture_of,
)
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.removal import let_draw
from napari_unet.widgets.layers.strokes import BRUSH_SIZE, STROKES_OPACITY, strokes_metadata


def full_data(layer: Image) -> Any:
    """Return an image layer's array at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


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
    """Return what a project says of an image.

    Parameters
    ----------
    layer, key
        The image, and its key.
    key_of
        Gives the key of an image that lends it channels.
    """
    path = layer.source.path
    picture = picture_of(layer)
    places = chosen_channels(layer)
    own = [(layer, channel) for channel in range(picture.own.channels)]
    return ImageEntry(
        key=key,
        name=layer.name,
        path=None if path is None or "://" in str(path) else str(Path(path).absolute()),
        shape=tuple(map(int, full_data(layer).shape)),
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
        }
    )


def image_under(viewer: ViewerModel, strokes: Labels) -> Image | None:
    """Return the image that strokes lie on: the topmost of their shape and place."""
    fitting = [
        layer for layer in viewer.layers if is_picture(layer) and _lies_under(layer, strokes)
    ]
    return next(reversed(fitting), None)


def _lies_under(image: Image, strokes: Labels) -> bool:
    try:
        return spatial_shape(image) == tuple(strokes.data.shape) and same_place(image, strokes)
    except InvalidInput:  # it is no image that can be worked on
        return False


def take_as(layer: Image, entry: ImageEntry, lenders: Mapping[str, Image]) -> None:
    """Take an image as it was taken when it was painted on: axes, channels and level.

    Raises
    ------
    InvalidInput
        An image that lent it channels is not there, or does not fit any more.
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


def new_strokes(entry: AnnotationEntry, data: np.ndarray, classes: tuple[ClassInfo, ...]) -> Labels:
    """Make the layer of strokes of a project again."""
    layer = Labels(
        data,
        name=entry.name,
        colormap=label_colormap(classes),
        metadata=strokes_metadata(classes),
        opacity=STROKES_OPACITY,
        **keywords_of(entry.placement, data.ndim),
    )
    layer.brush_size = BRUSH_SIZE
    return layer


def is_image_of(layer: Layer, entry: ImageEntry, path: Path | None) -> bool:
    """Return whether an open layer is an image of a project: that file, or else that array."""
    if not isinstance(layer, Image) or tuple(full_data(layer).shape) != entry.shape:
        return False
    source = layer.source.path
    if entry.path is None:
        return source is None and layer.name == entry.name
    found = [Path(entry.path)] if path is None else [path, Path(entry.path)]
    return source is not None and Path(source).absolute() in [p.absolute() for p in found]


def open_layer(viewer: ViewerModel, entry: ImageEntry, path: Path) -> Image:
    """Open the file of an image as it was opened when it was painted on.

    Raises
    ------
    UserError
        It cannot be read, or has another shape.
    """
    layer = _as_before(viewer, entry, path)
    if layer is None:
        with open_image(path) as source:
            data = np.array(source.levels[0][...])
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
    return layer


def _as_before(viewer: ViewerModel, entry: ImageEntry, path: Path) -> Image | None:
    """Open it by the viewer's own reader; ``None`` if that gives no such image."""
    try:
        layers = viewer.open(str(path), plugin=entry.reader or "napari")
    except Exception:  # a reader's plugin may be gone, or raise anything
        return None
    fitting = [
        layer
        for layer in layers
        if isinstance(layer, Image) and tuple(full_data(layer).shape) == entry.shape
    ]
    for layer in layers:
        if layer not in fitting[:1]:
            viewer.layers.remove(layer)
            let_draw()
    return fitting[0] if fitting else None
