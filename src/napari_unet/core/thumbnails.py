"""Small pictures of segmentations."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.pictures import overlay

_SIDE = 96


def thumbnail(
    plane: np.ndarray, labels: np.ndarray, classes: Sequence[ClassInfo], background: int
) -> bytes:
    """Draw a segmentation over its image, with every n-th pixel so that it is small.

    Parameters
    ----------
    plane
        (C, Y, X), any real dtype.
    labels
        (Y, X) class ids.
    classes
        Their colours.
    background
        Id that is not drawn.

    Returns
    -------
    bytes
        A PNG of at most 96 x 96 pixels.
    """
    from imageio.v3 import imwrite

    step = max(1, -(-max(labels.shape) // _SIDE))
    small = np.ascontiguousarray(plane[:, ::step, ::step])
    picture = overlay(small, labels[::step, ::step], classes, background)
    data: bytes = imwrite("<bytes>", picture, extension=".png")
    return data
