"""What of a layer is in view."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from napari.components import Dims
from napari.layers import Image, Labels

from napari_unet.widgets.layers.picture import is_picture, picture_of
from napari_unet.widgets.layers.planes import Index, Region, spatial_shape


def current_index(layer: Image | Labels, point: Sequence[float]) -> Index:
    """Return the plane of a layer at a point of the world (the viewer's ``dims.point``)."""
    position = np.round(layer.world_to_data(point)).astype(int).tolist()
    if is_picture(layer):
        picture = picture_of(layer)
        at = dict(zip(picture.layer_axes, position, strict=True)) | {"C": 0}
        position = [at[letter] for letter in picture.painted_axes]
    pairs = zip(position[:-2], spatial_shape(layer)[:-2], strict=True)
    return tuple(int(np.clip(i, 0, n - 1)) for i, n in pairs)


def in_view(image: Image, dims: Dims) -> tuple[list[Index], Region | None]:
    """Return the planes of an image that are shown, and the part of them on the canvas.

    Returns
    -------
    list of tuple of int
        The current plane, or every shown one where the planes are displayed along an axis.
    tuple of int or None
        (row start, row stop, column start, column stop), at the level that is worked on; ``None``
        for all of a plane.
    """
    picture = picture_of(image)
    letters = picture.layer_axes
    shown = {axis - (dims.ndim - image.ndim) for axis in dims.displayed}
    spans = {letter: _span(image, axis) for axis, letter in enumerate(letters) if axis in shown}
    spans["C"] = (0, 1)
    leading = picture.painted_axes[:-2]
    current = current_index(image, dims.point)
    starts = [spans.get(letter, (at,))[0] for letter, at in zip(leading, current, strict=True)]
    stops = [spans.get(letter, (0, at + 1))[1] for letter, at in zip(leading, current, strict=True)]
    planes = [
        tuple(start + step for start, step in zip(starts, offset, strict=True))
        for offset in np.ndindex(*(stop - start for start, stop in zip(starts, stops, strict=True)))
    ]
    ratios = picture.own.ratios_at(picture.level)
    rows, columns = (
        _coarser(spans.get(letter), ratios[letter], length)
        for letter, length in zip("YX", picture.shape[-2:], strict=True)
    )
    region = (*rows, *columns)
    return planes, None if region == (0, picture.shape[-2], 0, picture.shape[-1]) else region


def _coarser(span: tuple[int, int] | None, ratio: float, length: int) -> tuple[int, int]:
    """Return the pixels of a coarser level that cover some of the finest; ``None`` for all."""
    if span is None:
        return 0, length
    stop = min(math.ceil(span[1] / ratio), length)
    return min(math.floor(span[0] / ratio), stop), stop


def _span(image: Image, axis: int) -> tuple[int, int]:
    """Return start and stop of what the canvas shows along an axis, at full resolution."""
    factor = image.downsample_factors[image.data_level][axis] if image.multiscale else 1.0
    first, last = image.corner_pixels[:, axis] * factor
    length = image.level_shapes[0][axis] if image.multiscale else image.data.shape[axis]
    start = int(np.clip(np.floor(first), 0, length))
    stop = int(np.clip(np.ceil(last + factor), start, length))
    return start, stop


def is_empty(region: Region | None) -> bool:
    """Return whether a region has no pixel."""
    return region is not None and (region[0] >= region[1] or region[2] >= region[3])


def box_in_view(layer: Labels, dims: Dims) -> Region | None:
    """Return the rows and columns of a layer to paint on that are on the canvas, or ``None``.

    ``None`` where anything but rows and columns is shown.
    """
    if tuple(dims.displayed) != (dims.ndim - 2, dims.ndim - 1):
        return None
    (top, left), (bottom, right) = np.asarray(layer.corner_pixels)[:, -2:].astype(int).tolist()
    return top, bottom + 1, left, right + 1
