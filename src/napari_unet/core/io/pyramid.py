"""Results of large images as pyramids, so that a viewer need not load all of one to show some."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from napari_unet.core.io.scratch import zeros

_FACTOR = 4
_SMALLEST = 2048  # side of the coarsest level, at most


def blank_pyramid(shape: Sequence[int], dtype: npt.DTypeLike) -> list[np.ndarray]:
    """Return zeros of that shape, (..., Y, X), and of a fourth of its sides, and so on.

    ``UnwritableOutput`` if there is no room for them, see
    :func:`napari_unet.core.io.scratch.zeros`.
    """
    *lead, rows, columns = shape
    levels = [zeros(shape, dtype)]
    factor = 1
    while max(-(-rows // factor), -(-columns // factor)) > _SMALLEST:
        factor *= _FACTOR
        levels.append(zeros((*lead, -(-rows // factor), -(-columns // factor)), dtype))
    return levels


def pyramid_of(array: np.ndarray) -> list[np.ndarray]:
    """Return an array, (..., Y, X), and copies of every fourth row and column of it, and so on."""
    levels = [array]
    while max(levels[-1].shape[-2:]) > _SMALLEST:
        coarser = levels[-1][..., ::_FACTOR, ::_FACTOR]
        levels.append(zeros(coarser.shape, coarser.dtype))
        levels[-1][...] = coarser
    return levels


def write_block(
    levels: Sequence[np.ndarray],
    place: tuple[int | slice, ...],
    region: tuple[int, ...],
    values: np.ndarray,
) -> None:
    """Write a part of a plane or volume into each level; coarser ones take every fourth pixel.

    ``place`` is that of the plane, or of the volume, with a slice along its planes; ``region`` (row
    start, row stop, column start, column stop) of the finest level, of a volume maybe with the
    start and stop of its planes before; values are (Y, X) or (Z, Y, X) of it.
    """
    *planes, top, _, left, _ = region
    for number, level in enumerate(levels):
        factor = _FACTOR**number
        row, column = -(-top // factor), -(-left // factor)
        part = values[..., row * factor - top :: factor, column * factor - left :: factor]
        piece = level[place][slice(*planes)] if planes else level[place]
        height, width = part.shape[-2:]
        piece[..., row : row + height, column : column + width] = part
