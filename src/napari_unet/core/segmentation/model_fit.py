"""Pixel sizes of an image and of what a model was trained on, compared and put in words."""

from __future__ import annotations

from collections.abc import Mapping
from math import log

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.resampling import moderate
from napari_unet.core.images.units import long_name, sign
from napari_unet.core.models.header import ModelHeader
from napari_unet.errors import InvalidInput

_ALIKE = 1.1  # sizes within 10 % are taken as the same
_METRES = {
    "angstrom": 1e-10,
    "nanometer": 1e-9,
    "micrometer": 1e-6,
    "millimeter": 1e-3,
    "centimeter": 1e-2,
    "meter": 1.0,
}


def in_unit(size: float, unit: str | None, wanted: str | None) -> float | None:
    """Return a size in another unit; ``None`` if one of the units is no known length."""
    if unit is not None and unit == wanted:
        return size
    here, there = _METRES.get(unit or ""), _METRES.get(wanted or "")
    return None if here is None or there is None else size * here / there


def size_ratios(
    header: ModelHeader, source: ImageSource, level: int = 0
) -> tuple[float, float] | None:
    """Return how many times as large a pixel is as one that the model was trained on.

    Along rows and columns; ``None`` where either size, or a unit, is not known.
    """
    trained = _METRES.get(long_name(header.pixel_unit) or "")
    sizes = source.pixel_size_at(level)
    if header.pixel_size is None or trained is None or min(header.pixel_size) <= 0:
        return None
    ratios = []
    for axis, size in zip("YX", header.pixel_size[-2:], strict=True):
        unit = _METRES.get(source.units.get(axis, ""))
        if unit is None or axis not in sizes:
            return None
        ratios.append(sizes[axis] * unit / (size * trained))
    return ratios[0], ratios[1]


def best_level(header: ModelHeader, source: ImageSource) -> int:
    """Return the level whose pixels are nearest to the model's; the finest if that is not known."""
    distances = []
    for level in range(len(source.levels)):
        ratios = size_ratios(header, source, level)
        if ratios is None:
            return 0
        distances.append(abs(log(ratios[0] * ratios[1])))
    return distances.index(min(distances))


def resampling(
    header: ModelHeader, source: ImageSource, level: int, *, wanted: bool
) -> tuple[tuple[float, float] | None, str | None]:
    """Decide whether an image is resampled for a model, and say why or why not.

    Parameters
    ----------
    header
        Of the model.
    source, level
        The image, and the level that is taken.
    wanted
        Whether it should be resampled where its pixels are of another size.

    Returns
    -------
    tuple
        New pixels for each of the image's, along rows and columns, or ``None`` for as it is; and a
        sentence, or ``None`` if the sizes are alike within 10 %, or not known and it is not wanted.

    Raises
    ------
    InvalidInput
        It is wanted and the sizes are so far apart that one of them must be wrong.
    """
    ratios = size_ratios(header, source, level)
    if ratios is None or header.pixel_size is None:
        said = "its pixel size, or the model's, is not known, so it is used as it is."
        return None, said if wanted else None
    if all(1 / _ALIKE <= ratio <= _ALIKE for ratio in ratios):
        return None, None
    unit = long_name(header.pixel_unit)
    height, width = header.pixel_size[-2:]
    trained = f"{height:.3g} x {width:.3g} {sign(unit) or unit}"
    sizes = source.pixel_size_at(level)
    here = f"{sizes['Y']:.3g} x {sizes['X']:.3g} {sign(source.units['Y']) or source.units['Y']}"
    if not wanted:
        return None, (
            f"its pixels are {here} and the model was trained on {trained}; they are used as they "
            "are, so things look another size to it; resampling would change that."
        )
    if not moderate(ratios):
        raise InvalidInput(
            f"its pixels are {here} and the model was trained on {trained}, too far apart to be "
            "right; mend the pixel size, or do not resample."
        )
    return ratios, (
        f"its pixels are {here} and the model was trained on {trained}; it is resampled to that, "
        "and the result is put back on its own pixels."
    )


def slices_said(header: ModelHeader, source: ImageSource, level: int = 0) -> str | None:
    """Say that slices are not as far apart as those that a model of volumes was trained on.

    They are never resampled: new slices between measured ones would be made up, and a model of
    volumes has seen none such. ``None`` if they are alike within 10 %, or nobody knows.
    """
    trained = _METRES.get(long_name(header.pixel_unit) or "")
    unit = _METRES.get(source.units.get("Z", ""))
    if header.network.ndim == 2 or header.pixel_size is None or trained is None or unit is None:
        return None
    here, there = source.pixel_size_at(level)["Z"], header.pixel_size[0]
    if 1 / _ALIKE <= here * unit / (there * trained) <= _ALIKE:
        return None
    here_unit, there_unit = (sign(long_name(u)) for u in (source.units["Z"], header.pixel_unit))
    return (
        f"its slices are {here:.3g} {here_unit} apart and those that the model was trained on "
        f"{there:.3g} {there_unit}; slices are never resampled, so things look another height to "
        "it."
    )


def pixel_size_text(sizes: Mapping[str, float], units: Mapping[str, str]) -> str:
    """Return pixel sizes as text: ``"Y 0.5 µm, X 0.5 µm"``."""
    parts = (f"{axis} {size:.4g} {units.get(axis, '')}".rstrip() for axis, size in sizes.items())
    return ", ".join(parts)
