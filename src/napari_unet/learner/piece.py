"""Predictions of parts of an image, as the window asks the learner for them."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

from napari_unet.core.images.cutout import Cutout
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.tiling import Tile


@dataclass(frozen=True)
class PieceRequest:
    """Predict a region of a plane in float32; each tile is sent as soon as it is ready.

    Attributes
    ----------
    piece
        What is needed of the plane.
    region
        What to predict.
    model
        Content of a model file, or its digest, see :func:`digest_of`, if it is that of the last
        such request.
    tile
        Largest side of a tile's output in pixels; ``None`` takes the fastest known.
    """

    job: int
    piece: Cutout
    region: Tile
    model: bytes | str
    device: DeviceName
    tile: int | None


@dataclass(frozen=True)
class UnknownModel:
    """The model of that digest is not at hand; ask again with its content."""


def digest_of(model: bytes) -> str:
    """Return what tells the content of a model file from others."""
    return blake2b(model, digest_size=16).hexdigest()
