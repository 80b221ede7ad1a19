"""The pixel classifiers of a live training, each held to the one before it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

import numpy as np

from napari_unet.core.forest.pixel_classifier import PixelClassifier, fit_classifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.live.classifier_anchors import draw_anchors, uncontradicted
from napari_unet.core.live.stroke_book import StrokeBook

_MOST_PIXELS_A_CLASS = 600  # more take longer and say no more: docs/method.md
_TREES_OF_A_WITNESS = 20
_KEPT = 20  # to go back to when strokes are erased


class Classifiers:
    """Fits a classifier after each change of the strokes."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        # With the number of the latest stroke that each knows.
        self._kept: deque[tuple[int, PixelClassifier]] = deque(maxlen=_KEPT)

    def forget(self) -> None:
        """Begin anew, with other classes."""
        self._kept.clear()

    def fit(
        self,
        book: StrokeBook,
        features: Sequence[PixelFeatures],
        ids: Sequence[int],
        *,
        revoked: int | None,
    ) -> PixelClassifier:
        """Fit a classifier, held to the latest that knows no stroke that was revoked since.

        ``revoked`` is the lowest number of a stroke that lost pixels since the last fit.
        """
        while revoked is not None and self._kept and self._kept[-1][0] >= revoked:
            self._kept.pop()
        before = self._kept[-1][1] if self._kept else None
        found = classifier_on(book, features, ids, seed=self._seed, before=before)
        self._kept.append((book.count, found))
        return found


def classifier_on(
    book: StrokeBook,
    features: Sequence[PixelFeatures],
    ids: Sequence[int],
    *,
    seed: int,
    before: PixelClassifier | None = None,
) -> PixelClassifier:
    """Fit a classifier on the strokes that are not held out.

    Class ids are in the order of the answer. With the classifier of before the newest strokes, the
    new one is held to it where the strokes do not contradict it, see
    :mod:`napari_unet.core.live.classifier_anchors`.
    """
    rng = np.random.default_rng(seed)
    found, classes = _painted_pixels(book, features, ids, rng)
    if before is None:
        return fit_classifier(found, classes, len(ids), seed=seed)
    by_strokes = fit_classifier(found, classes, len(ids), seed=seed, trees=_TREES_OF_A_WITNESS)
    painted = [labels > 0 for labels in book.labels]
    kept, said = uncontradicted(*draw_anchors(before, features, painted, rng), by_strokes)
    weights = np.ones(len(found) + len(kept))
    weights[len(found) :] = len(found) / max(1, len(kept))
    return fit_classifier(
        np.concatenate([found, kept]),
        np.concatenate([classes, said]),
        len(ids),
        seed=seed,
        weights=weights,
    )


def _painted_pixels(
    book: StrokeBook,
    features: Sequence[PixelFeatures],
    ids: Sequence[int],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Return the (N, F) values and (N,) class indices of strokes, at most so many a class."""
    values, classes = [], []
    for index, class_id in enumerate(ids):
        for image, blocks in enumerate(features):
            wanted = (book.labels[image] == class_id) & ~book.held_out(image)
            rows, columns = np.nonzero(wanted)
            if len(rows) > _MOST_PIXELS_A_CLASS:
                kept = rng.choice(len(rows), _MOST_PIXELS_A_CLASS, replace=False)
                rows, columns = rows[kept], columns[kept]
            if len(rows):
                values.append(blocks.at(rows, columns))
                classes.append(np.full(len(rows), index))
    return np.concatenate(values), np.concatenate(classes)
