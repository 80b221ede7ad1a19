"""Where a layer lies, where a painting on it lies, and whether another lies there too."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from napari.layers import Layer
from napari.utils.transforms import Affine

from napari_unet.widgets.layers.picture import Picture, is_picture, picture_of

_LINEAR = ("scale", "translate", "rotate", "shear", "affine")


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
    return _placed_on(picture_of(layer), placed) if is_picture(layer) else placed


def same_place(one: Layer, other: Layer) -> bool:
    """Return whether paintings on two layers lie on each other, units aside."""
    first, second = transform_of(one), transform_of(other)
    if len(first["scale"]) != len(second["scale"]):
        return False
    return all(np.allclose(first[name], second[name]) for name in _LINEAR)


def _placed_on(picture: Picture, layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a painting on a picture lies, as keywords for a new layer.

    A pixel of a coarser level covers several of the finest, whose centres its own lies amid; so
    does the one pixel along channels that lie behind another axis, which is shown with each of
    them.
    """
    letters, painted = picture.layer_axes, picture.painted_axes
    factors, shifts = _steps(picture)
    if painted == letters and (factors == 1).all():
        return dict(layer)
    linear = Affine(
        scale=layer["scale"], rotate=layer["rotate"], shear=layer["shear"], ndim=len(letters)
    ).linear_matrix
    kept = [letters.index(letter) for letter in painted]
    translate = layer["translate"] + linear @ shifts
    return {
        "scale": (layer["scale"] * factors)[kept],
        "translate": translate[kept],
        "rotate": layer["rotate"][np.ix_(kept, kept)],
        "shear": _shear_of(layer["shear"], kept, len(letters)),
        "affine": layer["affine"][np.ix_([*kept, -1], [*kept, -1])],
        "units": tuple(layer["units"][axis] for axis in kept),
        "axis_labels": tuple(layer["axis_labels"][axis] for axis in kept),
    }


def _steps(picture: Picture) -> tuple[np.ndarray, np.ndarray]:
    """Return how many pixels of the layer one of the painting covers, and where the first lies."""
    sizes = picture.own.sizes()
    covers = picture.own.ratios_at(picture.level)
    if "C" in picture.painted_axes:
        covers["C"] = float(sizes["C"])
    factors = np.array([covers[letter] for letter in picture.layer_axes])
    return factors, (factors - 1) / 2


def _shear_of(shear: np.ndarray, kept: list[int], ndim: int) -> np.ndarray:
    """Return the part of a shear of some axes, as a matrix or as its upper triangle."""
    if shear.ndim == 2:
        return shear[np.ix_(kept, kept)]
    matrix = np.zeros((ndim, ndim))
    matrix[np.triu_indices(ndim, 1)] = shear
    part = matrix[np.ix_(kept, kept)]
    return part[np.triu_indices(len(kept), 1)]
