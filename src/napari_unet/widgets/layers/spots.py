"""Planes of layers, and of large ones the cells that strokes are told of by; pure functions.

A cell is 1024 x 1024 pixels. What the learner gets of one has 512 px around it, where they are
there: more than any filter or network sees, and whole blocks of the filters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from napari_unet.core.images.box import Region, Tile
from napari_unet.core.images.cutout import is_large
from napari_unet.widgets.layers.planes import Index, plane_indices

CELL = 1024
_AROUND = 512


@dataclass(frozen=True, order=True)
class Spot:
    """A plane, or a cell of a large one.

    ``index``: of the plane. ``cell``: (row start, row stop, column start, column stop); ``None``
    for the whole plane.
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

    The shape is (..., Y, X); without a region it is all cells.
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


def around(cell: Region, shape: Sequence[int]) -> Tile:
    """Return a cell and what is around it, within a plane of shape (..., Y, X)."""
    rows, columns = shape[-2:]
    top, bottom, left, right = cell
    return Tile(
        (max(0, top - _AROUND), min(bottom + _AROUND, rows)),
        (max(0, left - _AROUND), min(right + _AROUND, columns)),
    )
