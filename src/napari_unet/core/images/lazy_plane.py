"""Reading parts of a plane or a volume that need not be in memory."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import isqrt, prod
from typing import Any, Protocol, runtime_checkable

import numpy as np

from napari_unet.core.images.check_array import check_array
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.measure_intensity import imaged_everywhere, measure

_MOST_WHOLE = 2**25  # values of a plane or volume that is read as a whole
_MOST_SAMPLED = 2**22  # pixels
_MOST_KEPT = 2**20  # pixels of a sample for other statistics
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

    def intensities(self) -> Intensities:
        """Return what its grey values are like, see :func:`intensities_of`."""


@runtime_checkable
class Sampled(Protocol):
    """A plane or volume that knows its sample, see :func:`sample_of`."""

    def sample(self) -> np.ndarray:
        """Return its pixels, (C, N)."""


Plane = np.ndarray | LazyPlane


def read_part(plane: Plane, *indices: np.ndarray) -> np.ndarray:
    """Return the pixels at some rows and columns, of volumes also at some planes.

    (C, *axes) as long along each axis as its array of indices, in any order; mirrored ones may
    repeat.
    """
    if isinstance(plane, np.ndarray):
        everything: list[Any] = [slice(None), *np.ix_(*indices)]
        return plane[tuple(everything)]
    return plane.read(*indices)


def intensities_of(plane: Plane) -> Intensities:
    """Return what the grey values of a plane or volume are like; of the whole, never of a tile.

    The same for an array and for a file: what has at most 2**25 values is read as a whole. Of a
    larger plane 16 x 16 square blocks, evenly spread, are read, of a larger volume 8 x 8 of each of
    16 planes, 2**22 pixels at most; where a channel is constant in all of them, everything is
    searched for its extremes, strip by strip.
    """
    return measured(plane) if isinstance(plane, np.ndarray) else plane.intensities()


def measured(plane: Plane) -> Intensities:
    """Do it for a plane that does not know it yet."""
    found = measure(_patches(plane))
    if prod(plane.shape) > _MOST_WHOLE and any(one.span == 0 for one in found):
        extremes = _extremes(plane)
        found = tuple(
            replace(one, low=low, high=high) if one.span == 0 and low < high else one
            for one, (low, high) in zip(found, extremes.tolist(), strict=True)
        )
    return found


def along_rows(piece: np.ndarray) -> np.ndarray:
    """Lay the planes of a volume (C, Z, Y, X) one below the other, (C, Z * Y, X).

    What is asked of all pixels together can so be asked of a plane; planes stay as they are.
    """
    return piece.reshape(len(piece), -1, piece.shape[-1])


def whole_plane(plane: Plane) -> np.ndarray:
    """Return a plane or a volume as an array, (C, *axes)."""
    if isinstance(plane, np.ndarray):
        return plane
    return plane.read(*map(np.arange, plane.shape[1:]))


def sample_of(plane: Plane) -> np.ndarray:
    """Return pixels of a plane or volume, (C, N), for any statistic of it; always the same ones.

    They are of those that :func:`intensities_of` looks at; what was not imaged is left out.
    """
    if isinstance(plane, Sampled):
        return plane.sample()
    patches = _patches(plane)
    step = max(1, isqrt(sum(patch[0].size for patch in patches) // _MOST_KEPT))
    kept = [patch[:, ::step, ::step].reshape(len(patch), -1) for patch in patches]
    return imaged_everywhere(np.concatenate(kept, axis=1))


def _patches(plane: Plane) -> list[np.ndarray]:
    """Return what is looked at of a plane or volume: blocks of it, or all; (C, Y, X) each."""
    if prod(plane.shape) <= _MOST_WHOLE:
        return [along_rows(check_array(whole_plane(plane), may_be_constant=True))]
    return [
        along_rows(check_array(read_part(plane, *indices), may_be_constant=True))
        for indices in _sample(tuple(plane.shape[1:]))
    ]


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


def _extremes(plane: Plane) -> np.ndarray:
    """Return each channel's smallest and largest finite value, (C, 2) float64."""
    channels, *planes, height, width = plane.shape
    lowest = np.full(channels, np.inf)
    highest = np.full(channels, -np.inf)
    step = max(1, _STRIP_PIXELS // width)
    for *index, top in product(*map(range, planes), range(0, height, step)):
        rows = np.arange(top, min(top + step, height))
        strip = read_part(plane, *(np.array([i]) for i in index), rows, np.arange(width))
        part = check_array(strip, may_be_constant=True).reshape(channels, -1)
        finite = np.isfinite(part)
        lowest = np.minimum(lowest, part.astype(float).min(axis=1, initial=np.inf, where=finite))
        highest = np.maximum(highest, part.astype(float).max(axis=1, initial=-np.inf, where=finite))
    return np.stack([lowest, highest], axis=-1)
