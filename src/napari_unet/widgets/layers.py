"""Between napari's layers and the planes that a session works on; pure functions.

Axes are plane axes (none for a single picture), row, column; the channels of an RGB layer are no
axis of the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from napari.components import Dims
from napari.layers import Image, Labels, Layer

from napari_unet.session_data import PaintedPlanes

Index = tuple[int, ...]
Region = tuple[int, int, int, int]


def full_data(layer: Image | Labels) -> Any:
    """Return a layer's array at full resolution."""
    return layer.data[0] if layer.multiscale else layer.data


def spatial_shape(layer: Image | Labels) -> tuple[int, ...]:
    """Return the layer's shape at full resolution, (..., Y, X)."""
    shape = tuple(full_data(layer).shape)
    return shape[:-1] if getattr(layer, "rgb", False) else shape


def channel_count(layer: Image) -> int:
    """Return how many channels the planes of an image layer have."""
    return 3 if layer.rgb else 1


def plane_indices(shape: Sequence[int]) -> list[Index]:
    """Return the index of each plane of an array of shape (..., Y, X); ``[()]`` for one."""
    return list(np.ndindex(*shape[:-2]))


def has_plane(shape: Sequence[int], index: Index) -> bool:
    """Return whether an array of shape (..., Y, X) has a plane."""
    planes = shape[:-2]
    return len(index) == len(planes) and all(i < n for i, n in zip(index, planes, strict=True))


def read_plane(data: Any, index: Index, *, rgb: bool) -> np.ndarray:
    """Read one plane of an image.

    Parameters
    ----------
    data
        (..., Y, X) or, for RGB and RGBA, (..., Y, X, 3 or 4); any array, lazy ones too.
    index
        Which plane.
    rgb
        Whether the last axis is colour; an alpha channel is dropped.

    Returns
    -------
    numpy.ndarray
        (C, Y, X), contiguous, dtype of the data.
    """
    plane = np.asarray(data[index])
    channels = np.moveaxis(plane[..., :3], -1, 0) if rgb else plane[np.newaxis]
    return np.ascontiguousarray(channels)


def reader(image: Image, indices: Iterable[Index]) -> Callable[[], tuple[np.ndarray, ...]]:
    """Return what reads these planes of an image later, in any thread, layer removed or not."""
    data, rgb, wanted = full_data(image), bool(image.rgb), tuple(indices)
    return lambda: tuple(read_plane(data, index, rgb=rgb) for index in wanted)


def plane_reader(image: Image, index: Index) -> Callable[[], np.ndarray]:
    """Return what reads one plane of an image, (C, Y, X), later, in any thread."""
    read = reader(image, [index])
    return lambda: read()[0]


def strokes_reader(annotation: Labels, index: Index) -> Callable[[], np.ndarray]:
    """Return what reads the strokes on a plane, (Y, X), as they are then, in any thread."""
    data = annotation.data
    return lambda: np.asarray(data[index])


def painted_reader(
    image: Image, annotation: Labels, indices: Iterable[Index]
) -> Callable[[], PaintedPlanes]:
    """Return what reads painted planes of an image later, in any thread.

    The strokes are copied now, so that painting can go on meanwhile; the image is read then.
    """
    wanted = tuple(indices)
    strokes = tuple(np.array(annotation.data[index]) for index in wanted)
    keys = tuple(f"{annotation.unique_id}{list(index)}" for index in wanted)
    read = reader(image, wanted)
    size, unit = pixel_size(image)
    return lambda: PaintedPlanes(
        keys=keys, images=read(), labels=strokes, pixel_size=size, pixel_unit=unit
    )


def pixel_size(layer: Layer) -> tuple[tuple[float, float] | None, str | None]:
    """Return a pixel's size as (row, column) and its unit; ``None`` where nobody set it."""
    unit = str(layer.units[-1])
    row, column = (float(step) for step in layer.scale[-2:])
    if unit == "pixel":
        return (None, None) if row == column == 1 else ((row, column), None)
    return (row, column), unit


def transform_of(layer: Layer) -> dict[str, Any]:
    """Return where a layer lies in the world, as keywords for a new layer of its shape."""
    return {
        "scale": np.array(layer.scale),
        "translate": np.array(layer.translate),
        "rotate": np.array(layer.rotate),
        "shear": np.array(layer.shear),
        "affine": np.array(layer.affine.affine_matrix),
        "units": tuple(layer.units),
        "axis_labels": tuple(layer.axis_labels),
    }


def same_place(one: Layer, other: Layer) -> bool:
    """Return whether two layers lie on each other, units aside."""
    if one.ndim != other.ndim:
        return False
    pairs = zip(_placement(one), _placement(other), strict=True)
    return all(np.allclose(first, second) for first, second in pairs)


def _placement(layer: Layer) -> tuple[np.ndarray, ...]:
    linear = (layer.scale, layer.translate, layer.rotate, layer.shear)
    return (*map(np.asarray, linear), layer.affine.affine_matrix)


def current_index(layer: Image | Labels, point: Sequence[float]) -> Index:
    """Return the plane of a layer at a point of the world (the viewer's ``dims.point``)."""
    shape = spatial_shape(layer)
    position = np.round(layer.world_to_data(point)).astype(int)
    pairs = zip(position[:-2], shape[:-2], strict=True)
    return tuple(int(np.clip(i, 0, n - 1)) for i, n in pairs)


def in_view(image: Image, dims: Dims) -> tuple[list[Index], Region | None]:
    """Return the planes of an image that are shown, and the part of them on the canvas.

    Returns
    -------
    list of tuple of int
        The current plane, or every shown one where the planes are displayed along an axis.
    tuple of int or None
        (row start, row stop, column start, column stop), at full resolution; ``None`` for all of
        a plane.
    """
    shape = spatial_shape(image)
    current = current_index(image, dims.point)
    shown = {axis - (dims.ndim - image.ndim) for axis in dims.displayed}
    spans = [
        _span(image, axis) if axis in shown else (at, at + 1) for axis, at in enumerate(current)
    ]
    planes = [
        tuple(start + step for (start, _), step in zip(spans, offset, strict=True))
        for offset in np.ndindex(*(stop - start for start, stop in spans))
    ]
    rows, columns = (
        _span(image, axis) if axis in shown else (0, shape[axis])
        for axis in (image.ndim - 2, image.ndim - 1)
    )
    region = (*rows, *columns)
    return planes, None if region == (0, shape[-2], 0, shape[-1]) else region


def _span(image: Image, axis: int) -> tuple[int, int]:
    """Return start and stop of what the canvas shows along an axis, at full resolution."""
    factor = image.downsample_factors[image.data_level][axis] if image.multiscale else 1.0
    first, last = image.corner_pixels[:, axis] * factor
    length = spatial_shape(image)[axis]
    start = int(np.clip(np.floor(first), 0, length))
    stop = int(np.clip(np.ceil(last + factor), start, length))
    return start, stop


def is_empty(region: Region | None) -> bool:
    """Return whether a region has no pixel."""
    return region is not None and (region[0] >= region[1] or region[2] >= region[3])
