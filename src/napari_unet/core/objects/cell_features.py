"""What a network that has seen much sees of each cell: features of its pixels, pooled over it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from napari_unet.core.images.lazy_plane import Plane

_MOST_PIXELS = 24  # of a cell that are looked at, evenly spread over it


@dataclass(frozen=True, eq=False)
class SeenCells:
    """What the encoder sees of cells: (N,) ids, ascending, and (N, F) features of each."""

    ids: np.ndarray
    features: np.ndarray

    def of(self, ids: np.ndarray) -> SeenCells:
        """Return those of some ids; NaN of ids that are not known."""
        at = np.minimum(np.searchsorted(self.ids, ids), max(len(self.ids) - 1, 0))
        known = np.isin(ids, self.ids)
        features = np.full((len(ids), self.features.shape[1]), np.nan, np.float32)
        features[known] = self.features[at[known]]
        return SeenCells(ids, features)

    def without(self, ids: Collection[int]) -> SeenCells:
        """Return all but some ids."""
        kept = ~np.isin(self.ids, list(ids))
        return SeenCells(self.ids[kept], self.features[kept])

    def joined(self, new: SeenCells) -> SeenCells:
        """Return these and others."""
        ids = np.concatenate([self.ids, new.ids])
        order = np.argsort(ids, kind="stable")
        return SeenCells(ids[order], np.concatenate([self.features, new.features])[order])


def cell_features(ids: np.ndarray, plane: Plane) -> np.ndarray:
    """Return the mean of filters and encoder over each cell, (N, F) float32, ids ascending.

    (Y, X) ids, 0 for background; (C, Y, X) pixels. The features are those of Live's pixel
    classifier, :class:`napari_unet.core.forest.pixel_features.PixelFeatures`.
    """
    from napari_unet.core.forest.pixel_features import PixelFeatures  # torch is slow to load

    cell, rows, columns = _some_pixels(ids)
    if not len(cell):
        return np.zeros((0, 0), np.float32)
    values = PixelFeatures(plane).at(rows, columns)
    starts = np.flatnonzero(np.r_[True, np.diff(cell) > 0])
    return np.add.reduceat(values, starts) / np.diff(np.r_[starts, len(cell)])[:, None]


def _some_pixels(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (M,) ids, ascending, rows and columns of evenly spread pixels of each cell."""
    rows, columns = np.nonzero(ids)
    cell = ids[rows, columns]
    order = np.argsort(cell, kind="stable")
    _, starts, counts = np.unique(cell[order], return_index=True, return_counts=True)
    wanted = np.minimum(counts, _MOST_PIXELS)
    ends = np.cumsum(wanted)
    rank = np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - wanted, wanted)
    step = (rank + 0.5) * np.repeat(counts / wanted, wanted)
    chosen = order[np.repeat(starts, wanted) + step.astype(np.intp)]
    return cell[chosen], rows[chosen], columns[chosen]
