"""Multi-scale filters of a plane, computed block by block where they are asked for."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from napari_unet.core.images.box import mirrored
from napari_unet.core.images.lazy_plane import Plane, range_of, read_part
from napari_unet.core.images.normalise import rescale

SIGMAS = (0.5, 16.0)
FILTERS_A_CHANNEL = 24  # intensity, gradient and two Hessian eigenvalues at six scales
# The widest Gaussian is cut at four standard deviations; derivatives reach 2 px further.
MARGIN = 66
BLOCK = 512
_MOST_FILTER_BYTES = 2**30
_MOST_LAZY_FILTER_BYTES = 2**27  # of a plane that is too large to be in memory itself
_MOST_PREPARED = 4  # blocks
P = TypeVar("P", bound=Plane)


def filters(patch: np.ndarray) -> np.ndarray:
    """Return multi-scale filters of a patch.

    Parameters
    ----------
    patch
        (C, Y, X) float32, normalised; results within ``MARGIN`` of its border depend on where it
        was cut.

    Returns
    -------
    ndarray
        (Y, X, 24 C) float32.
    """
    from skimage.feature import multiscale_basic_features  # loads matplotlib

    return multiscale_basic_features(
        patch, sigma_min=SIGMAS[0], sigma_max=SIGMAS[1], channel_axis=0
    )


@dataclass(eq=False)
class FilterBlocks(Generic[P]):
    """Multi-scale filters of a plane, computed where they are asked for; the latest are kept.

    Attributes
    ----------
    plane
        (C, Y, X), any real dtype; need not be in memory.
    """

    plane: P
    _blocks: OrderedDict[tuple[int, int], np.ndarray] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.ranges = range_of(self.plane)

    @property
    def shape(self) -> tuple[int, int]:
        """Size of the plane, (Y, X)."""
        return self.plane.shape[-2], self.plane.shape[-1]

    @property
    def in_memory(self) -> bool:
        """Whether the plane is; else little is kept of it."""
        return isinstance(self.plane, np.ndarray)

    @property
    def at_hand(self) -> tuple[tuple[int, int], ...]:
        """Numbers of the blocks that are kept, ascending."""
        return tuple(sorted(self._blocks))

    def prepare(self) -> None:
        """Compute the filters of a small plane now, so that nobody waits for them later."""
        numbers = list(np.ndindex(*(-(-size // BLOCK) for size in self.shape)))
        if len(numbers) <= _MOST_PREPARED:
            for number in numbers:
                self.block((number[0], number[1]))

    def block(self, number: tuple[int, int]) -> np.ndarray:
        """Return the (Y', X', F) float32 filters of a block; mirrored at the plane's borders."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        indices = []
        for index, size in zip(number, self.shape, strict=True):
            start, stop = index * BLOCK, min((index + 1) * BLOCK, size)
            indices.append(mirrored(start - MARGIN, stop + MARGIN, size))
        patch = rescale(read_part(self.plane, indices[0], indices[1]), self.ranges)
        inside = slice(MARGIN, -MARGIN)
        found = np.ascontiguousarray(filters(patch)[inside, inside])
        self._blocks[number] = found
        most = _MOST_FILTER_BYTES if self.in_memory else _MOST_LAZY_FILTER_BYTES
        most = max(1, most // found.nbytes)
        while len(self._blocks) > most:
            self._blocks.popitem(last=False)
        return found

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the (N, F) float32 filters at N pixels."""
        out = np.empty((len(rows), 0), dtype=np.float32)
        numbers = np.stack([rows // BLOCK, columns // BLOCK], axis=1)
        for number in np.unique(numbers, axis=0):
            here = (numbers == number).all(axis=1)
            block = self.block((int(number[0]), int(number[1])))
            if not out.shape[1]:
                out = np.empty((len(rows), block.shape[-1]), dtype=np.float32)
            out[here] = block[rows[here] % BLOCK, columns[here] % BLOCK]
        return out
