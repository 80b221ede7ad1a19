"""The order in which planes, and blocks of large ones, are predicted."""

import math
from collections.abc import Sequence

from napari_unet.core.images.box import Region
from napari_unet.core.images.cutout import is_large
from napari_unet.widgets.layers.planes import Index

_BLOCK = 2048  # a multiple of every network's strides

Block = tuple[Index, Region | None]


def parts_of(
    shape: Sequence[int], indices: Sequence[Index], region: Region | None, view: Region | None
) -> list[Block]:
    """Return planes, or blocks of large planes, to predict one after the other.

    The shape is (..., Y, X). Blocks in view come first, those nearest to its middle before others.
    """
    if not is_large(shape):
        return [(index, region) for index in indices]
    whole = (0, shape[-2], 0, shape[-1])
    top, bottom, left, right = region or whole
    seen = view or whole
    middle = (seen[0] + seen[1]) / 2, (seen[2] + seen[3]) / 2
    blocks = [
        (row, min(row + _BLOCK, bottom), column, min(column + _BLOCK, right))
        for row in range(top, bottom, _BLOCK)
        for column in range(left, right, _BLOCK)
    ]

    def far(block: Region) -> tuple[bool, float]:
        outside = block[0] >= seen[1] or block[1] <= seen[0]
        outside = outside or block[2] >= seen[3] or block[3] <= seen[2]
        down, across = (block[0] + block[1]) / 2, (block[2] + block[3]) / 2
        return outside, math.hypot(down - middle[0], across - middle[1])

    return [(index, block) for index in indices for block in sorted(blocks, key=far)]
