"""Who predicts a plane, and what it answers; free of torch, which may be in another process."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_unet.core.events import Notice
from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.models.header import ModelHeader


@dataclass(frozen=True)
class TileProbabilities:
    """Class probabilities of one tile.

    Attributes
    ----------
    tile
        Where it belongs.
    probabilities
        (K, Y, X) or (K, Z, Y, X) float32 of the tile's size.
    fraction
        Share of the region's pixels that is ready, this tile included.
    """

    tile: Tile
    probabilities: np.ndarray
    fraction: float


class Described(Protocol):
    """A model of which the description is at hand; its weights need not be."""

    @property
    def header(self) -> ModelHeader:
        """Network, classes, normalisation, pixel size and history."""


@dataclass(frozen=True)
class Description:
    """A model of which nothing but the description is at hand."""

    header: ModelHeader


Predictor = Callable[[Plane, int | None], Iterator[TileProbabilities | Notice]]
"""Predicts a plane in tiles of that side, ``None`` for the fastest known."""
