"""Border weights under strokes, computed around the strokes of the background alone."""

import math
from collections.abc import Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy import ndimage
from skimage import measure

from napari_unet.core.images.box import Box
from napari_unet.core.labels.border_weights import border_weights, check_term, checked_ids, reach_of

_CELLS = {2: 128, 3: 32}  # sides of the cells that are looked at one by one


def scribble_border_weights(
    labels: npt.ArrayLike,
    background: int = 1,
    w0: float = 10.0,
    sigma: float = 5.0,
    *,
    sampling: Sequence[float] | None = None,
) -> npt.NDArray[np.float32]:
    """Border weights under sparse strokes.

    A stroke says nothing about the pixels around it. So the term of `border_weights` is kept on
    pixels painted as background, and is exactly 0 everywhere else. The objects are the strokes:
    connected components (diagonal neighbours included) of pixels painted with one class other than
    background. Strokes that were painted separately are separate objects. Labels are (row, column)
    or (plane, row, column), 0 unlabelled; the weights are float32 of that shape.
    """
    painted = checked_ids(labels)
    check_term(w0, sigma)
    is_background = painted == background
    if not is_background.any():
        return np.zeros(painted.shape, np.float32)
    strokes = measure.label(np.where(is_background, 0, painted), connectivity=painted.ndim)
    weights = np.zeros(painted.shape, np.float32)
    around = [math.ceil(reach_of(w0, sigma) / length) for length in sampling or (1,) * strokes.ndim]
    for core, box in _boxes(is_background, around):
        inner = tuple(
            slice(c.start - b.start, c.stop - b.start) for c, b in zip(core, box, strict=True)
        )
        found = border_weights(strokes[box], w0, sigma, sampling=sampling)[inner]
        weights[core] = np.where(is_background[core], found, np.float32(0))
    return weights


def _boxes(mask: np.ndarray, around: Sequence[int]) -> list[tuple[Box, Box]]:
    """Return boxes that part a mask's true pixels, and these grown; one, where that is less."""
    side = _CELLS[mask.ndim]
    corners = product(*(range(0, length, side) for length in mask.shape))
    cores = [_hull(mask, tuple(slice(at, at + side) for at in corner)) for corner in corners]
    boxes = [(core, _grown(core, around, mask.shape)) for core in cores if core is not None]
    whole = tuple(slice(0, length) for length in mask.shape)
    return boxes if sum(_size(box) for _, box in boxes) < mask.size else [(whole, whole)]


def _hull(mask: np.ndarray, cell: Box) -> Box | None:
    """Return the box of a mask's true pixels within a cell; ``None`` if there are none."""
    found = ndimage.find_objects(mask[cell].view(np.uint8))
    if not found:
        return None
    return tuple(
        slice(at.start + part.start, at.start + part.stop)
        for at, part in zip(cell, found[0], strict=True)
    )


def _grown(box: Box, by: Sequence[int], shape: Sequence[int]) -> Box:
    return tuple(
        slice(max(0, part.start - more), min(part.stop + more, length))
        for part, more, length in zip(box, by, shape, strict=True)
    )


def _size(box: Box) -> int:
    return math.prod(part.stop - part.start for part in box)
