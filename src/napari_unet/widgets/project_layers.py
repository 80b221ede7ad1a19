"""Between napari's layers and the entries of a project; pure functions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_unet.core.classes import ClassInfo
from napari_unet.core.project_index import AnnotationEntry, ImageEntry, Placement
from napari_unet.core.reading import open_image
from napari_unet.errors import InvalidInput
from napari_unet.widgets.annotation import BRUSH_SIZE, STROKES_OPACITY, strokes_metadata
from napari_unet.widgets.colormaps import label_colormap
from napari_unet.widgets.layers import full_data, same_place, spatial_shape, transform_of


def placement_of(layer: Layer) -> Placement:
    """Return where a layer lies in the world."""
    values: dict[str, Any] = {
        name: value.tolist() if isinstance(value, np.ndarray) else tuple(map(str, value))
        for name, value in transform_of(layer).items()
    }
    return Placement.model_validate(values)


def keywords_of(placement: Placement | None, ndim: int) -> dict[str, Any]:
    """Return a placement as keywords for a new layer; nothing if it is of other axes."""
    if placement is None or len(placement.scale) != ndim:
        return {}
    values = placement.model_dump()
    arrays = ("scale", "translate", "rotate", "shear", "affine")
    return values | {name: np.array(values[name]) for name in arrays}


def image_entry(layer: Image, key: str) -> ImageEntry:
    """Return what a project says of an image."""
    path = layer.source.path
    return ImageEntry(
        key=key,
        name=layer.name,
        path=None if path is None or "://" in str(path) else str(Path(path).absolute()),
        shape=tuple(map(int, full_data(layer).shape)),
        rgb=bool(layer.rgb),
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
        layer
        for layer in viewer.layers
        if isinstance(layer, Image)
        and spatial_shape(layer) == tuple(strokes.data.shape)
        and same_place(layer, strokes)
    ]
    pictures = [layer for layer in fitting if "napari_unet" not in layer.metadata]
    return next(reversed(pictures), None)


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
    return fitting[0] if fitting else None
