"""The eight symmetries of the square: quarter turns, with and without a flip."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np


def orientations(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in each of its eight orientations, always in the same order.

    Parameters
    ----------
    array
        (..., Y, X), any dtype.

    Yields
    ------
    ndarray
        (..., Y, X) or (..., X, Y), a view: what is written into it is written into the array.
    """
    for flipped in (array, array[..., ::-1]):
        for turns in range(4):
            yield np.rot90(flipped, turns, axes=(-2, -1))
