"""Between napari's layers and the planes that a session works on; pure functions.

The planes of an image are those of a painting on it: an index along each of its plane axes (none
for a single picture), then row and column. What the image is taken as is kept by
:mod:`napari_unet.widgets.layers.picture`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from napari.components import Dims
from napari.layers import Image, Labels, Layer

from napari_unet.core.images.cutout import Measured, is_large
from napari_unet.core.images.lazy_plane import Plane, whole_plane
from napari_unet.core.images.source_piece import SourcePlane
from napari_unet.core.network.tiling import Tile
from napari_unet.core.source_volume import SourceVolume
from napari_unet.core.training.stroke_regions import stroke_pieces
from napari_unet.session.state import PaintedPlanes
from napari_unet.widgets.layers.picture import Place, is_picture, picture_of
from napari_unet.widgets.layers.placement import LINEAR, placed_on

Index = tuple[int, ...]
Region = tuple[int, int, int, int]


def spatial_shape(layer: Image | Labels) -> tuple[int, ...]:
    """Return the shape of a painting on an image, or of a layer of labels: (..., Y, X)."""
    return picture_of(layer).shape if is_picture(layer) else tuple(layer.data.shape)


def channel_count(layer: Image) -> int:
    """Return how many channels of an image a model is given."""
    return len(picture_of(layer).channels)


def own_channels(image: Image) -> tuple[int, ...] | None:
    """Return which channels of an image a model is given, ``None`` if other layers lend some."""
    picture = picture_of(image)
    return picture.channels if picture.layers == (image,) else None


def plane_indices(shape: Sequence[int]) -> list[Index]:
    """Return the index of each plane of an array of shape (..., Y, X); ``[()]`` for one."""
    return list(np.ndindex(*shape[:-2]))


def has_plane(shape: Sequence[int], index: Index) -> bool:
    """Return whether an array of shape (..., Y, X) has a plane."""
    planes = shape[:-2]
    return len(index) == len(planes) and all(i < n for i, n in zip(index, planes, strict=True))


def plane_of(image: Image, index: Place) -> SourcePlane | SourceVolume:
    """Return one plane, or volume, of an image as it is taken now, to be read in parts.

    Parameters
    ----------
    image
        The layer.
    index
        Which plane of a painting on it; with a slice along Z the volume.
    """
    return picture_of(image).piece(index)


def reader(image: Image, indices: Iterable[Place]) -> Callable[[], tuple[Plane, ...]]:
    """Return what reads these planes of an image later, in any thread, layer removed or not.

    Volumes, (C, Z, Y, X), where a place says all slices. Of large planes nothing is read then;
    their parts are, by whom they are given to.
    """
    planes = [plane_of(image, index) for index in indices]
    if is_large(spatial_shape(image)) and all(isinstance(p, SourcePlane) for p in planes):
        measured = tuple(Measured(plane) for plane in planes)
        return lambda: measured
    return lambda: tuple(whole_plane(plane) for plane in planes)


def plane_reader(image: Image, index: Index) -> Callable[[], Plane]:
    """Return what reads one plane of an image, (C, Y, X), later, in any thread."""
    read = reader(image, [index])
    return lambda: read()[0]


def strokes_reader(annotation: Labels, index: Index) -> Callable[[], np.ndarray]:
    """Return what reads the strokes on a plane, (Y, X), as they are then, in any thread."""
    data = annotation.data
    return lambda: np.asarray(data[index])


def painted_reader(
    image: Image, annotation: Labels, indices: Iterable[Place]
) -> Callable[[], PaintedPlanes]:
    """Return what reads painted planes, or volumes, of an image later, in any thread.

    The strokes are copied now, so that painting can go on meanwhile; the image is read then.
    """
    wanted = tuple(indices)
    strokes = tuple(np.array(annotation.data[index]) for index in wanted)
    keys = tuple(f"{annotation.unique_id}{list(index)}" for index in wanted)
    read = reader(image, wanted)
    size, unit = pixel_size(image)
    channels = own_channels(image)
    return lambda: PaintedPlanes(
        keys=keys,
        images=read(),
        labels=strokes,
        pixel_size=size,
        pixel_unit=unit,
        channels=channels,
    )


def painted_pieces_reader(
    image: Image,
    annotation: Labels,
    painted: Mapping[Index, Sequence[Tile] | None],
    *,
    reach: int,
) -> Callable[[], PaintedPlanes]:
    """Do the same for large planes, of which only what is around strokes is read.

    Parameters
    ----------
    image, annotation
        The layers.
    painted
        Which planes, and where there may be strokes on each.
    reach
        Pixels around a stroke that belong to it.
    """
    keys, planes, labels = [], [], []
    boxes: list[Region | None] = []
    for index, within in painted.items():
        plane, strokes = Measured(plane_of(image, index)), annotation.data[index]
        for box, part in stroke_pieces(strokes, reach=reach, within=within):
            keys.append(f"{annotation.unique_id}{list(index)}")
            planes.append(plane)
            labels.append(part)
            boxes.append((*box.rows, *box.columns))
    size, unit = pixel_size(image)
    found = PaintedPlanes(
        keys=tuple(keys),
        images=tuple(planes),
        labels=tuple(labels),
        boxes=tuple(boxes),
        pixel_size=size,
        pixel_unit=unit,
        channels=own_channels(image),
    )
    return lambda: found


def pixel_size(image: Image) -> tuple[tuple[float, float] | None, str | None]:
    """Return a pixel's size as (row, column), at the level that is worked on, and its unit.

    ``None`` where nobody set it.
    """
    picture = picture_of(image)
    sizes = picture.own.pixel_size_at(picture.level)
    if not {"Y", "X"} <= sizes.keys():
        return None, None
    return (sizes["Y"], sizes["X"]), picture.own.units.get("X")


def transform_of(layer: Layer) -> dict[str, Any]:
    """Return where a painting on a layer lies in the world, as keywords for a new layer.

    Of an image that is the place of its channels, and of the level that is worked on, whose first
    pixel covers several of the finest.
    """
    placed = {
        "scale": np.array(layer.scale),
        "translate": np.array(layer.translate),
        "rotate": np.array(layer.rotate),
        "shear": np.array(layer.shear),
        "affine": np.array(layer.affine.affine_matrix),
        "units": tuple(layer.units),
        "axis_labels": tuple(layer.axis_labels),
    }
    return placed_on(picture_of(layer), placed) if is_picture(layer) else placed


def same_place(one: Layer, other: Layer) -> bool:
    """Return whether paintings on two layers lie on each other, units aside."""
    first, second = transform_of(one), transform_of(other)
    if len(first["scale"]) != len(second["scale"]):
        return False
    return all(np.allclose(first[name], second[name]) for name in LINEAR)


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
