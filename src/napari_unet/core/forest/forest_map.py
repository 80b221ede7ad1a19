"""The forest's answer as an input of the network, block by block and only where it is needed."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from napari_unet.core.forest.random_forest import MARGIN, Forest, filters
from napari_unet.core.images.lazy_plane import Plane, range_of, read_part
from napari_unet.core.images.normalise import rescale
from napari_unet.core.network.tiling import mirrored

BLOCK = 512
_LARGEST = 4.0
_SMALLEST = 1.0 / (1.0 + np.exp(_LARGEST))
_MOST_FILTER_BYTES = 2**30
_MOST_LAZY_FILTER_BYTES = 2**27  # of a plane that is too large to be in memory itself
_MOST_LAZY_ODDS_BYTES = 2**28
_MOST_PREPARED = 4  # blocks

P = TypeVar("P", bound=Plane)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return the log-odds of each class against the others.

    Parameters
    ----------
    probabilities
        (K, ...) float32.

    Returns
    -------
    ndarray
        (K, ...) float32, within [-4, 4].
    """
    p = probabilities.clip(_SMALLEST, 1 - _SMALLEST)
    return np.log(p / (1 - p)).astype(np.float32)


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


class Guide:
    """What a forest says of a plane, as log-odds, computed where it is asked for.

    Parameters
    ----------
    filters
        Of the plane.
    forest
        What to ask.

    Attributes
    ----------
    ranges
        Of the plane's grey values, see :func:`napari_unet.core.images.normalise.grey_range`.
    """

    def __init__(self, filters: FilterBlocks, forest: Forest) -> None:
        self.ranges = filters.ranges
        self._filters = filters
        self._forest = forest
        self._blocks: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the log-odds at each of some rows and each of some columns.

        Parameters
        ----------
        rows, columns
            (R,) and (C,) indices in any order; mirrored ones may repeat.

        Returns
        -------
        ndarray
            (G, R, C) float32; G is 1, the second class, for two classes, else their number.
        """
        out = np.empty((self._channels, len(rows), len(columns)), dtype=np.float32)
        for top in np.unique(rows // BLOCK):
            in_rows = np.flatnonzero(rows // BLOCK == top)
            for left in np.unique(columns // BLOCK):
                in_columns = np.flatnonzero(columns // BLOCK == left)
                block = self._block((int(top), int(left)))
                part = block[:, (rows[in_rows] % BLOCK)[:, None], columns[in_columns] % BLOCK]
                out[:, in_rows[:, None], in_columns] = part
        return out

    def probabilities(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the forest's probabilities, (K, R, C) float32, see :meth:`read`."""
        p = 1 / (1 + np.exp(-self.read(rows, columns)))
        p = np.concatenate([1 - p, p]) if len(p) == 1 else p
        return p / p.sum(axis=0)

    @property
    def _channels(self) -> int:
        return 1 if self._forest.n_classes == 2 else self._forest.n_classes

    def _block(self, number: tuple[int, int]) -> np.ndarray:
        if number not in self._blocks:
            odds = log_odds(self._forest.predict(self._filters.block(number)))
            self._blocks[number] = odds[-self._channels :].astype(np.float16)
            most = max(1, _MOST_LAZY_ODDS_BYTES // self._blocks[number].nbytes)
            if len(self._blocks) > most and not self._filters.in_memory:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]
