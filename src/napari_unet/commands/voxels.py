"""The size of the voxels that a training in 3D is told, by files or by the user."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.pixel_size import in_unit
from napari_unet.core.reading import open_image
from napari_unet.core.units import sign
from napari_unet.errors import InvalidInput

_ALIKE = 1.01  # sizes within 1 % are the same; files round them


@dataclass(frozen=True)
class Voxels:
    """Size of a voxel as (plane, row, column), and its unit."""

    size: tuple[float, float, float]
    unit: str

    def __str__(self) -> str:
        return (
            f"{' x '.join(f'{length:.4g}' for length in self.size)} {sign(self.unit) or self.unit}"
        )


def voxels_of(images: Sequence[Path]) -> Voxels | None:
    """Return the size of the voxels of images that are trained on together.

    Returns
    -------
    Voxels or None
        In the first image's unit; ``None`` if no image tells it.

    Raises
    ------
    InvalidInput
        The images disagree, or some tell it and others do not.
    """
    found = [_voxels_in(path) for path in images]
    first = found[0]
    for path, voxels in zip(images, found, strict=True):
        if first is None and voxels is None:
            continue
        if first is None or voxels is None or not _alike(first, voxels):
            raise InvalidInput(
                f"the voxels of {images[0]} are {_said(first)} and those of {path} are "
                f"{_said(voxels)}; train on images of like voxels, or give --voxel-size for all "
                "of them."
            )
    return first


def _voxels_in(path: Path) -> Voxels | None:
    with open_image(path) as source:
        if not all(letter in source.pixel_size for letter in "ZYX"):
            return None
        unit = source.units.get("X")
        if unit is None:
            return None
        sizes = [in_unit(source.pixel_size[a], source.units.get(a), unit) for a in "ZYX"]
        if None in sizes:
            return None
        plane, row, column = (float(size) for size in sizes if size is not None)
        return Voxels((plane, row, column), unit)


def _alike(one: Voxels, other: Voxels) -> bool:
    pairs = zip(one.size, other.size, strict=True)
    converted = [(a, in_unit(b, other.unit, one.unit)) for a, b in pairs]
    return all(b is not None and 1 / _ALIKE <= a / b <= _ALIKE for a, b in converted)


def _said(voxels: Voxels | None) -> str:
    return "of unknown size" if voxels is None else str(voxels)
