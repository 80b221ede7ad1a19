"""Arithmetic of overlap tiles (Ronneberger et al. 2015, section 2 and figure 2); arrays of no kind.

A tile's output starts at a multiple of the network's stride, so that the pooling windows of every
tile fall on the same pixels of the image and tiles agree with each other and with the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from napari_unet.core.config import UNetConfig


@dataclass(frozen=True)
class Tile:
    """A rectangle of output pixels.

    Attributes
    ----------
    rows, columns
        (start, stop) in pixels of the image.
    """

    rows: tuple[int, int]
    columns: tuple[int, int]

    @property
    def slices(self) -> tuple[slice, slice]:
        """The rectangle as an index."""
        return slice(*self.rows), slice(*self.columns)

    @property
    def pixels(self) -> int:
        """Number of output pixels."""
        return (self.rows[1] - self.rows[0]) * (self.columns[1] - self.columns[0])


def output_side(config: UNetConfig, wanted: int) -> int:
    """Return the smallest side of an unpadded output that is at least ``wanted`` pixels."""
    return config.stride * max(0, -(-(wanted - 4) // config.stride)) + 4


def input_side(config: UNetConfig, wanted: int) -> int:
    """Return the side of the input whose unpadded output has ``output_side(wanted)`` pixels."""
    return output_side(config, wanted) + 2 * config.margin


def tile_side(config: UNetConfig, size: int, largest: int) -> int:
    """Return the side of equal tiles that cover ``size`` pixels, at most about ``largest`` each."""
    largest = max(config.stride, largest // config.stride * config.stride)
    count = -(-size // largest)
    return -(-size // (count * config.stride)) * config.stride


def plan(config: UNetConfig, region: Tile, largest: int) -> Iterator[Tile]:
    """Cut a region into tiles, each output pixel in exactly one of them, row by row.

    Parameters
    ----------
    config
        The network, for its stride.
    region
        What to predict, in pixels of the image.
    largest
        Largest side of a tile's output in pixels; rounded down to a multiple of the stride.
    """
    (top, bottom), (left, right) = region.rows, region.columns
    first_row, first_column = (start // config.stride * config.stride for start in (top, left))
    height = tile_side(config, bottom - first_row, largest)
    width = tile_side(config, right - first_column, largest)
    for row in range(first_row, bottom, height):
        for column in range(first_column, right, width):
            yield Tile(
                (max(row, top), min(row + height, bottom)),
                (max(column, left), min(column + width, right)),
            )


def halves(config: UNetConfig, tile: Tile) -> tuple[Tile, Tile] | None:
    """Cut a tile in two along its longer side, or return ``None`` if it is too small for that."""
    height, width = tile.rows[1] - tile.rows[0], tile.columns[1] - tile.columns[0]
    start, stop = tile.rows if height >= width else tile.columns
    middle = (start + stop) // 2 // config.stride * config.stride
    if middle <= start:
        return None
    if height >= width:
        return Tile((start, middle), tile.columns), Tile((middle, stop), tile.columns)
    return Tile(tile.rows, (start, middle)), Tile(tile.rows, (middle, stop))


def mirrored(start: int, stop: int, size: int) -> np.ndarray:
    """Return the indices of pixels ``start`` to ``stop`` of an axis mirrored at both its ends.

    The border pixel itself is not repeated; the mirror images go on forever, so that an axis of
    any size has as much context as a tile needs.
    """
    if size == 1:
        return np.zeros(stop - start, dtype=np.intp)
    period = 2 * (size - 1)
    position = np.arange(start, stop) % period
    return np.where(position < size, position, period - position)


def context(config: UNetConfig, tile: Tile, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    """Return the row and column indices of a tile's input, mirrored at the image's borders.

    Parameters
    ----------
    config
        The network.
    tile
        What to predict.
    shape
        Size of the image, (Y, X).

    Returns
    -------
    tuple of ndarray
        Row and column indices into the image; the output's first pixel is the first pixel at or
        before the tile's that is a multiple of the stride.
    """
    indices = []
    for (start, stop), size in zip((tile.rows, tile.columns), shape, strict=True):
        first = start // config.stride * config.stride
        side = input_side(config, stop - first)
        indices.append(mirrored(first - config.margin, first - config.margin + side, size))
    return tuple(indices)
