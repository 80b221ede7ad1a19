"""Planes of layers, and of large ones the cells that strokes are told of by; pure functions.

A cell is 1024 x 1024 pixels. What the learner gets of one has 512 px around it, where they are
there: more than any filter or network sees, and whole blocks of the filters.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from napari.components import Dims
from napari.layers import Labels

from napari_unet.core.images.cutout import is_large
from napari_unet.core.network.tiling import Tile
from napari_unet.widgets.layers.planes import Index, Region, plane_indices, strokes_reader

CELL = 1024
_AROUND = 512


@dataclass(frozen=True, order=True)
class Spot:
    """A plane, or a cell of a large one.

    Attributes
    ----------
    index
        Of the plane.
    cell
        (row start, row stop, column start, column stop); ``None`` for the whole plane.
    """

    index: Index
    cell: Region | None = None

    @property
    def at(self) -> tuple[int, int]:
        """Row and column at which it begins."""
        return (0, 0) if self.cell is None else (self.cell[0], self.cell[2])

    @property
    def slices(self) -> tuple[int | slice, ...]:
        """Where it is in an array of shape (..., Y, X)."""
        if self.cell is None:
            return self.index
        top, bottom, left, right = self.cell
        return (*self.index, slice(top, bottom), slice(left, right))


def spots_of(shape: Sequence[int], index: Index, region: Region | None = None) -> list[Spot]:
    """Return a plane, or of a large one the cells that have a part in a region.

    Parameters
    ----------
    shape
        Of the layer, (..., Y, X).
    index
        Of the plane.
    region
        ``None`` for all cells.
    """
    if not is_large(shape):
        return [Spot(index)]
    rows, columns = shape[-2:]
    top, bottom, left, right = region or (0, rows, 0, columns)
    return [
        Spot(index, (row, min(row + CELL, rows), column, min(column + CELL, columns)))
        for row in range(max(0, top) // CELL * CELL, min(bottom, rows), CELL)
        for column in range(max(0, left) // CELL * CELL, min(right, columns), CELL)
    ]


def all_spots(shape: Sequence[int]) -> list[Spot]:
    """Return all planes of a layer of a shape, (..., Y, X), of large ones their cells."""
    return [spot for index in plane_indices(shape) for spot in spots_of(shape, index)]


def shown_box(event: Any) -> Region | None:
    """Return the rows and columns that an update of what is shown is about, if it says so."""
    offset, data = getattr(event, "offset", None), getattr(event, "data", None)
    if offset is None or data is None or len(offset) != 2:
        return None
    top, left = (int(at) for at in offset)
    return top, top + data.shape[0], left, left + data.shape[1]


def stroke_box(event: Any) -> Region | None:
    """Return the rows and columns that a stroke changed, if the event says so."""
    atoms = getattr(event, "value", None) or ()
    spans = [[_span_of(part) for part in indices[-2:]] for indices, *_ in atoms]
    if not spans or any(span is None for both in spans for span in both):
        return None
    rows, columns = ([both[axis] or (0, 0) for both in spans] for axis in (0, 1))
    return (
        min(start for start, _ in rows),
        max(stop for _, stop in rows),
        min(start for start, _ in columns),
        max(stop for _, stop in columns),
    )


def stroke_planes(event: Any) -> list[Index]:
    """Return the planes that a stroke changed, if the event says so, else none.

    What is not painted by hand, such as cells, may lie on planes that are not looked at.
    """
    planes: dict[Index, None] = {}
    for indices, *_ in getattr(event, "value", None) or ():
        spans = [_span_of(part) for part in indices[:-2]]
        ranges = [range(*span) for span in spans if span is not None]
        if len(ranges) == len(spans):
            planes.update(dict.fromkeys(product(*ranges)))
    return list(planes)


def _span_of(index: Any) -> tuple[int, int] | None:
    """Return start and stop of what indexes an axis; ``None`` if it is all of it, or nothing."""
    if isinstance(index, slice):
        return None if index.start is None or index.stop is None else (index.start, index.stop)
    return (int(np.min(index)), int(np.max(index)) + 1) if np.size(index) else None


def box_in_view(layer: Labels, dims: Dims) -> Region | None:
    """Return the rows and columns of a layer to paint on that are on the canvas, or ``None``.

    ``None`` where anything but rows and columns is shown.
    """
    if tuple(dims.displayed) != (dims.ndim - 2, dims.ndim - 1):
        return None
    (top, left), (bottom, right) = np.asarray(layer.corner_pixels)[:, -2:].astype(int).tolist()
    return top, bottom + 1, left, right + 1


def around(cell: Region, shape: Sequence[int]) -> Tile:
    """Return a cell and what is around it, within a plane of shape (..., Y, X)."""
    rows, columns = shape[-2:]
    top, bottom, left, right = cell
    return Tile(
        (max(0, top - _AROUND), min(bottom + _AROUND, rows)),
        (max(0, left - _AROUND), min(right + _AROUND, columns)),
    )


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
