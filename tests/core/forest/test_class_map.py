"""What a pixel classifier says of a plane."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.forest.class_map import ClassMap, log_odds
from napari_unet.core.forest.filters import BLOCK
from napari_unet.core.forest.pixel_classifier import fit_classifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile


def test_log_odds_are_bounded_and_symmetric():
    p = np.array([0.0, 0.25, 0.5, 0.75, 1.0], dtype=np.float32)
    np.testing.assert_allclose(log_odds(p), [-4, -np.log(3), 0, np.log(3), 4], atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_says_of_any_part_of_a_plane_what_the_classifier_says_of_its_pixels(n_classes):
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 200, (1, BLOCK + 40, BLOCK + 30), dtype=np.uint8)
    features = PixelFeatures(plane)
    rows, columns = (rng.integers(0, size, 400) for size in features.shape)
    values = features.at(rows, columns)
    classes = rng.integers(0, n_classes, 400)
    classifier = fit_classifier(values, classes, n_classes, seed=0, trees=5)
    tile = Tile((BLOCK - 3, BLOCK + 4), (0, BLOCK + 2))
    found = ClassMap(features, classifier).probabilities(tile)
    at = np.mgrid[tile.slices].reshape(2, -1)
    slowly = classifier.predict(features.at(*at)).reshape(found.shape)
    np.testing.assert_allclose(found, slowly, atol=1e-3)  # kept in half precision
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-5)
