"""Arithmetic of overlap tiles (Ronneberger et al. 2015, section 2 and figure 2); arrays of no kind.

A tile's output starts at a multiple of the network's strides, so that the pooling windows of every
tile fall on the same pixels of the image and tiles agree with each other and with the whole image.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np

from napari_unet.core.images.box import Tile, mirrored
from napari_unet.core.network.onnx_network import Network


def output_side(config: Network, wanted: int, axis: int = -1) -> int:
    """Return the smallest side of an unpadded output that is at least ``wanted`` pixels."""
    return config.output_side(wanted, axis)


def input_side(config: Network, wanted: int, axis: int = -1) -> int:
    """Return the side of the input whose unpadded output has ``output_side(wanted)`` pixels."""
    return output_side(config, wanted, axis) + 2 * config.margins[axis]


def tile_side(config: Network, size: int, largest: int, axis: int = -1) -> int:
    """Return the side of equal tiles that cover ``size`` pixels, at most about ``largest`` each."""
    stride, most = config.strides[axis], config.most_output(axis)
    largest = largest if most is None else min(largest, most)
    largest = max(stride, largest // stride * stride)
    count = -(-size // largest)
    return -(-size // (count * stride)) * stride


def plan(config: Network, region: Tile, largest: int | tuple[int, ...]) -> Iterator[Tile]:
    """Cut a region into tiles, each output pixel in exactly one of them, row by row.

    Strides are the network's, the region is in pixels of the image; ``largest`` is the largest side
    of a tile's output in pixels, of all axes or of each, rounded down to a multiple of the stride.
    """
    sides = (largest,) * len(region.ranges) if isinstance(largest, int) else largest
    spans = []
    for axis, (start, stop) in enumerate(region.ranges):
        first = start // config.strides[axis] * config.strides[axis]
        side = tile_side(config, stop - first, sides[axis], axis)
        spans.append([(max(at, start), min(at + side, stop)) for at in range(first, stop, side)])
    for ranges in product(*spans):
        yield Tile(*ranges)


def halves(config: Network, tile: Tile) -> tuple[Tile, Tile] | None:
    """Cut a tile in two along its longest side that can be, or return ``None`` if none can."""
    for axis in sorted(range(len(tile.ranges)), key=lambda axis: -tile.sides[axis]):
        start, stop = tile.ranges[axis]
        middle = (start + stop) // 2 // config.strides[axis] * config.strides[axis]
        if middle > start:
            before, after = tile.ranges[:axis], tile.ranges[axis + 1 :]
            return (
                Tile(*before, (start, middle), *after),
                Tile(*before, (middle, stop), *after),
            )
    return None


def context(config: Network, tile: Tile, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Return the indices of a tile's input along each axis.

    The image's shape is (Y, X) or (Z, Y, X). At its borders it is mirrored, or the input ends there
    if the network knows what to do. The output's first pixel is the first pixel at or before the
    tile's that is a multiple of the strides.
    """
    indices = []
    for axis, ((start, stop), size) in enumerate(zip(tile.ranges, shape, strict=True)):
        stride, margin = config.strides[axis], config.margins[axis]
        first = start // stride * stride
        end = first - margin + input_side(config, stop - first, axis)
        if config.mirrors:
            indices.append(mirrored(first - margin, end, size))
        else:
            indices.append(np.arange(max(0, first - margin), min(end, size)))
    return tuple(indices)


def padded_context(config: Network, tile: Tile, shape: tuple[int, ...]) -> tuple[np.ndarray, ...]:
    """Return the indices of an input for a zero-padded pass, mirrored at the image's borders.

    One stride more than the tile on each side: far less than the whole context, so that the output
    is only about that of an unpadded pass. It begins one stride before what :func:`context` says.
    """
    indices = []
    for (start, stop), size, stride in zip(tile.ranges, shape, config.strides, strict=True):
        first, last = start // stride - 1, -(-stop // stride) + 1
        indices.append(mirrored(first * stride, last * stride, size))
    return tuple(indices)


def inner(config: Network, tile: Tile) -> tuple[slice, ...]:
    """Return which part of its input, see :func:`context`, a tile is."""
    parts = []
    for (start, stop), stride, margin in zip(
        tile.ranges, config.strides, config.margins, strict=True
    ):
        begin = start // stride * stride - margin
        begin = begin if config.mirrors else max(0, begin)
        parts.append(slice(start - begin, stop - begin))
    return tuple(parts)


def offset(config: Network, tile: Tile) -> tuple[slice, ...]:
    """Return which part of its output a tile is: it begins at a multiple of the strides."""
    starts = [
        start % stride for (start, _), stride in zip(tile.ranges, config.strides, strict=True)
    ]
    return tuple(slice(s, s + side) for s, side in zip(starts, tile.sides, strict=True))
