"""Reading parts of a plane or a volume that need not be in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import isqrt, prod
from typing import Any, Protocol, runtime_checkable

import numpy as np

from napari_unet.core.images.normalise import (
    along_rows,
    check_array,
    grey_range,
    grey_range_of_sample,
    sampling_step,
)

_MOST_WHOLE = 2**25  # values of a plane or volume that is read as a whole
_MOST_SAMPLED = 2**22  # pixels
_BLOCKS = 16  # along rows and along columns of a plane; planes of a volume
_BLOCKS_OF_VOLUME = 8  # along rows and along columns of each
_STRIP_PIXELS = 2**22


class LazyPlane(Protocol):
    """A plane, or a volume, of which parts are read on demand."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, rows, columns; of a volume channels, planes, rows, columns."""

    # Taken by mypy for any parameters: a plane has two, a volume three.
    def read(self, *args: Any, **kwargs: Any) -> np.ndarray:
        """Return the pixels at some indices along each axis, which may repeat: (C, *axes)."""

    def grey_range(self) -> np.ndarray:
        """Return each channel's range, (C, 2), see :func:`images.normalise.grey_range`."""


@runtime_checkable
class Sampled(Protocol):
    """A plane or volume that knows its sample, see :func:`sample_of`."""

    def sample(self) -> np.ndarray:
        """Return its pixels, (C, N)."""


Plane = np.ndarray | LazyPlane


def read_part(plane: Plane, *indices: np.ndarray) -> np.ndarray:
    """Return the pixels at some rows and columns, of volumes also at some planes.

    Parameters
    ----------
    plane
        (C, Y, X) or (C, Z, Y, X), any real dtype.
    *indices
        One array an axis, in any order; mirrored ones may repeat.

    Returns
    -------
    ndarray
        (C, *axes), as long along each axis as the indices are.
    """
    if isinstance(plane, np.ndarray):
        everything: list[Any] = [slice(None), *np.ix_(*indices)]
        return plane[tuple(everything)]
    return plane.read(*indices)


def range_of(plane: Plane) -> np.ndarray:
    """Return each channel's range, (C, 2), see :func:`images.normalise.grey_range`."""
    return grey_range(along_rows(plane)) if isinstance(plane, np.ndarray) else plane.grey_range()


def whole_plane(plane: Plane) -> np.ndarray:
    """Return a plane or a volume as an array, (C, *axes)."""
    if isinstance(plane, np.ndarray):
        return plane
    return plane.read(*map(np.arange, plane.shape[1:]))


def sampled_range(plane: LazyPlane) -> np.ndarray:
    """Return each channel's range from a bounded sample, always the same one.

    What has at most 2**25 values is read as a whole, so that the result is that of
    :func:`images.normalise.grey_range`. Of a larger plane 16 x 16 square blocks, evenly
    spread, are read, of a larger volume 8 x 8 of each of 16 planes, 2**22 pixels at most; where a
    channel is constant in all of them, everything is searched for its extremes, strip by strip.

    Parameters
    ----------
    plane
        (C, Y, X) or (C, Z, Y, X).

    Returns
    -------
    ndarray
        (C, 2) float64.

    Raises
    ------
    InvalidInput
        A pixel of the sample is not finite.
    """
    if prod(plane.shape) <= _MOST_WHOLE:
        return grey_range(along_rows(check_array(whole_plane(plane), may_be_constant=True)))
    ranges = grey_range_of_sample(_read_sample(plane))
    flat = ranges[:, 0] == ranges[:, 1]
    if flat.any():
        ranges[flat] = _extremes(plane)[flat]
    return ranges


def sample_of(plane: Plane) -> np.ndarray:
    """Return pixels of a plane or volume, (C, N), for any statistic of it; always the same ones.

    They are those that :func:`images.normalise.grey_range` and :func:`sampled_range` look
    at.

    Raises
    ------
    InvalidInput
        A pixel of the sample is not finite.
    """
    if isinstance(plane, Sampled):
        return plane.sample()
    if isinstance(plane, np.ndarray) or prod(plane.shape) <= _MOST_WHOLE:
        whole = along_rows(check_array(whole_plane(plane), may_be_constant=True))
        step = sampling_step(whole)
        return whole[:, ::step, ::step].reshape(len(whole), -1)
    return _read_sample(plane)


def _read_sample(plane: LazyPlane) -> np.ndarray:
    pieces = []
    for indices in _sample(plane.shape[1:]):
        piece = check_array(plane.read(*indices), may_be_constant=True)
        pieces.append(piece.reshape(len(piece), -1))
    return np.concatenate(pieces, axis=1)


def _sample(shape: tuple[int, ...]) -> Iterator[tuple[np.ndarray, ...]]:
    """Iterate over the blocks of a sample: what each takes of each axis."""
    counts: tuple[int, ...] = (_BLOCKS, _BLOCKS)
    sides: tuple[int, ...] = (isqrt(_MOST_SAMPLED) // _BLOCKS,) * 2
    if len(shape) == 3:
        side = isqrt(_MOST_SAMPLED // _BLOCKS) // _BLOCKS_OF_VOLUME
        counts, sides = (_BLOCKS, _BLOCKS_OF_VOLUME, _BLOCKS_OF_VOLUME), (1, side, side)
    starts = [
        np.unique(np.linspace(0, max(0, size - side), count).astype(int))
        for size, side, count in zip(shape, sides, counts, strict=True)
    ]
    for corner in product(*starts):
        yield tuple(
            np.arange(start, min(start + side, size))
            for start, side, size in zip(corner, sides, shape, strict=True)
        )


def _extremes(plane: LazyPlane) -> np.ndarray:
    """Return each channel's smallest and largest value, (C, 2) float64."""
    channels, *planes, height, width = plane.shape
    lowest = np.full(channels, np.inf)
    highest = np.full(channels, -np.inf)
    step = max(1, _STRIP_PIXELS // width)
    for *index, top in product(*map(range, planes), range(0, height, step)):
        rows = np.arange(top, min(top + step, height))
        strip = plane.read(*(np.array([i]) for i in index), rows, np.arange(width))
        part = check_array(strip, may_be_constant=True).reshape(channels, -1)
        lowest = np.minimum(lowest, part.min(axis=1))
        highest = np.maximum(highest, part.max(axis=1))
    return np.stack([lowest, highest], axis=-1)
