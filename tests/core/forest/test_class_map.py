"""What a pixel classifier says of a plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.core.forest.class_map import ClassMap, log_odds
from napari_unet.core.forest.filters import BLOCK
from napari_unet.core.forest.pixel_classifier import fit_classifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.images.normalise import rescale
from napari_unet.core.network.encoder import colour_matrix, fill_up
from napari_unet.core.network.pretrained import pretrained_encoder, pretrained_refiner


def test_log_odds_are_bounded_and_symmetric():
    p = np.array([0.0, 0.25, 0.5, 0.75, 1.0], dtype=np.float32)
    np.testing.assert_allclose(log_odds(p), [-4, -np.log(3), 0, np.log(3), 4], atol=1e-5)


def classifier_of(features, n_classes, rng):
    rows, columns = (rng.integers(0, size, 400) for size in features.shape)
    classes = rng.integers(0, n_classes, 400)
    return fit_classifier(features.at(rows, columns), classes, n_classes, seed=0, trees=5)


@pytest.mark.parametrize(("n_classes", "channels"), [(2, 1), (3, 2), (2, 5)])
def test_a_small_plane_is_what_classifier_and_refiner_say_of_all_of_it(n_classes, channels):
    rng = np.random.default_rng(0)
    features = PixelFeatures(rng.integers(0, 200, (channels, 61, 50), dtype=np.uint8))
    classifier = classifier_of(features, n_classes, rng)
    found = ClassMap(features, classifier).probabilities(Tile((3, 60), (0, 50)))
    at = np.mgrid[:61, :50].reshape(2, -1)
    said = classifier.predict(features.at(*at)).reshape(-1, 61, 50)
    image = rescale(features.plane, features.scaled)
    colours = torch.from_numpy(np.tensordot(colour_matrix(channels).numpy(), image, 1))
    taps = pretrained_encoder(channels)(fill_up(torch.from_numpy(image)[None]))
    guide = fill_up(torch.from_numpy(log_odds(said))[:, None])
    odds = pretrained_refiner()(fill_up(colours[None]), taps, guide)
    refined = odds.sigmoid()[:, 0, :61, :50].numpy()
    wanted = (said + 2 * refined / refined.sum(axis=0)) / 3
    np.testing.assert_allclose(found, wanted[:, 3:60], atol=0.03)  # in half precision
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-5)


def test_the_answer_does_not_depend_on_what_is_asked_for_first():
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 200, (1, BLOCK + 40, BLOCK + 30), dtype=np.uint8)
    features = PixelFeatures(plane)
    classifier = classifier_of(features, 2, rng)
    part = Tile((BLOCK - 3, BLOCK + 4), (0, BLOCK + 2))
    first = ClassMap(features, classifier).probabilities(part)
    later = ClassMap(PixelFeatures(plane), classifier)
    whole = later.probabilities(Tile((0, BLOCK + 40), (0, BLOCK + 30)))
    np.testing.assert_array_equal(first, whole[:, *part.slices])


def test_the_refiner_fills_cells_whose_inside_looks_like_their_outside():
    """Bright rings in noise; strokes on one of them and beside it."""
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:192, :192]
    truth, image = np.zeros((192, 192), bool), rng.normal(0, 0.25, (192, 192))
    for row, column in ((40, 40), (40, 120), (110, 60), (120, 140), (160, 30)):
        away = np.hypot(rows - row, columns - column)
        truth |= away < 16
        image += 0.6 * (np.abs(away - 15) < 2)
    features = PixelFeatures(image[None].astype(np.float32))
    strokes = np.zeros(truth.shape, int)
    strokes[40, 32:49] = strokes[38:42, 24:28] = 2
    strokes[70:73, 30:90] = strokes[40, 10:20] = 1
    painted = np.nonzero(strokes)
    classifier = fit_classifier(features.at(*painted), strokes[painted] - 1, 2, seed=0)
    said = classifier.predict(features.at(*np.mgrid[:192, :192].reshape(2, -1)))[1] > 0.5
    found = ClassMap(features, classifier).probabilities(Tile((0, 192), (0, 192)))[1] > 0.5

    def iou(one):
        return (one.reshape(truth.shape) & truth).sum() / (one.reshape(truth.shape) | truth).sum()

    assert iou(found) > max(0.8, iou(said) + 0.1)
