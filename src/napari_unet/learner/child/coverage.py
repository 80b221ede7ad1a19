"""Which parts of a plane are still to be predicted; arithmetic of boxes, arrays of no image."""

from collections.abc import Iterator

import numpy as np

from napari_unet.core.images.box import Tile

CELL = 16  # a multiple of every network's stride up to four levels
BLOCK = 512


class Cover:
    """The version that each part of a plane was last predicted with.

    It is kept for cells of 16 x 16 pixels, so that a view may move and what it shared with the one
    before need not be predicted again.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        rows, columns = (-(-size // CELL) for size in shape)
        self._versions = np.zeros((rows, columns), dtype=np.int64)

    def outdated(self, version: int, region: Tile | None = None) -> Tile | None:
        """Return what to predict next, at most 512 x 512 pixels.

        ``None`` for the region is the whole plane. What was predicted with the oldest version goes
        first, however often the version grows meanwhile, so that every part has its turn; ``None``
        if nothing is older than ``version``.
        """
        blocks = list(_blocks(region or Tile((0, self._shape[0]), (0, self._shape[1]))))
        oldest = min(blocks, key=self._version_of, default=None)
        if oldest is None or self._version_of(oldest) >= version:
            return None
        return Tile(_clipped(oldest.rows, self._shape[0]), _clipped(oldest.columns, self._shape[1]))

    def mark(self, tile: Tile, version: int) -> None:
        """Note that a block was predicted."""
        self._versions[_cells(tile)] = version

    def _version_of(self, tile: Tile) -> int:
        return int(self._versions[_cells(tile)].min())


def _cells(tile: Tile) -> tuple[slice, slice]:
    (top, bottom), (left, right) = tile.rows, tile.columns
    return slice(top // CELL, -(-bottom // CELL)), slice(left // CELL, -(-right // CELL))


def _blocks(region: Tile) -> Iterator[Tile]:
    """Cut a region, widened to whole cells, into blocks of about the same size, row by row."""
    for rows in _parts(*region.rows):
        for columns in _parts(*region.columns):
            yield Tile(rows, columns)


def _parts(start: int, stop: int) -> Iterator[tuple[int, int]]:
    if stop <= start:
        return
    first, last = start // CELL, -(-stop // CELL)
    count = -(-(last - first) * CELL // BLOCK)
    edges = np.linspace(first, last, count + 1).round().astype(int) * CELL
    yield from zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)


def _clipped(span: tuple[int, int], size: int) -> tuple[int, int]:
    return span[0], min(span[1], size)
