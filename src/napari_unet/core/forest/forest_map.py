"""The forest's answer as an input of the network, block by block and only where it is needed."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np

from napari_unet.core.forest.filter_blocks import BLOCK, FilterBlocks
from napari_unet.core.forest.random_forest import Forest

_LARGEST = 4.0
_SMALLEST = 1.0 / (1.0 + np.exp(_LARGEST))
_MOST_LAZY_ODDS_BYTES = 2**28


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
