"""Objects as strokes to learn from; pure functions of instance ids."""

from __future__ import annotations

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

    An object is of its class, but for the pixels that touch another object, which are background,
    so that the border weights of strokes see a gap. A ring around it is background where no other
    object is. All else is left unlabelled.

    Parameters
    ----------
    ids
        (row, column) or (plane, row, column) instance ids, 0 for background.
    chosen
        Ids of the objects to paint.
    class_of
        Class id, above the background's 1, of each of them.
    erased
        Where an object was taken away, bool; it becomes background where none is now.
    ring
        Width of the ring in pixels.

    Returns
    -------
    ndarray
        Class ids, uint8 or as large as needed, 0 unlabelled.
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

    Parameters
    ----------
    painted
        Class ids as they are painted, 0 unlabelled.
    strokes
        Of :func:`strokes_of_cells`.
    before
        What was laid there earlier, 0 where nothing was; it gives way where it was not painted
        over since.
    over_painted
        Whether to replace what somebody painted too.
    forget
        Whether what was laid earlier goes also where there is nothing now.

    Returns
    -------
    ndarray
        Of the dtype of ``painted``.
    """
    ours = np.zeros(painted.shape, bool) if before is None else (before > 0) & (painted == before)
    free = ours | (painted == 0)
    if over_painted:
        free[...] = True
    out = np.where(free & (strokes > 0), strokes.astype(painted.dtype), painted)
    if forget:
        out[ours & (strokes == 0)] = 0
    return out
