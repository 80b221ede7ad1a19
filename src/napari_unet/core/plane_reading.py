"""Reading parts of a plane that need not be in memory."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from napari_unet.core.image import check_array, grey_range, grey_range_of_sample

_MOST_WHOLE = 2**25  # values of a plane that is read as a whole
_MOST_SAMPLED = 2**22  # pixels
_BLOCKS = 16  # along rows and along columns
_STRIP_PIXELS = 2**22


class LazyPlane(Protocol):
    """A plane of which parts are read on demand."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""

    def read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the pixels at some rows and columns, which may repeat: (C, R, C')."""

    def grey_range(self) -> np.ndarray:
        """Return each channel's range, (C, 2), see :func:`napari_unet.core.image.grey_range`."""


Plane = np.ndarray | LazyPlane


def read_part(plane: Plane, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Return the pixels at some rows and columns.

    Parameters
    ----------
    plane
        (C, Y, X), any real dtype.
    rows, columns
        (R,) and (K,) indices in any order; mirrored ones may repeat.

    Returns
    -------
    ndarray
        (C, R, K).
    """
    if isinstance(plane, np.ndarray):
        return plane[:, rows[:, None], columns]
    return plane.read(rows, columns)


def range_of(plane: Plane) -> np.ndarray:
    """Return each channel's range, (C, 2), see :func:`napari_unet.core.image.grey_range`."""
    return grey_range(plane) if isinstance(plane, np.ndarray) else plane.grey_range()


def whole_plane(plane: Plane) -> np.ndarray:
    """Return a plane as an array, (C, Y, X)."""
    if isinstance(plane, np.ndarray):
        return plane
    return plane.read(np.arange(plane.shape[1]), np.arange(plane.shape[2]))


def sampled_range(plane: LazyPlane) -> np.ndarray:
    """Return each channel's range from a bounded sample, always the same one.

    A plane of at most 2**25 values is read as a whole, so that the result is that of
    :func:`napari_unet.core.image.grey_range`. Of a larger one 16 x 16 square blocks, evenly spread,
    are read, 2**22 pixels at most; where a channel is constant in all of them, the whole plane is
    searched for its extremes, strip by strip.

    Parameters
    ----------
    plane
        (C, Y, X).

    Returns
    -------
    ndarray
        (C, 2) float64.

    Raises
    ------
    InvalidInput
        A pixel of the sample is not finite.
    """
    channels, height, width = plane.shape
    if channels * height * width <= _MOST_WHOLE:
        return grey_range(check_array(whole_plane(plane), may_be_constant=True))
    side = int(np.sqrt(_MOST_SAMPLED)) // _BLOCKS
    pieces = []
    for top in _starts(height, side):
        for left in _starts(width, side):
            rows = np.arange(top, min(top + side, height))
            columns = np.arange(left, min(left + side, width))
            piece = check_array(plane.read(rows, columns), may_be_constant=True)
            pieces.append(piece.reshape(len(piece), -1))
    ranges = grey_range_of_sample(np.concatenate(pieces, axis=1))
    flat = ranges[:, 0] == ranges[:, 1]
    if flat.any():
        ranges[flat] = _extremes(plane)[flat]
    return ranges


def _starts(size: int, side: int) -> np.ndarray:
    """Return where the blocks of a sample start along an axis; each once."""
    return np.unique(np.linspace(0, max(0, size - side), _BLOCKS).astype(int))


def _extremes(plane: LazyPlane) -> np.ndarray:
    """Return each channel's smallest and largest value, (C, 2) float64."""
    channels, height, width = plane.shape
    lowest = np.full(channels, np.inf)
    highest = np.full(channels, -np.inf)
    step = max(1, _STRIP_PIXELS // width)
    for top in range(0, height, step):
        rows = np.arange(top, min(top + step, height))
        part = check_array(plane.read(rows, np.arange(width)), may_be_constant=True)
        lowest = np.minimum(lowest, part.min(axis=(1, 2)))
        highest = np.maximum(highest, part.max(axis=(1, 2)))
    return np.stack([lowest, highest], axis=-1)
