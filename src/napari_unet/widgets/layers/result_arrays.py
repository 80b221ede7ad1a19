"""The arrays of result layers: pyramids for large images, and what may be written into them."""

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels, Layer

from napari_unet.core.images.box import Part
from napari_unet.core.images.cutout import is_large
from napari_unet.core.io.pyramid import blank_pyramid, write_block
from napari_unet.core.io.scratch import zeros
from napari_unet.widgets.layers.geometry import same_place, transform_of
from napari_unet.widgets.layers.picture import Place
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.removal import remove_soon
from napari_unet.widgets.layers.roles import remember

L = TypeVar("L", bound=Layer)


def fitting(viewer: ViewerModel, layer: L | None, ndim: int) -> L | None:
    """Return a layer for data of that many axes; one that cannot take them is removed."""
    if layer is None or (layer.ndim == ndim and not layer.multiscale):
        return layer
    _remove(viewer, layer)
    return None


def kept(
    viewer: ViewerModel, layer: L | None, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> L | None:
    """Return a layer to write parts into; one of the image as it was taken before is removed.

    One of another shape is emptied; a pyramid stays what it is, so that it goes when the shape, or
    the numbers it holds, change.
    """
    if layer is None or not (layer.multiscale or is_large(shape)):
        layer = fitting(viewer, layer, len(shape))
        if layer is not None and layer.data.shape != shape:
            layer.data = zeros(shape, dtype)
        return layer
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.multiscale and data.shape == shape and data.dtype.itemsize >= dtype.itemsize:
        return layer
    _remove(viewer, layer)
    return None


def lay_on(layer: Layer, image: Image) -> None:
    """Let a layer lie where the image lies now."""
    if not same_place(layer, image):
        for name, value in transform_of(image).items():
            setattr(layer, name, value)


def replaced(
    viewer: ViewerModel, image: Image, layer: L | None, levels: Sequence[np.ndarray]
) -> L | None:
    """Return a layer of an image with other data; one that cannot take them is removed."""
    layer = fitting(viewer, layer, levels[0].ndim)
    if layer is not None and len(levels) > 1:
        _remove(viewer, layer)
        return None
    if layer is not None:
        layer.data = levels[0]
        lay_on(layer, image)
    return layer


def whole_data(levels: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return a result as keywords for its layer; of a large image a pyramid, the finest first."""
    if len(levels) > 1:
        return {"data": list(levels), "multiscale": True}
    return {"data": levels[0]}


def blank_data(image: Image, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Return the data of an empty result, as keywords for its layer."""
    shape = spatial_shape(image)
    if is_large(shape):
        return {"data": blank_pyramid(shape, dtype), "multiscale": True}
    return {"data": zeros(shape, dtype)}


def write_part(layer: Image | Labels, place: Place, part: Part | None, values: np.ndarray) -> None:
    """Write into a plane or volume, or a part of it: (start, stop) of each axis in a row.

    What all of the layer was made from is not known any more then.
    """
    remember(layer, made_from=None)
    levels = list(layer.data) if layer.multiscale else [layer.data]
    rows, columns = levels[0].shape[-2:]
    write_block(levels, place, part or (0, rows, 0, columns), values)


def _remove(viewer: ViewerModel, layer: Layer) -> None:
    """Remove a layer; a pyramid, which nobody can paint on, at once: it may hold most memory."""
    if layer.multiscale:
        viewer.layers.remove(layer)
    else:
        remove_soon(viewer, layer)
