"""From clean grey values to an image as a microscope and its camera give it."""

from __future__ import annotations

import numpy as np

from starter.structures import log_uniform
from starter.textures import blur, smooth_noise

Rng = np.random.Generator


def relief(image: np.ndarray, angle: float, strength: float) -> np.ndarray:
    """Shading from one side, as of differential interference contrast: a directional derivative."""
    rows, columns = np.gradient(blur(image, 1.0))
    return (strength * (np.sin(angle) * rows + np.cos(angle) * columns)).astype(np.float32)


def photograph(
    style: np.random.Generator, rng: np.random.Generator, clean: np.ndarray, look: str
) -> np.ndarray:
    """Light, blur, noise and camera.

    Parameters
    ----------
    style : numpy.random.Generator
        Draws what the images of one domain share.
    rng : numpy.random.Generator
        Draws what differs between them.
    clean : ndarray, (side, side), float32
        Grey values whose classes are some tenths apart.
    look : str
        As in `Drawing`.

    Returns
    -------
    ndarray, (side, side), float32
        Grey values of arbitrary offset and range.
    """
    image = _lens(style, rng, clean, look)
    image = _light(style, rng, image)
    image = _noise(style, rng, image)
    return _camera(style, image)


def _lens(style: Rng, rng: Rng, image: np.ndarray, look: str) -> np.ndarray:
    chances = style.random(4)
    angle, strength = style.uniform(0, 2 * np.pi), log_uniform(style, 1.0, 5.0)
    if look == "relief" or chances[0] < 0.06:
        image = style.uniform(0, 0.35) * image + relief(image, angle, strength)
    sigma, ratio = log_uniform(style, 0.3, 2.2), style.uniform(1, 2)
    jitter = rng.uniform(0.85, 1.15)
    image = blur(image, sigma * jitter, sigma * jitter * (ratio if chances[1] < 0.15 else 1))
    width, gain = log_uniform(style, 2.5, 14), log_uniform(style, 0.3, 1.6)
    if look == "halo" or chances[2] < 0.15:
        image = image + gain * (image - blur(image, width))
    defocus = style.uniform(2, 5)
    if chances[3] < 0.12:
        share = 1 / (1 + np.exp(-3 * smooth_noise(rng, image.shape[0], 0.5 * image.shape[0])))
        image = image + share * (blur(image, defocus) - image)
    return image


def _light(style: Rng, rng: Rng, image: np.ndarray) -> np.ndarray:
    side = image.shape[0]
    amount = style.uniform(0, 0.45) if style.random() < 0.6 else 0.03
    added = style.random() < 0.5
    field = smooth_noise(rng, side, log_uniform(style, 0.4, 1.2) * side)
    if style.random() < 0.3:
        places = np.linspace(-1, 1, side, dtype=np.float32)
        middle = rng.uniform(-0.4, 0.4, 2)
        field = 0.5 - (places[:, None] - middle[0]) ** 2 - (places[None, :] - middle[1]) ** 2
    if added:
        return image + 0.6 * amount * field
    return image * np.clip(1 + amount * field, 0.2, 2)


def _noise(style: Rng, rng: Rng, image: np.ndarray) -> np.ndarray:
    read, shot = log_uniform(style, 0.02, 0.6), log_uniform(style, 0.02, 0.6)
    grain = log_uniform(style, 0.4, 1.0) if style.random() < 0.25 else 0
    # Relative to what the image holds, else faint scenes would drown in noise.
    contrast = float(image.std())
    level = (image - image.min()) / (contrast + 1e-6)
    deviation = contrast * np.sqrt(read**2 + 0.3 * shot**2 * level)
    noise: np.ndarray = rng.standard_normal(image.shape, dtype=np.float32)
    if grain:
        noise = blur(noise, grain) * (1 + 2 * grain)
    return image + deviation * noise


def _camera(style: Rng, image: np.ndarray) -> np.ndarray:
    gamma, inverted = log_uniform(style, 0.5, 2.0), style.random() < 0.5
    low, high = np.percentile(image[::2, ::2], [style.uniform(0, 1), style.uniform(99, 100)])
    margin = style.uniform(0, 0.3) * (high - low)
    image = np.clip((image - low + margin) / (high - low + 2 * margin + 1e-6), 0, 1)
    image = image**gamma
    if inverted:
        image = 1 - image
    if style.random() < 0.6:
        levels = float(style.choice([60, 120, 255]))
        image = np.rint(image * levels) * (255 / levels)
    else:
        image = image * log_uniform(style, 1, 60000) + log_uniform(style, 0.1, 2000)
    return image.astype(np.float32)
