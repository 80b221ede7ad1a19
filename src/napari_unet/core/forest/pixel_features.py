"""What is known of each pixel of a plane: filters and the taps of the pretrained encoder."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

import numpy as np
import torch

from napari_unet.core.forest.filters import BLOCK, CONTEXT, FILTER_MARGIN, filters
from napari_unet.core.images.box import Tile, mirrored
from napari_unet.core.images.intensity import EACH_BY_ITSELF, Intensities, Scaling
from napari_unet.core.images.lazy_plane import Plane, intensities_of, read_part
from napari_unet.core.images.normalise import rescale
from napari_unet.core.network.device import computing, fast_dtype
from napari_unet.core.network.encoder import (
    STRIDE,
    TAP_STRIDES,
    Encoder,
    Taps,
    colour_matrix,
    fill_up,
    window,
)
from napari_unet.core.network.pretrained import pretrained_encoder, pretrained_refiner
from napari_unet.core.network.taps import values_at

_MOST_BYTES = 2**30
_MOST_LAZY_BYTES = 2**27  # of a plane that is too large to be in memory itself
_MOST_PREPARED = 4  # blocks
_MOST_SEEN = 8  # blocks of which what the refiner sees is kept, 14 MB each
_CPU = torch.device("cpu")
P = TypeVar("P", bound=Plane)


@dataclass(frozen=True, eq=False)
class Block:
    """The features of a block of a plane and of :data:`CONTEXT` pixels around it: its window.

    ``filters`` are (Y', X', F) float32; the float16 taps are those of an image of that size;
    ``within`` is the block in its window.
    """

    filters: np.ndarray
    taps: Taps
    within: Tile

    @property
    def window(self) -> tuple[int, int]:
        """(Y', X')."""
        return self.filters.shape[0], self.filters.shape[1]

    @property
    def nbytes(self) -> int:
        """Memory that it takes."""
        return self.filters.nbytes + sum(tap.nbytes for tap in self.taps)

    def at(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the (N, F + 224) float32 values at N of the block's pixels."""
        rows, columns = rows + self.within.rows[0], columns + self.within.columns[0]
        return np.concatenate([self.filters[rows, columns], values_at(self.taps, rows, columns)], 1)


@dataclass(eq=False)
class PixelFeatures(Generic[P]):
    """Features of a plane's pixels, computed block by block on the CPU; the latest are kept.

    The plane, (C, Y, X) of any real dtype, need not be in memory.
    """

    plane: P
    scaling: Scaling = EACH_BY_ITSELF
    _blocks: OrderedDict[tuple[int, int], Block] = field(default_factory=OrderedDict)
    _for_refiner: OrderedDict[tuple[int, int], tuple[torch.Tensor, ...]] = field(
        default_factory=OrderedDict
    )

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
                self.for_refiner((number[0], number[1]))

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

    def for_refiner(self, number: tuple[int, int]) -> tuple[torch.Tensor, ...]:
        """Return what the refiner sees of a block's window, whatever the class."""
        if number not in self._for_refiner:
            image = self._read(*(np.arange(*span) for span in self._window(number)[0].ranges))
            colours = np.einsum("kc,cyx->kyx", colour_matrix(len(image)).numpy(), image)
            taps, dtype = [tap.float() for tap in self.block(number).taps], fast_dtype(_CPU)
            with torch.inference_mode(), computing(_CPU, dtype):
                full = fill_up(torch.from_numpy(colours)[None])
                self._for_refiner[number] = pretrained_refiner().seen(full, taps)
            if len(self._for_refiner) > _MOST_SEEN:
                self._for_refiner.popitem(last=False)
        self._for_refiner.move_to_end(number)
        return self._for_refiner[number]

    def _window(self, number: tuple[int, int]) -> tuple[Tile, Tile]:
        """Return a block's window in the plane, and the block in that."""
        spans, inner = [], []
        for index, size in zip(number, self.shape, strict=True):
            start, stop = index * BLOCK, min((index + 1) * BLOCK, size)
            begin = max(0, start - CONTEXT)
            spans.append((begin, min(stop + CONTEXT, size)))
            inner.append((start - begin, stop - begin))
        return Tile(*spans), Tile(*inner)

    def _computed(self, number: tuple[int, int]) -> Block:
        window, within = self._window(number)
        return Block(self._filters(window), self._taps(window), within)

    def _filters(self, part: Tile) -> np.ndarray:
        wide = [
            mirrored(start - FILTER_MARGIN, stop + FILTER_MARGIN, size)
            for (start, stop), size in zip(part.ranges, self.shape, strict=True)
        ]
        inside = slice(FILTER_MARGIN, -FILTER_MARGIN)
        return np.ascontiguousarray(filters(self._read(*wide))[inside, inside])

    def _taps(self, part: Tile) -> Taps:
        seen = [window(*span, size) for span, size in zip(part.ranges, self.shape, strict=True)]
        x = fill_up(torch.from_numpy(self._read(*(np.arange(*span) for span in seen)))[None])
        with torch.inference_mode():
            taps = _encoder(x.shape[1])(x.contiguous(memory_format=torch.channels_last))
        (top, bottom), (left, right) = (
            (low - begin, -(-(high - begin) // STRIDE) * STRIDE)
            for (low, high), (begin, _) in zip(part.ranges, seen, strict=True)
        )
        return tuple(
            tap[..., top // s : bottom // s, left // s : right // s].contiguous().half()
            for tap, s in zip(taps, TAP_STRIDES, strict=True)
        )

    def _read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        return rescale(read_part(self.plane, rows, columns), self.scaled)


def warm_up() -> None:
    """Compute features once, so that what the encoder needs is loaded."""
    PixelFeatures(np.zeros((1, STRIDE, STRIDE), np.float32)).for_refiner((0, 0))


@lru_cache(maxsize=4)
def _encoder(channels: int) -> Encoder:
    return pretrained_encoder(channels)
