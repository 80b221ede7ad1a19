"""The part of a plane that a region's prediction needs, sent instead of the plane."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from napari_unet.core.config import DeviceName
from napari_unet.core.forest import MARGIN
from napari_unet.core.guide import BLOCK
from napari_unet.core.header import ModelHeader
from napari_unet.core.plane_reading import Plane, range_of, read_part
from napari_unet.core.tiling import Tile, context, mirrored


@dataclass(frozen=True, eq=False)
class Piece:
    """A rectangle of a plane, or box of a volume, predicted as if the whole were there.

    Attributes
    ----------
    pixels
        (C, Y', X') or (C, Z', Y', X'), any real dtype.
    start
        Its first pixel in the whole, along each axis.
    shape
        Channels, rows, columns of the plane; of a volume channels, planes, rows, columns.
    ranges
        (C, 2), the grey range of each channel of the whole.
    """

    pixels: np.ndarray
    start: tuple[int, ...]
    shape: tuple[int, ...]
    ranges: np.ndarray

    def read(self, *indices: np.ndarray) -> np.ndarray:
        """Return the pixels at some indices along each axis, which may repeat: (C, *axes).

        Raises
        ------
        IndexError
            Some of them lie outside.
        """
        inside = [index - start for index, start in zip(indices, self.start, strict=True)]
        for index, size in zip(inside, self.pixels.shape[1:], strict=True):
            if index.min() < 0 or index.max() >= size:
                raise IndexError("a pixel outside the piece is asked for")
        return read_part(self.pixels, *inside)

    def grey_range(self) -> np.ndarray:
        """Return each channel's range, (C, 2), that of the whole."""
        return self.ranges


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
    piece: Piece
    region: Tile
    model: bytes | str
    device: DeviceName
    tile: int | None


@dataclass(frozen=True)
class UnknownModel:
    """The model of that digest is not at hand; ask again with its content."""


def cut_out(plane: Plane, header: ModelHeader, region: Tile) -> Piece:
    """Read what a model needs of a plane to predict a region of it.

    Parameters
    ----------
    plane
        (C, Y, X) or (C, Z, Y, X); only that part is read, and what its grey range asks for.
    header
        Of the model.
    region
        What is to be predicted, in any tiles.
    """
    spans = needed(header, region, tuple(plane.shape[1:]))
    pixels = read_part(plane, *(np.arange(*span) for span in spans))
    start = tuple(first for first, _ in spans)
    return Piece(pixels, start, tuple(plane.shape), range_of(plane))


def needed(
    header: ModelHeader, region: Tile, shape: tuple[int, ...]
) -> tuple[tuple[int, int], ...]:
    """Return what a model needs of a plane to predict a region: (start, stop) along each axis.

    The network's context, and where a forest answers too, the whole of its blocks and what their
    filters look at. Both are mirrored at the plane's borders.

    Parameters
    ----------
    header
        Of the model.
    region
        What is to be predicted, in any tiles.
    shape
        Size of the plane, (Y, X), or volume, (Z, Y, X).
    """
    config = header.network
    spans = []
    for index, stride, size in zip(
        context(config, region, shape), config.strides, shape, strict=True
    ):
        # A tile at the region's end may be rounded up by one stride more than the region is.
        low, high = int(index.min()), min(int(index.max()) + 1 + stride, size)
        if header.network_share < 1:
            low, high = low // BLOCK * BLOCK, min(-(-high // BLOCK) * BLOCK, size)
            index = mirrored(low - MARGIN, high + MARGIN, size)
            low, high = min(low, int(index.min())), max(high, int(index.max()) + 1)
        spans.append((low, high))
    return tuple(spans)


def digest_of(model: bytes) -> str:
    """Return what tells the content of a model file from others."""
    return blake2b(model, digest_size=16).hexdigest()
