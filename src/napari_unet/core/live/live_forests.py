"""The forests of a live training, each held to the one before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from napari_unet.core.forest.filter_blocks import FilterBlocks
from napari_unet.core.forest.random_forest import Forest, fit_forest
from napari_unet.core.live.forest_anchors import draw_anchors, uncontradicted
from napari_unet.core.live.stroke_book import StrokeBook

_MOST_PIXELS_A_CLASS = 600  # more take longer and say no more: docs/method.md
_TREES_OF_A_WITNESS = 20
_KEPT = 20  # to go back to when strokes are erased


class Forests:
    """Fits a forest after each change of the strokes.

    Parameters
    ----------
    seed
        Of the draws.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        # With the number of the latest stroke that each knows.
        self._kept: deque[tuple[int, Forest]] = deque(maxlen=_KEPT)

    def forget(self) -> None:
        """Begin anew, with other classes."""
        self._kept.clear()

    def fit(
        self,
        book: StrokeBook,
        filters: Sequence[FilterBlocks],
        ids: Sequence[int],
        *,
        revoked: int | None,
    ) -> Forest:
        """Fit a forest, held to the latest that knows no stroke that was revoked since.

        Parameters
        ----------
        book, filters, ids
            See :func:`forest_on`.
        revoked
            Lowest number of a stroke that lost pixels since the last fit.
        """
        while revoked is not None and self._kept and self._kept[-1][0] >= revoked:
            self._kept.pop()
        before = self._kept[-1][1] if self._kept else None
        forest = forest_on(book, filters, ids, seed=self._seed, before=before)
        self._kept.append((book.count, forest))
        return forest


def forest_on(
    book: StrokeBook,
    filters: Sequence[FilterBlocks],
    ids: Sequence[int],
    *,
    seed: int,
    before: Forest | None = None,
) -> Forest:
    """Fit a forest on the strokes that are not held out.

    Parameters
    ----------
    book, filters
        The strokes and, for each image, its filters.
    ids
        Class ids in the order of the answer.
    seed
        Of the draws.
    before
        The forest of before the newest strokes, to which the new one is held where the strokes
        do not contradict it, see :mod:`napari_unet.core.live.forest_anchors`.
    """
    rng = np.random.default_rng(seed)
    found, classes = _painted_pixels(book, filters, ids, rng)
    if before is None:
        return fit_forest(found, classes, len(ids), seed=seed)
    by_strokes = fit_forest(found, classes, len(ids), seed=seed, trees=_TREES_OF_A_WITNESS)
    painted = [labels > 0 for labels in book.labels]
    kept, said = uncontradicted(*draw_anchors(before, filters, painted, rng), by_strokes)
    weights = np.ones(len(found) + len(kept))
    weights[len(found) :] = len(found) / max(1, len(kept))
    return fit_forest(
        np.concatenate([found, kept]),
        np.concatenate([classes, said]),
        len(ids),
        seed=seed,
        weights=weights,
    )


def _painted_pixels(
    book: StrokeBook,
    filters: Sequence[FilterBlocks],
    ids: Sequence[int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N, F) filters and (N,) class indices of strokes, at most so many a class."""
    values, classes = [], []
    for index, class_id in enumerate(ids):
        for image, blocks in enumerate(filters):
            wanted = (book.labels[image] == class_id) & ~book.held_out(image)
            rows, columns = np.nonzero(wanted)
            if len(rows) > _MOST_PIXELS_A_CLASS:
                kept = rng.choice(len(rows), _MOST_PIXELS_A_CLASS, replace=False)
                rows, columns = rows[kept], columns[kept]
            if len(rows):
                values.append(blocks.at(rows, columns))
                classes.append(np.full(len(rows), index))
    return np.concatenate(values), np.concatenate(classes)
