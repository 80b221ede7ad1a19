"""Layers are read by functions that a thread of the learner's client calls."""

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
from napari.layers import Image, Labels

from napari_unet.core.images.box import Region, Tile
from napari_unet.core.images.cutout import Measured, is_large
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.images.source_piece import SourcePlane
from napari_unet.core.labels.across_planes import Place as PlaneIn
from napari_unet.core.training.stroke_regions import stroke_pieces
from napari_unet.session.state import PaintedPlanes
from napari_unet.widgets.layers.picture import Place
from napari_unet.widgets.layers.planes import (
    Index,
    own_channels,
    pixel_size,
    plane_of,
    spatial_shape,
)
from napari_unet.widgets.layers.spots import Spot, around


def reader(image: Image, indices: Iterable[Place]) -> Callable[[], tuple[Plane, ...]]:
    """Return what reads these planes of an image later, in any thread, layer removed or not.

    Volumes, (C, Z, Y, X), where a place says all slices. Of large planes nothing is read then;
    their parts are, by whom they are given to.
    """
    planes = [plane_of(image, index) for index in indices]
    if is_large(spatial_shape(image)) and all(isinstance(p, SourcePlane) for p in planes):
        measured = tuple(Measured(plane) for plane in planes)
        return lambda: measured
    return lambda: tuple(planes)


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
        places=_places(annotation, wanted),
    )


def painted_pieces_reader(
    image: Image, annotation: Labels, painted: Mapping[Index, Sequence[Tile] | None], *, reach: int
) -> Callable[[], PaintedPlanes]:
    """Do the same for large planes, of which only what is around strokes is read.

    ``painted`` says where there may be strokes on each plane, ``reach`` how many pixels around a
    stroke belong to it.
    """
    keys, planes, labels = [], [], []
    boxes: list[Region | None] = []
    indices: list[Index] = []
    for index, within in painted.items():
        plane, strokes = Measured(plane_of(image, index)), annotation.data[index]
        for box, part in stroke_pieces(strokes, reach=reach, within=within):
            keys.append(f"{annotation.unique_id}{list(index)}")
            planes.append(plane)
            labels.append(part)
            boxes.append((*box.rows, *box.columns))
            indices.append(index)
    size, unit = pixel_size(image)
    found = PaintedPlanes(
        keys=tuple(keys),
        images=tuple(planes),
        labels=tuple(labels),
        boxes=tuple(boxes),
        pixel_size=size,
        pixel_unit=unit,
        channels=own_channels(image),
        places=_places(annotation, indices),
    )
    return lambda: found


def _places(annotation: Labels, indices: Sequence[Place]) -> tuple[PlaneIn, ...]:
    """Return where planes lie in their stack; nothing of volumes."""
    known = [tuple(at for at in index if isinstance(at, int)) for index in indices]
    if any(len(short) < len(index) for short, index in zip(known, indices, strict=True)):
        return ()
    return tuple((str(annotation.unique_id), index) for index in known)


def spot_reader(annotation: Labels, spot: Spot) -> Callable[[], np.ndarray]:
    """Return what reads the strokes of a plane, (Y, X), as they are then, in any thread.

    Those of a cell come with what is around it, where none are.
    """
    data, cell = annotation.data, spot.cell
    if cell is None:
        return strokes_reader(annotation, spot.index)
    box = around(cell, data.shape)
    top, left = cell[0] - box.rows[0], cell[2] - box.columns[0]

    def read() -> np.ndarray:
        strokes = np.asarray(data[spot.slices])
        out = np.zeros(box.sides, dtype=strokes.dtype)
        out[top : top + strokes.shape[0], left : left + strokes.shape[1]] = strokes
        return out

    return read
