"""A model that answers by a pixel classifier and a network, and an image for it."""

from __future__ import annotations

import numpy as np

from napari_unet.core.forest.pixel_classifier import fit_classifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS
from scenes import random_model


def image_of(channels: int) -> np.ndarray:
    """Return 90 x 110 pixels of noise, (C, 90, 110) where there are several channels."""
    shape = (channels, 90, 110) if channels > 1 else (90, 110)
    return np.random.default_rng(0).integers(0, 200, shape).astype(np.uint16)


def model_of(channels: int, n_classes: int, share: float) -> Model:
    """Return a classifier fitted on noise beside a network with random weights."""
    rng = np.random.default_rng(1)
    features = PixelFeatures(image_of(channels).reshape(channels, 90, 110))
    values = features.at(rng.integers(0, 90, 300), rng.integers(0, 110, 300))
    classes = rng.integers(0, n_classes, 300)
    classifier = fit_classifier(values, classes, n_classes, seed=0, trees=5)
    model = random_model(PRESETS["compact"].network(channels, n_classes))
    header = model.header.model_copy(update={"network_share": share})
    return Model(header, model.weights, classifier)
