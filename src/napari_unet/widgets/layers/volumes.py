"""Between napari's layers and the volumes that a model of three dimensions sees; pure functions.

A volume is said by its place: what an index of a plane is, but with a slice along Z, so that it is
an index of a painting too.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from napari.layers import Image, Labels

from napari_unet.core.images.box import Part, Region
from napari_unet.core.images.units import in_unit
from napari_unet.errors import InvalidInput
from napari_unet.session.state import PaintedPlanes
from napari_unet.widgets.layers.picture import Place, picture_of
from napari_unet.widgets.layers.planes import Index
from napari_unet.widgets.layers.reading import painted_reader

NO_SLICES = "The model is one for volumes and this image has no slices (Z); choose a stack."


def has_slices(image: Image | None) -> bool:
    """Return whether an image has slices, as its axes are taken now."""
    return image is not None and "Z" in picture_of(image).own.axes


def voxel_size(image: Image) -> tuple[float, float, float] | None:
    """Return a voxel's size as (slice, row, column), in the unit of the columns.

    ``None`` where nobody set it, or only a part of it has a unit.
    """
    picture = picture_of(image)
    sizes, units = picture.own.pixel_size_at(picture.level), picture.own.units
    if not sizes.keys() & set("ZYX"):
        return None
    if not units.keys() & set("ZYX"):
        ratios = picture.own.ratios_at(picture.level)
        return tuple(sizes.get(letter, ratios[letter]) for letter in "ZYX")  # type: ignore[return-value]
    found = [
        in_unit(sizes[letter], units.get(letter), units.get("X"))
        for letter in "ZYX"
        if letter in sizes
    ]
    return None if len(found) < 3 or None in found else tuple(found)  # type: ignore[return-value]


def sides_of(shape: Sequence[int], place: Place) -> tuple[int, ...]:
    """Return the size of a plane or volume of a painting of that shape."""
    whole = (*place, slice(None), slice(None))
    return tuple(n for n, at in zip(shape, whole, strict=True) if isinstance(at, slice))


def has_place(shape: Sequence[int], place: Place) -> bool:
    """Return whether a painting of shape (..., Y, X) has a plane or volume."""
    pairs = zip(place, shape, strict=False)
    return len(place) == len(shape) - 2 and all(isinstance(at, slice) or at < n for at, n in pairs)


def lies_in(index: Index, place: Place) -> bool:
    """Return whether a plane is this one, or one of this volume."""
    return all(isinstance(at, slice) or at == i for i, at in zip(index, place, strict=True))


def painted_volumes_reader(
    image: Image, annotation: Labels, planes: Iterable[Index]
) -> Callable[[], PaintedPlanes]:
    """Return what reads the volumes that painted planes lie in later, in any thread.

    The strokes are copied now, as :func:`napari_unet.widgets.layers.reading.painted_reader` does.
    """
    read = painted_reader(image, annotation, _volumes(image, planes))
    return lambda: replace(read(), pixel_size=None)


def volumes_under(
    image: Image, planes: Iterable[Index], region: Region | None
) -> tuple[list[Place], Part | None]:
    """Return the volumes that planes lie in, and which part of each they are.

    ``planes`` are the same slices of each time point. The part is (slice start, slice stop, row
    start, ...), ``None`` for everything. ``InvalidInput`` if the image has no slices.
    """
    if not has_slices(image):
        raise InvalidInput(NO_SLICES)
    planes, picture = list(planes), picture_of(image)
    axis = picture.painted_axes.index("Z")
    slices = [index[axis] for index in planes]
    count, (rows, columns) = picture.shape[axis], picture.shape[-2:]
    part = (min(slices), max(slices) + 1, *(region or (0, rows, 0, columns)))
    whole = (0, count, 0, rows, 0, columns)
    return _volumes(image, planes), None if part == whole else part


def _volumes(image: Image, planes: Iterable[Index]) -> list[Place]:
    """Return the volumes that planes lie in, each once."""
    axis = picture_of(image).painted_axes.index("Z")
    others = {(index[:axis], index[axis + 1 :]) for index in planes}
    return [(*before, slice(None), *after) for before, after in sorted(others)]
