"""The planes or volumes that cells are found in, by a key.

A key is an index along each axis of a painting before the rows, ``None`` along the slices of a
volume: a place that a dictionary can hold.
"""

from collections.abc import Iterable

import numpy as np
from napari.layers import Image, Labels

from napari_unet.core.images.units import sign
from napari_unet.core.objects.edit import Pixels
from napari_unet.widgets.layers.picture import Place, picture_of
from napari_unet.widgets.layers.planes import Index, pixel_size, plane_indices
from napari_unet.widgets.layers.view import current_index
from napari_unet.widgets.layers.volumes import sides_of, voxel_size

Key = tuple[int | None, ...]
_NAMES = {"T": "time", "Z": "plane"}


def place_of(key: Key) -> Place:
    """Return a key as an index of a painting."""
    return tuple(slice(None) if at is None else at for at in key)


def key_of(image: Image, index: Index, ndim: int) -> Key:
    """Return where a plane belongs: to itself, or for a model of volumes to its volume."""
    letters = picture_of(image).painted_axes
    pairs = zip(letters[:-2], index, strict=True)
    return tuple(None if ndim == 3 and letter == "Z" else at for letter, at in pairs)


def all_keys(image: Image, ndim: int) -> list[Key]:
    """Return every place of an image, in order."""
    indices = plane_indices(picture_of(image).shape)
    return list(dict.fromkeys(key_of(image, index, ndim) for index in indices))


def has_several(image: Image, ndim: int) -> bool:
    """Return whether an image has more than one place, without looking at each."""
    picture = picture_of(image)
    pairs = zip(picture.painted_axes[:-2], picture.shape, strict=False)
    return any(size > 1 for letter, size in pairs if ndim == 2 or letter != "Z")


def current_key(image: Image, point: Iterable[float], ndim: int) -> Key:
    """Return the place that is looked at, at a point of the world."""
    return key_of(image, current_index(image, tuple(point)), ndim)


def set_pixels(layer: Labels, key: Key, pixels: Pixels, value: int | np.ndarray) -> None:
    """Change pixels of a place as napari's own tools do, so that its undo knows of it."""
    if len(pixels[0]):
        axes = list(pixels)
        lead = [axes.pop(0) if at is None else np.full(len(pixels[0]), at) for at in key]
        layer.data_setitem((*lead, *axes), value)


def sides(image: Image, key: Key) -> tuple[int, ...]:
    """Return the size of a place in pixels."""
    return sides_of(picture_of(image).shape, place_of(key))


def lead_names(image: Image, key: Key) -> dict[str, int]:
    """Return the columns of a table that say which place a cell is in, and where this one is."""
    pairs = zip(picture_of(image).painted_axes[:-2], key, strict=True)
    return {_NAMES[letter]: at for letter, at in pairs if at is not None and letter in _NAMES}


def time_axis(image: Image) -> int | None:
    """Return which axis of a key is time; ``None`` for an image that has none."""
    letters = picture_of(image).painted_axes[:-2]
    return letters.index("T") if "T" in letters else None


def before(image: Image, key: Key) -> Key | None:
    """Return the same place one time earlier; ``None`` for the first."""
    axis = time_axis(image)
    if axis is None:
        return None
    at = key[axis]
    return (*key[:axis], at - 1, *key[axis + 1 :]) if at else None


def measure_of(image: Image, ndim: int) -> tuple[tuple[float, ...] | None, str | None]:
    """Return the size of a pixel or voxel, and the sign of its unit, where they are known."""
    unit = picture_of(image).own.units.get("X")
    size = voxel_size(image) if ndim == 3 else pixel_size(image)[0]
    return size, sign(unit) or unit


def spacing_of(image: Image, ndim: int, trained: tuple[float, ...] | None) -> tuple[float, ...]:
    """Return the size of a pixel: the image's, else that which the model was trained on, else 1."""
    size = measure_of(image, ndim)[0] or trained
    return tuple(size) if size is not None and len(size) == ndim else tuple(np.ones(ndim).tolist())
