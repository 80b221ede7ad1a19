"""What is known of each pixel of a plane: filters and the taps of the pretrained encoder."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

import numpy as np
import torch

from napari_unet.core.forest.filters import BLOCK, FILTER_MARGIN, filters
from napari_unet.core.images.box import mirrored
from napari_unet.core.images.intensity import EACH_BY_ITSELF, Intensities, Scaling
from napari_unet.core.images.lazy_plane import Plane, intensities_of, read_part
from napari_unet.core.images.normalise import rescale
from napari_unet.core.network.encoder import STRIDE, TAP_STRIDES, Encoder, Taps, fill_up, window
from napari_unet.core.network.pretrained import pretrained_encoder
from napari_unet.core.network.taps import values_at

_MOST_BYTES = 2**30
_MOST_LAZY_BYTES = 2**27  # of a plane that is too large to be in memory itself
_MOST_PREPARED = 4  # blocks
P = TypeVar("P", bound=Plane)


@dataclass(frozen=True, eq=False)
class Block:
    """The features of a block of a plane.

    ``filters`` are (Y', X', F) float32; the float16 taps are of the block and one cell of the
    coarsest tap around it, as far as the plane goes, and begin ``before`` pixels before it along
    rows and columns: 0 or a stride.
    """

    filters: np.ndarray
    taps: Taps
    before: tuple[int, int]

    @property
    def sides(self) -> tuple[int, int]:
        """(Y', X')."""
        return self.filters.shape[0], self.filters.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.filters.nbytes + sum(tap.nbytes for tap in self.taps)

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the (N, F + 224) float32 values at N of its pixels."""
        by_encoder = values_at(self.taps, rows + self.before[0], columns + self.before[1])
        return np.concatenate([self.filters[rows, columns], by_encoder], axis=1)


@dataclass(eq=False)
class PixelFeatures(Generic[P]):
    """Features of a plane's pixels, computed block by block on the CPU; the latest are kept.

    The plane, (C, Y, X) of any real dtype, need not be in memory.
    """

    plane: P
    scaling: Scaling = EACH_BY_ITSELF
    _blocks: OrderedDict[tuple[int, int], Block] = field(default_factory=OrderedDict)

    def __post_init__(self) -> None:
        self.seen: Intensities = intensities_of(self.plane)
        self.scaled: Intensities = self.scaling.of(self.seen)

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
        """Compute the features of a small plane now, so that nobody waits for them later."""
        numbers = list(np.ndindex(*(-(-size // BLOCK) for size in self.shape)))
        if len(numbers) <= _MOST_PREPARED:
            for number in numbers:
                self.block((number[0], number[1]))

    def block(self, number: tuple[int, int]) -> Block:
        """Return the features of a block."""
        if number in self._blocks:
            self._blocks.move_to_end(number)
            return self._blocks[number]
        found = self._computed(number)
        self._blocks[number] = found
        most = _MOST_BYTES if self.in_memory else _MOST_LAZY_BYTES
        most = max(1, most // found.nbytes)
        while len(self._blocks) > most:
            self._blocks.popitem(last=False)
        return found

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the values at N pixels, (N, F + 224) float32, those of the filters first."""
        out = np.empty((len(rows), 0), dtype=np.float32)
        numbers = np.stack([rows // BLOCK, columns // BLOCK], axis=1)
        for number in np.unique(numbers, axis=0):
            here = (numbers == number).all(axis=1)
            found = self.block((int(number[0]), int(number[1]))).at(
                rows[here] % BLOCK, columns[here] % BLOCK
            )
            if not out.shape[1]:
                out = np.empty((len(rows), found.shape[-1]), dtype=np.float32)
            out[here] = found
        return out

    def _computed(self, number: tuple[int, int]) -> Block:
        rows, columns = (
            (index * BLOCK, min((index + 1) * BLOCK, size))
            for index, size in zip(number, self.shape, strict=True)
        )
        taps, before = self._taps(rows, columns)
        return Block(self._filters(rows, columns), taps, before)

    def _filters(self, rows: tuple[int, int], columns: tuple[int, int]) -> np.ndarray:
        wide = [
            mirrored(start - FILTER_MARGIN, stop + FILTER_MARGIN, size)
            for (start, stop), size in zip((rows, columns), self.shape, strict=True)
        ]
        inside = slice(FILTER_MARGIN, -FILTER_MARGIN)
        return np.ascontiguousarray(filters(self._read(*wide))[inside, inside])

    def _taps(
        self, rows: tuple[int, int], columns: tuple[int, int]
    ) -> tuple[Taps, tuple[int, int]]:
        """Return the taps of a block, and how many of their pixels are before its first.

        A cell more is kept on each side, so that what lies between two cells is the same on both
        sides of a block's border.
        """
        # Of each axis: what is kept, what is read for it, and where the one lies in the other.
        kept = [
            (max(0, start - STRIDE), min(stop + STRIDE, size))
            for (start, stop), size in zip((rows, columns), self.shape, strict=True)
        ]
        seen = [window(*span, size) for span, size in zip(kept, self.shape, strict=True)]
        x = fill_up(torch.from_numpy(self._read(*(np.arange(*span) for span in seen)))[None])
        with torch.inference_mode():
            taps = _encoder(x.shape[1])(x.contiguous(memory_format=torch.channels_last))
        (top, bottom), (left, right) = (
            (low - begin, -(-(high - begin) // STRIDE) * STRIDE)
            for (low, high), (begin, _) in zip(kept, seen, strict=True)
        )
        cropped = tuple(
            tap[..., top // s : bottom // s, left // s : right // s].contiguous().half()
            for tap, s in zip(taps, TAP_STRIDES, strict=True)
        )
        return cropped, (rows[0] - kept[0][0], columns[0] - kept[1][0])

    def _read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return rescale(read_part(self.plane, rows, columns), self.scaled)


def warm_up() -> None:
    """Compute features once, so that what the encoder needs is loaded."""
    PixelFeatures(np.zeros((1, STRIDE, STRIDE), np.float32)).block((0, 0))


@lru_cache(maxsize=4)
def _encoder(channels: int) -> Encoder:
    return pretrained_encoder(channels)
