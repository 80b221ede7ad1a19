"""What the grey values of all planes and time points of an image are like together."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.intensity import Intensities, pooled
from napari_unet.core.images.lazy_plane import Plane, intensities_of
from napari_unet.core.images.source_piece import SourcePlane, SourceVolume

_MOST_LOOKED_AT = 16  # planes or volumes
P = TypeVar("P", bound=SourcePlane | SourceVolume)
_known: WeakKeyDictionary[ImageSource, dict[object, Intensities]] = WeakKeyDictionary()


def as_stack(piece: P) -> P:
    """Return a plane or volume of an image that is scaled as all of the image together.

    Up to 16 planes or volumes, evenly spread over the image, are looked at, once.
    """
    kept = _known.setdefault(piece.source, {})
    key = (type(piece), piece.channels, piece.level)
    if key not in kept:
        kept[key] = of_stack(_all_like(piece))
    return replace(piece, known=kept[key])


def of_stack(pieces: Sequence[Plane]) -> Intensities:
    """Return what planes or volumes are like together; of many, up to 16 are looked at."""
    numbers = np.linspace(0, len(pieces) - 1, min(len(pieces), _MOST_LOOKED_AT)).astype(int)
    return pooled([intensities_of(pieces[number]) for number in np.unique(numbers)])


def _all_like(piece: P) -> list[P]:
    """Return the planes, or volumes, of a piece's image."""
    axes = piece.source.plane_axes
    axes = axes if isinstance(piece, SourcePlane) else axes.replace("Z", "")
    sizes = piece.source.sizes(piece.level)
    every = product(*(range(sizes[letter]) for letter in axes))
    return [replace(piece, index=index, known=None) for index in every]
