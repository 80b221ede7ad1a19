"""What is made different in an image and in a guide each time they are drawn."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_unet.core.network.refiner import LARGEST
from starter.textures import smooth_noise

_SHIFT = 2.0  # of log-odds


def varied_image(rng: np.random.Generator, image: np.ndarray) -> np.ndarray:
    """Permute channels, invert, and change gain, offset, gamma and noise of (3, Y, X) values."""
    if rng.random() < 0.5:
        image = image[rng.permutation(3)]
    if rng.random() < 0.3:
        image = 1 - image
    image = image * np.exp(rng.normal(0, 0.15)) + rng.normal(0, 0.06)
    image = np.sign(image) * np.abs(image) ** np.exp(rng.normal(0, 0.2))
    if rng.random() < 0.5:
        noise = rng.normal(0, rng.uniform(0, 0.06), image.shape)
        image = image + (noise if rng.random() < 0.5 else noise[:1])
    return image.astype(np.float32)


def varied_guide(rng: np.random.Generator, guide: np.ndarray) -> np.ndarray:
    """Shift, scale, blur or locally drop (1, Y, X) log-odds.

    So border and threshold must be found in the image, not taken from the guide.
    """
    if rng.random() < 0.3:
        return guide
    if rng.random() < 0.4:
        guide = guide + rng.uniform(-_SHIFT, _SHIFT)
    if rng.random() < 0.4:
        guide = guide * np.exp(rng.uniform(np.log(0.5), np.log(2)))
    if rng.random() < 0.25:
        guide = ndimage.gaussian_filter(guide, (0, *[rng.uniform(1, 5)] * 2))
    if rng.random() < 0.25:
        hills = smooth_noise(rng, guide.shape[-1], rng.uniform(16, 64))
        guide = np.where(hills > rng.uniform(0.5, 1.5), rng.normal(0, 0.5), guide)
    return guide.clip(-LARGEST, LARGEST).astype(np.float32)
