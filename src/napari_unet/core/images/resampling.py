"""A plane or volume on a model's pixels, and the model's answer back on its own pixels."""

from collections.abc import Sequence
from math import ceil

import numpy as np

from napari_unet.core.images.box import Tile
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import LazyPlane


class Resampled:
    """A plane with another number of pixels, interpolated where it is read.

    Between neighbours it is linear; where pixels become larger, it is the mean over several points
    in each, so that nothing is skipped. The planes of a volume stay as they are. ``factors`` are
    new pixels for each of the plane's, along rows and columns.
    """

    def __init__(self, plane: LazyPlane, factors: tuple[float, float]) -> None:
        self._plane = plane
        channels, *self._planes, height, width = plane.shape
        self._sizes = (height, width)
        new = [max(1, round(n * f)) for n, f in zip(self._sizes, factors, strict=True)]
        self._factors = tuple(a / b for a, b in zip(new, self._sizes, strict=True))
        self.shape = (channels, *self._planes, *new)

    def intensities(self) -> Intensities:
        """Return what its grey values are like: those of the plane as it is."""
        return self._plane.intensities()

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
        at = [(i - start, w) for start, (i, w) in zip(starts, places, strict=True)]
        missing = None if box.dtype.kind != "f" else ~np.isfinite(box)
        if missing is None or not missing.any():
            return _mixed(box, at)
        # What was not imaged has no weight; a new pixel that is half of it was not imaged either.
        weight = _mixed((~missing).astype(box.dtype), at)
        mixed = _mixed(np.where(missing, 0, box), at) / np.maximum(weight, 0.5)
        return np.where(weight < 0.5, np.nan, mixed).astype(box.dtype)

    def over(self, region: Tile) -> Tile:
        """Return which new pixels the plane's own ones of a region get their values from."""
        spans = [
            (int(nearest[start]), int(nearest[stop - 1]) + 1)
            for nearest, (start, stop) in zip(
                map(self._nearest, (-2, -1)), region.ranges[-2:], strict=True
            )
        ]
        return Tile(*region.ranges[:-2], *spans)

    def under(self, region: Tile) -> Tile:
        """Return which of the plane's own pixels new ones of a region are made of."""
        spans = []
        for (start, stop), factor, size in zip(
            region.ranges[-2:], self._factors, self._sizes, strict=True
        ):
            index, _ = _weights(np.arange(start, stop), factor, size)
            spans.append((int(index.min()), int(index.max()) + 1))
        return Tile(*region.ranges[:-2], *spans)

    def _nearest(self, axis: int) -> np.ndarray:
        """Return in which new pixel the centre of each of the plane's own lies."""
        own = (np.arange(self._sizes[axis]) + 0.5) * self._factors[axis]
        return np.minimum(own.astype(int), self.shape[axis] - 1)

    def put_back(self, tile: Tile, values: np.ndarray) -> tuple[tuple[slice, ...], np.ndarray]:
        """Return which of the plane's own pixels lie in a tile, and the values there.

        A pixel gets the value of the new pixel that its centre lies in, so that each pixel of the
        plane gets the value of exactly one tile, which is given in new pixels with (..., Y, X)
        values. Gives the slices of the plane, rows and columns last, and the (..., Y', X') values.
        """
        slices = list(tile.slices[:-2])
        for axis, (start, stop) in zip((-2, -1), (tile.rows, tile.columns), strict=True):
            nearest = self._nearest(axis)
            first, last = np.searchsorted(nearest, [start, stop])
            values = np.take(values, nearest[first:last] - start, axis=axis)
            slices.append(slice(int(first), int(last)))
        return tuple(slices), values


def _mixed(box: np.ndarray, at: Sequence[tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """Mix neighbours along rows and columns: at each, which of them, and how much each counts."""
    exact = np.float32 if np.can_cast(box.dtype, np.float32) else np.float64
    for axis, (index, weight) in zip((-2, -1), at, strict=True):
        parts = (
            np.take(box, i, axis=axis) * w.reshape(-1, *[1] * (-1 - axis)).astype(exact)
            for i, w in zip(index, weight, strict=True)
        )
        box = sum(parts, np.zeros((), exact))
    return box


def _weights(wanted: np.ndarray, factor: float, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which pixels a new one is made of, and how much each counts: (N, R) both."""
    points = ceil(1 / factor)
    offsets = (np.arange(points) + 0.5) / points
    position = ((wanted + offsets[:, None]) / factor - 0.5).clip(0, size - 1)
    below = np.minimum(position.astype(int), max(0, size - 2))
    share = position - below
    above = np.minimum(below + 1, size - 1)
    return np.concatenate([below, above]), np.concatenate([1 - share, share]) / points
