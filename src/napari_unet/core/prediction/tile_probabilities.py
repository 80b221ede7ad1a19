"""Who predicts a plane, and what it answers; free of torch, which may be in another process."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from napari_unet.core.events import Notice, Progress
from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.models.header import ModelHeader


@dataclass(frozen=True)
class TileProbabilities:
    """Class probabilities of one tile.

    (K, Y, X) or (K, Z, Y, X) float32 of the tile's size; they sum to 1, or are all 0 where nothing
    was imaged. ``fraction`` is the share of the region's pixels that is ready, this tile included.
    """

    tile: Tile
    probabilities: np.ndarray
    fraction: float


def ids_of(probabilities: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Return the id of the most probable class at each pixel, 0 where nothing was imaged.

    (K, *axes) probabilities and (K,) ids.
    """
    highest = probabilities.argmax(axis=0)
    known = np.take_along_axis(probabilities, highest[None], axis=0)[0] > 0
    return np.where(known, ids[highest], 0).astype(ids.dtype)


class Described(Protocol):
    """A model of which the description is at hand; its weights need not be."""

    @property
    def header(self) -> ModelHeader:
        """Network, classes, scaling, pixel size and history."""

    @property
    def digest(self) -> str:
        """What tells it from other models, :func:`napari_unet.core.models.header.digest_of`."""


@dataclass(frozen=True)
class Description:
    """A model of which nothing but the description is at hand."""

    header: ModelHeader
    digest: str


Predictor = Callable[[Plane, int | None], Iterator[TileProbabilities | Progress | Notice]]
"""Predicts a plane in tiles of that side, ``None`` for the fastest known."""
