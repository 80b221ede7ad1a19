"""Random fields of grey: smooth noise, blur, and the textures that regions are filled with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import fft

TEXTURES = ("white", "smooth", "rough", "streaks", "grains", "stripes", "ridges")
_CHANCES = (0.22, 0.24, 0.2, 0.05, 0.13, 0.05, 0.11)


@dataclass(frozen=True)
class Texture:
    """What fills a region.

    Parameters
    ----------
    name : str
        One of `TEXTURES`.
    scale : float
        Size of its details in pixels.
    angle : float
        Direction of what is elongated, in radians.
    amplitude : float
        Standard deviation of the grey values.
    """

    name: str
    scale: float
    angle: float
    amplitude: float


@lru_cache(maxsize=256)
def _blur_matrix(side: int, tenths: int) -> np.ndarray:
    places = np.arange(side, dtype=np.float32)
    steps = places[:, None] - places[None, :]
    weights = np.exp(-0.5 * (steps / (tenths / 10)) ** 2)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def blur(image: np.ndarray, row_sigma: float, column_sigma: float | None = None) -> np.ndarray:
    """Gaussian blur of a square image, at the same cost for each width.

    Parameters
    ----------
    image : ndarray, (side, side), float32
    row_sigma, column_sigma : float
        Standard deviations in pixels, rounded to tenths; one value serves both axes.

    Returns
    -------
    ndarray, (side, side), float32
    """
    rows, columns = (
        round(10 * sigma)
        for sigma in (row_sigma, row_sigma if column_sigma is None else column_sigma)
    )
    side = image.shape[0]
    if rows >= 2:
        image = _blur_matrix(side, rows) @ image
    if columns >= 2:
        image = image @ _blur_matrix(side, columns).T
    return image


@lru_cache(maxsize=256)
def _basis(side: int, count: int) -> np.ndarray:
    places = np.linspace(0, count - 1, side + 2)[1:-1, None]
    weights = np.exp(-0.5 * ((places - np.arange(count)[None, :]) / 0.7) ** 2)
    return (weights / np.sqrt((weights**2).sum(axis=1, keepdims=True))).astype(np.float32)


def smooth_noise(rng: np.random.Generator, side: int, scale: float) -> np.ndarray:
    """Gaussian noise of unit variance whose hills are about `scale` pixels apart.

    Parameters
    ----------
    rng : numpy.random.Generator
    side : int
    scale : float
        Pixels, 2 or more.

    Returns
    -------
    ndarray, (side, side), float32
    """
    count = max(3, round(side / scale) + 2)
    basis = _basis(side, count)
    return basis @ rng.standard_normal((count, count), dtype=np.float32) @ basis.T


@lru_cache(maxsize=4)
def _frequencies(side: int) -> tuple[np.ndarray, np.ndarray]:
    rows = fft.fftfreq(side).astype(np.float32)[:, None]
    columns = fft.rfftfreq(side).astype(np.float32)[None, :]
    return rows, columns


def _response(texture: Texture, side: int) -> np.ndarray:
    rows, columns = _frequencies(side)
    along = rows * np.cos(texture.angle) + columns * np.sin(texture.angle)
    across = columns * np.cos(texture.angle) - rows * np.sin(texture.angle)
    radius = np.hypot(rows, columns)
    width = 0.3 / texture.scale
    if texture.name == "rough":
        return 1 / (radius + 0.2 / texture.scale) ** 1.3
    if texture.name == "streaks":
        return np.exp(-0.5 * ((along / (0.25 * width)) ** 2 + (across / (1.5 * width)) ** 2))
    if texture.name == "stripes":
        near = (np.abs(across) - 0.5 / texture.scale) / (0.1 / texture.scale)
        return np.exp(-0.5 * (near**2 + (along / (0.4 * width)) ** 2))
    if texture.name in ("grains", "ridges"):
        return np.exp(-0.5 * ((radius - 0.5 / texture.scale) / (0.15 / texture.scale)) ** 2)
    return np.exp(-0.5 * (radius / width) ** 2)


def random_texture(style: np.random.Generator, amplitude: float) -> Texture:
    """Draw a texture of the given amplitude (grey values)."""
    name = str(style.choice(TEXTURES, p=_CHANCES))
    scale = float(np.exp(style.uniform(np.log(1.2), np.log(9))))
    return Texture(name, scale, float(style.uniform(0, np.pi)), amplitude)


def fill(rng: np.random.Generator, texture: Texture, side: int) -> np.ndarray:
    """Draw a texture over a whole image.

    Parameters
    ----------
    rng : numpy.random.Generator
    texture : Texture
    side : int

    Returns
    -------
    ndarray, (side, side), float32
        Mean 0, standard deviation ``texture.amplitude``.
    """
    field = rng.standard_normal((side, side), dtype=np.float32)
    if texture.name != "white":
        field = fft.irfft2(fft.rfft2(field) * _response(texture, side), s=(side, side))
        field = field / (field.std() + 1e-12)
    if texture.name == "grains":
        field = np.maximum(field - 0.8, 0)
    elif texture.name == "ridges":
        field = -np.abs(field)
    field = field - field.mean()
    return (texture.amplitude / (field.std() + 1e-6) * field).astype(np.float32)
