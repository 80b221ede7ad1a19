"""Where a layer lies, and whether another lies there too."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Layer

from napari_unet.widgets.layers.picture import is_picture, picture_of
from napari_unet.widgets.layers.placement import LINEAR, placed_on


def transform_of(layer: Layer) -> dict[str, Any]:
    """Return where a painting on a layer lies in the world, as keywords for a new layer.

    Of an image that is the place of its channels, and of the level that is worked on, whose first
    pixel covers several of the finest.
    """
    placed = {
        "scale": np.array(layer.scale),
        "translate": np.array(layer.translate),
        "rotate": np.array(layer.rotate),
        "shear": np.array(layer.shear),
        "affine": np.array(layer.affine.affine_matrix),
        "units": tuple(layer.units),
        "axis_labels": tuple(layer.axis_labels),
    }
    return placed_on(picture_of(layer), placed) if is_picture(layer) else placed


def same_place(one: Layer, other: Layer) -> bool:
    """Return whether paintings on two layers lie on each other, units aside."""
    first, second = transform_of(one), transform_of(other)
    if len(first["scale"]) != len(second["scale"]):
        return False
    return all(np.allclose(first[name], second[name]) for name in LINEAR)
