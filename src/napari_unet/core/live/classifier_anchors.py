"""Pixels that nobody painted, with the class that was predicted there before the newest strokes.

People paint where a prediction is wrong. Their corrections are no sample of the image, and what
learns from strokes alone forgets with each correction what it had right. So it is held to its own
former answer at random pixels, except where the strokes contradict it (cf. Li and Hoiem 2016,
*Learning without forgetting*, arXiv 1606.09282).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unet.core.forest.filters import BLOCK
from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.forest.pixel_features import PixelFeatures

_MOST = 600  # over all images
_SURE = 0.7  # a probability


def draw_anchors(
    before: PixelClassifier,
    features: Sequence[PixelFeatures],
    painted: Sequence[np.ndarray],
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw pixels of which a classifier was sure, evenly over what has been looked at.

    ``before`` is the classifier of before the newest strokes. Of each image: its features, of which
    only blocks that are at hand are used, and (Y, X) true where something is painted. Gives (N, F)
    float32 values and (N,) class indices.
    """
    at_hand = [(image, number) for image, f in enumerate(features) for number in f.at_hand]
    values = []
    for image, (top, left) in at_hand:
        rows, columns = features[image].block((top, left)).within.sides
        at = rng.integers(rows * columns, size=-(-_MOST // len(at_hand)))
        row, column = top * BLOCK + at // columns, left * BLOCK + at % columns
        free = ~painted[image][row, column]
        values.append(features[image].at(row[free], column[free]))
    found = np.concatenate(values)
    probabilities = before.predict(found)
    sure = probabilities.max(axis=0) > _SURE
    return found[sure], probabilities[:, sure].argmax(axis=0)


def uncontradicted(
    values: np.ndarray, classes: np.ndarray, by_strokes: PixelClassifier
) -> tuple[np.ndarray, np.ndarray]:
    """Leave out anchors that a classifier on the strokes alone is sure belong to another class."""
    probabilities = by_strokes.predict(values)
    others = probabilities.argmax(axis=0) != classes
    kept = ~(others & (probabilities.max(axis=0) > _SURE))
    return values[kept], classes[kept]
