"""Boxes of planes and volumes, and the indices of one that reaches beyond the border."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np

Box = tuple[slice, ...]
"""A box of an array, as an index."""
Part = tuple[int, ...]
"""A box as numbers in a row: start and stop along each axis."""
Region = tuple[int, int, int, int]
"""That of a plane: row start, row stop, column start, column stop."""


@dataclass(frozen=True, init=False)
class Tile:
    """A box of output pixels: ``Tile(rows, columns)`` or ``Tile(planes, rows, columns)``.

    (start, stop) along each axis, in pixels of the image.
    """

    ranges: tuple[tuple[int, int], ...]

    def __init__(self, *ranges: tuple[int, int]) -> None:
        object.__setattr__(self, "ranges", ranges)

    @classmethod
    def whole(cls, shape: tuple[int, ...]) -> Tile:
        """Return the tile that is a whole image of that shape."""
        return cls(*((0, size) for size in shape))

    @classmethod
    def of(cls, numbers: Part) -> Tile:
        """Return the tile of starts and stops in a row: (row start, row stop, ...)."""
        return cls(*zip(numbers[::2], numbers[1::2], strict=True))

    @property
    def rows(self) -> tuple[int, int]:
        """(start, stop) of the rows."""
        return self.ranges[-2]

    @property
    def columns(self) -> tuple[int, int]:
        """(start, stop) of the columns."""
        return self.ranges[-1]

    @property
    def slices(self) -> tuple[slice, ...]:
        """The box as an index."""
        return tuple(slice(*span) for span in self.ranges)

    def within(self, region: Tile) -> tuple[slice, ...]:
        """Return where the box lies in a larger one, as an index into that."""
        return tuple(
            slice(start - first, stop - first)
            for (start, stop), (first, _) in zip(self.ranges, region.ranges, strict=True)
        )

    @property
    def sides(self) -> tuple[int, ...]:
        """Number of output pixels along each axis."""
        return tuple(stop - start for start, stop in self.ranges)

    @property
    def pixels(self) -> int:
        """Number of output pixels."""
        return prod(self.sides)


def lies_within(part: Part, other: Part) -> bool:
    """Return whether a box lies within another one."""
    spans = zip(part[::2], part[1::2], other[::2], other[1::2], strict=True)
    return all(first <= start and stop <= last for start, stop, first, last in spans)


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
