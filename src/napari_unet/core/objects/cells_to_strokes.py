"""Objects as strokes to learn from; pure functions of instance ids."""

from collections.abc import Iterable, Mapping

import numpy as np
from scipy import ndimage

from napari_unet.core.labels.border_weights import separate_touching
from napari_unet.core.labels.classes import BACKGROUND
from napari_unet.core.objects.edit import box_around, mask_of

RING = 3  # pixels of background around a cell


def strokes_of_cells(
    ids: np.ndarray,
    chosen: Iterable[int],
    class_of: Mapping[int, int],
    *,
    erased: np.ndarray | None = None,
    ring: int = RING,
) -> np.ndarray:
    """Return what somebody would paint who paints these objects with care.

    Of (row, column) or (plane, row, column) instance ids. An object is of its class, but for the
    pixels that touch another object, which are background, so that the border weights of strokes
    see a gap. A ring of ``ring`` pixels around it is background where no other object is. All else
    is left unlabelled, 0. Class ids are above the background's 1. ``erased``, bool, is where an
    object was taken away; it becomes background where none is now.
    """
    chosen = list(chosen)
    strokes = np.zeros(ids.shape, np.min_scalar_type(max([BACKGROUND, *class_of.values()])))
    mask = mask_of(ids, chosen) if chosen else np.zeros(ids.shape, bool)
    if erased is not None:
        strokes[erased & (ids == 0)] = BACKGROUND
    box = box_around(mask, margin=ring + 1)
    if box is None:
        return strokes
    near, inside, out = ids[box], mask[box], strokes[box]
    cross = ndimage.generate_binary_structure(near.ndim, 1)
    around = ndimage.binary_dilation(inside, cross, iterations=ring) & (near == 0)
    out[around | inside] = BACKGROUND
    kept = np.where(inside, separate_touching(near), 0)
    numbers, ranks = np.unique(kept, return_inverse=True)
    classes = np.array([class_of.get(int(number), 0) for number in numbers], strokes.dtype)
    of_pixel = classes[ranks.reshape(kept.shape)]
    out[of_pixel > 0] = of_pixel[of_pixel > 0]
    return strokes


def laid_over(
    painted: np.ndarray,
    strokes: np.ndarray,
    before: np.ndarray | None,
    *,
    over_painted: bool = False,
    forget: bool = False,
) -> np.ndarray:
    """Lay strokes of objects over what is painted, which stays unless it came the same way.

    Class ids as they are painted, 0 unlabelled, and of :func:`strokes_of_cells`. ``before`` was
    laid there earlier; it gives way where it was not painted over since. ``over_painted`` replaces
    what somebody painted too; with ``forget`` what was laid earlier goes also where there is
    nothing now.
    """
    ours = np.zeros(painted.shape, bool) if before is None else (before > 0) & (painted == before)
    free = ours | (painted == 0)
    if over_painted:
        free[...] = True
    out = np.where(free & (strokes > 0), strokes.astype(painted.dtype), painted)
    if forget:
        out[ours & (strokes == 0)] = 0
    return out
