"""Whether there is anything of an image under the strokes on it; pure functions."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from napari.layers import Image, Labels

from napari_unet.widgets.layers.picture import picture_of
from napari_unet.widgets.layers.spots import Spot

NOTHING_UNDER = (
    "Nothing was imaged under the strokes: every pixel there is NaN or infinite. Paint where there "
    "is something of the image, or choose another image."
)


def why_not_imaged(
    image: Image, annotation: Labels, counts: Mapping[Spot, Mapping[int, int]]
) -> str | None:
    """Say that all strokes lie where nothing was imaged; ``None`` if some do not.

    Parameters
    ----------
    image, annotation
        The chosen layers, of one shape. An image that is not in memory is not looked at.
    counts
        Number of painted pixels by id, by plane or cell of a large plane.
    """
    picture = picture_of(image)
    level = picture.source.levels[picture.level]
    painted = [spot for spot, ids in counts.items() if ids]
    if not painted or not isinstance(level, np.ndarray) or level.dtype.kind != "f":
        return None
    looked_at = False
    for spot in painted:
        piece, (top, left) = picture.piece(spot.index), spot.at
        strokes = np.asarray(annotation.data[spot.slices])
        for row in np.flatnonzero(strokes.any(axis=1)):  # of most images one row is enough
            columns = np.flatnonzero(strokes[row])
            looked_at = True
            pixels = piece.read(np.array([top + row]), left + columns)
            if np.isfinite(pixels).all(axis=0).any():
                return None
    return NOTHING_UNDER if looked_at else None  # what was counted may be gone since
