"""A plane or volume on a model's pixels, and the model's answer back on its own pixels."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil

import numpy as np

from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import LazyPlane


class Resampled:
    """A plane with another number of pixels, interpolated where it is read.

    Between neighbours it is linear; where pixels become larger, it is the mean over several points
    in each, so that nothing is skipped. The planes of a volume stay as they are.

    Parameters
    ----------
    plane
        (C, Y, X) or (C, Z, Y, X).
    factors
        New pixels for each of the plane's, along rows and columns.
    """

    def __init__(self, plane: LazyPlane, factors: tuple[float, float]) -> None:
        self._plane = plane
        channels, *self._planes, height, width = plane.shape
        self._sizes = (height, width)
        new = [max(1, round(n * f)) for n, f in zip(self._sizes, factors, strict=True)]
        self._factors = tuple(a / b for a, b in zip(new, self._sizes, strict=True))
        self.shape = (channels, *self._planes, *new)

    def grey_range(self) -> np.ndarray:
        """Return each channel's range, (C, 2): that of the plane as it is."""
        return self._plane.grey_range()

    def read(self, *indices: np.ndarray) -> np.ndarray:
        """Return the new pixels at some indices along each axis, (C, *axes) float32 or float64."""
        *planes, rows, columns = indices
        places = [
            _weights(wanted, factor, size)
            for wanted, factor, size in zip(
                (rows, columns), self._factors, self._sizes, strict=True
            )
        ]
        starts = [int(index.min()) for index, _ in places]
        box = self._plane.read(
            *planes,
            *(
                np.arange(start, int(i.max()) + 1)
                for start, (i, _) in zip(starts, places, strict=True)
            ),
        )
        exact = np.float32 if np.can_cast(box.dtype, np.float32) else np.float64
        for axis, (start, (index, weight)) in zip(
            (-2, -1), zip(starts, places, strict=True), strict=True
        ):
            parts = (
                np.take(box, i - start, axis=axis) * w.reshape(-1, *[1] * (-1 - axis)).astype(exact)
                for i, w in zip(index, weight, strict=True)
            )
            box = sum(parts, np.zeros((), exact))
        return box

    def put_back(self, tile: Tile, values: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
        """Return which of the plane's own pixels lie in a tile, and the values there.

        A pixel gets the value of the new pixel that its centre lies in, so that each pixel of the
        plane gets the value of exactly one tile.

        Parameters
        ----------
        tile
            In new pixels.
        values
            (..., Y, X) of the tile's size.

        Returns
        -------
        tuple
            Rows and columns of the plane, before them the planes of a volume; (..., Y', X').
        """
        slices = list(tile.slices[:-2])
        for axis, (start, stop) in zip((-2, -1), (tile.rows, tile.columns), strict=True):
            own = (np.arange(self._sizes[axis]) + 0.5) * self._factors[axis]
            nearest = np.minimum(own.astype(int), self.shape[axis] - 1)
            first, last = np.searchsorted(nearest, [start, stop])
            values = np.take(values, nearest[first:last] - start, axis=axis)
            slices.append(slice(int(first), int(last)))
        return tuple(slices), values


def _weights(wanted: np.ndarray, factor: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels a new one is made of, and how much each counts: (N, R) both."""
    points = ceil(1 / factor)
    offsets = (np.arange(points) + 0.5) / points
    position = ((wanted + offsets[:, None]) / factor - 0.5).clip(0, size - 1)
    below = np.minimum(position.astype(int), max(0, size - 2))
    share = position - below
    above = np.minimum(below + 1, size - 1)
    return np.concatenate([below, above]), np.concatenate([1 - share, share]) / points


def moderate(factors: Sequence[float]) -> bool:
    """Tell whether factors are such as pixel sizes of one kind of image differ by."""
    return all(1 / 16 <= factor <= 16 for factor in factors)
