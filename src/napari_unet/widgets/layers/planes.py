"""Between napari's layers and the planes that a session works on; pure functions.

The planes of an image are those of a painting on it: an index along each of its plane axes (none
for a single picture), then row and column. What the image is taken as is kept by
:mod:`napari_unet.widgets.layers.picture`.
"""

from collections.abc import Sequence

import numpy as np
from napari.layers import Image, Labels

from napari_unet.core.images.source_piece import SourcePiece
from napari_unet.widgets.layers.picture import Place, is_picture, picture_of

Index = tuple[int, ...]


def spatial_shape(layer: Image | Labels) -> tuple[int, ...]:
    """Return the shape of a painting on an image, or of a layer of labels: (..., Y, X)."""
    return picture_of(layer).shape if is_picture(layer) else tuple(layer.data.shape)


def channel_count(layer: Image) -> int:
    """Return how many channels of an image a model is given."""
    return len(picture_of(layer).channels)


def own_channels(image: Image) -> tuple[int, ...] | None:
    """Return which channels of an image a model is given, ``None`` if other layers lend some."""
    picture = picture_of(image)
    return picture.channels if picture.layers == (image,) else None


def plane_indices(shape: Sequence[int]) -> list[Index]:
    """Return the index of each plane of an array of shape (..., Y, X); ``[()]`` for one."""
    return list(np.ndindex(*shape[:-2]))


def has_plane(shape: Sequence[int], index: Index) -> bool:
    """Return whether an array of shape (..., Y, X) has a plane."""
    planes = shape[:-2]
    return len(index) == len(planes) and all(i < n for i, n in zip(index, planes, strict=True))


def plane_of(image: Image, index: Place) -> SourcePiece:
    """Return one plane, or volume, of an image as it is taken now, to be read in parts."""
    return picture_of(image).piece(index)


def pixel_size(image: Image) -> tuple[tuple[float, float] | None, str | None]:
    """Return a pixel's size as (row, column), at the level that is worked on, and its unit.

    ``None`` where nobody set it.
    """
    picture = picture_of(image)
    sizes = picture.own.pixel_size_at(picture.level)
    if not {"Y", "X"} <= sizes.keys():
        return None, None
    return (sizes["Y"], sizes["X"]), picture.own.units.get("X")
