"""Pixel sizes of an image and of what a model was trained on, compared and put in words."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

from napari_unet.core.header import ModelHeader
from napari_unet.core.source import ImageSource
from napari_unet.core.units import long_name, sign

_ALIKE = 1.1  # sizes within 10 % are taken as the same
_METRES = {
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "meter": 1.0,
}


def size_ratio(header: ModelHeader, source: ImageSource, level: int = 0) -> float | None:
    """Return how many times as large a pixel is as one that the model was trained on.

    The geometric mean of rows and columns; ``None`` where either size, or a unit, is not known.
    """
    trained = _METRES.get(long_name(header.pixel_unit) or "")
    sizes = source.pixel_size_at(level)
    here = [_METRES.get(source.units.get(axis, "")) for axis in "YX"]
    if header.pixel_size is None or trained is None or None in here or not {*"YX"} <= sizes.keys():
        return None
    ratio = 1.0
    for axis, size, unit in zip("YX", header.pixel_size, here, strict=True):
        if not size > 0 or unit is None:
            return None
        ratio *= sizes[axis] * unit / (size * trained)
    return ratio**0.5


def best_level(header: ModelHeader, source: ImageSource) -> int:
    """Return the level whose pixels are nearest to the model's; the finest if that is not known."""
    distances = []
    for level in range(len(source.levels)):
        ratio = size_ratio(header, source, level)
        if ratio is None:
            return 0
        distances.append(abs(log(ratio)))
    return distances.index(min(distances))


def compare_pixel_size(header: ModelHeader, source: ImageSource, level: int) -> str | None:
    """Say that an image's pixels are not of the size that the model was trained on.

    ``None`` where they are alike within 10 %, or where that is not known.
    """
    ratio = size_ratio(header, source, level)
    if ratio is None or header.pixel_size is None or 1 / _ALIKE <= ratio <= _ALIKE:
        return None
    unit = long_name(header.pixel_unit)
    trained = f"{header.pixel_size[0]:.3g} x {header.pixel_size[1]:.3g} {sign(unit) or unit}"
    sizes = source.pixel_size_at(level)
    here = f"{sizes['Y']:.3g} x {sizes['X']:.3g} {sign(source.units['Y']) or source.units['Y']}"
    return (
        f"its pixels are {here} and the model was trained on {trained}; they are used as they are, "
        "so objects look another size to it."
    )


def pixel_size_text(sizes: Mapping[str, float], units: Mapping[str, str]) -> str:
    """Return pixel sizes as text: ``"Y 0.5 µm, X 0.5 µm"``."""
    parts = (f"{axis} {size:.4g} {units.get(axis, '')}".rstrip() for axis, size in sizes.items())
    return ", ".join(parts)
