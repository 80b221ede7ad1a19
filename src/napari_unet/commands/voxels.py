"""The size of the pixels or voxels that a training is told by its files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from napari_unet.core.images.units import in_unit, sign
from napari_unet.core.io.open_image import open_image
from napari_unet.errors import InvalidInput

_ALIKE = 1.01  # sizes within 1 % are the same; files round them


@dataclass(frozen=True)
class Voxels:
    """Size of a voxel as (plane, row, column), or of a pixel as (row, column), and its unit."""

    size: tuple[float, ...]
    unit: str

    def __str__(self) -> str:
        return (
            f"{' x '.join(f'{length:.4g}' for length in self.size)} {sign(self.unit) or self.unit}"
        )


def voxels_of(images: Sequence[Path]) -> Voxels | None:
    """Return the size of the voxels of images that are trained on together.

    In the first image's unit; ``None`` if no image tells it. Refused if the images disagree, or
    some tell it and others do not.
    """
    found = [_voxels_in(path, "ZYX") for path in images]
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


def pixels_of(images: Sequence[Path]) -> Voxels | None:
    """Return the size of the pixels of images whose planes are trained on together.

    In the first image's unit; ``None`` if some image does not tell it or they disagree, since
    planes can be trained on without.
    """
    first, *others = (_voxels_in(path, "YX") for path in images)
    if first is None or not all(other and _alike(first, other) for other in others):
        return None
    return first


def _voxels_in(path: Path, axes: str) -> Voxels | None:
    """Return the sizes along some axes in the unit of the columns; ``None`` if one is not known."""
    with open_image(path) as source:
        unit = source.units.get("X")
        if unit is None or not all(letter in source.pixel_size for letter in axes):
            return None
        sizes = [in_unit(source.pixel_size[a], source.units.get(a), unit) for a in axes]
        known = tuple(float(size) for size in sizes if size is not None)
        return Voxels(known, unit) if len(known) == len(axes) else None


def _alike(one: Voxels, other: Voxels) -> bool:
    pairs = zip(one.size, other.size, strict=True)
    converted = [(a, in_unit(b, other.unit, one.unit)) for a, b in pairs]
    return all(b is not None and 1 / _ALIKE <= a / b <= _ALIKE for a, b in converted)


def _said(voxels: Voxels | None) -> str:
    return "of unknown size" if voxels is None else str(voxels)
