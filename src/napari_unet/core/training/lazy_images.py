"""Images to train on that need not be in memory: only what is around the strokes is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Cutout, Measured, cut, is_large
from napari_unet.core.images.image_source import PLANE_AXES, ImageSource
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.images.source_piece import SourcePlane
from napari_unet.core.labels.across_planes import Place
from napari_unet.core.labels.classes import LabelKind
from napari_unet.core.training.stroke_regions import stroke_pieces
from napari_unet.errors import InvalidInput

Pieces = tuple[list[Any], list[Any], list[Any], list[Place]]


def is_lazy(image: Any) -> bool:
    """Return whether an image is read in parts: any but a plain array, a list or a cutout."""
    if isinstance(image, ImageSource | SourcePlane | np.memmap):
        return True
    return not isinstance(image, np.ndarray | Cutout) and hasattr(image, "shape")


def read_around_strokes(
    images: Sequence[Any],
    labels: Sequence[Any],
    newest: Sequence[Any],
    places: Sequence[Place] = (),
    *,
    kind: LabelKind,
    reach: int,
) -> Pieces:
    """Replace lazy images by cutouts around their strokes; all others stay as they are.

    Images are arrays, (..., Y, X) with channels where there are any; :class:`ImageSource` or one of
    its planes; whatever has a shape, a dtype and indexing, such as arrays of dask and zarr. Labels
    are one an image, (..., Y, X) without channels, those of lazy images maybe lazy too; newest,
    bool, and places are one an image, or empty. Dense labels are everywhere, so that all of the
    image is read. ``reach`` are pixels around a stroke that are read, at least; a plane of at most
    4096 x 4096 pixels with strokes is read as a whole. Refused if the labels do not fit a lazy
    image, or a pixel that is read is not finite.
    """
    if len(images) != len(labels) or not any(is_lazy(image) for image in images):
        return list(images), list(labels), list(newest), list(places)
    found: Pieces = ([], [], [], [])
    for number, (image, array) in enumerate(zip(images, labels, strict=True)):
        fresh = newest[number] if len(newest) else None
        place = places[number] if len(places) else (number, ())
        pieces: list[tuple[Any, Any, Any, Place]]
        if is_lazy(image):
            pieces = _pieces(image, array, fresh, place, kind, reach)
        else:
            new = np.zeros(np.shape(array), bool) if fresh is None else fresh
            pieces = [(image, array, new, place)]
        for piece in pieces:
            for column, part in zip(found, piece, strict=True):
                column.append(part)
    if not found[0]:
        raise InvalidInput("nothing is painted yet; paint a stroke of each class.")
    return found


def _pieces(
    image: Any, labels: Any, fresh: Any, place: Place, kind: LabelKind, reach: int
) -> list[tuple[Any, Any, Any, Place]]:
    found: list[tuple[Any, Any, Any, Place]] = []
    stack, at = place
    labels = labels if hasattr(labels, "shape") else np.asarray(labels)
    for index, plane in _planes(image, tuple(labels.shape)):
        measured = Measured(plane)
        of_plane = _LabelPlane(labels, index)
        for box, part in _labelled(of_plane, kind, reach):
            new = np.zeros(part.shape, bool) if fresh is None else fresh[(*index, *box.slices)]
            found.append((cut(measured, box), part, new, (stack, (*at, *index))))
    return found


@dataclass(frozen=True, eq=False)
class _LabelPlane:
    """A plane of labels, of which only what is indexed is read."""

    labels: Any
    index: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, int]:
        rows, columns = self.labels.shape[-2:]
        return rows, columns

    def __getitem__(self, where: tuple[slice, ...]) -> np.ndarray:
        return np.asarray(self.labels[(*self.index, *where)])


def _labelled(plane: _LabelPlane, kind: LabelKind, reach: int) -> list[tuple[Tile, np.ndarray]]:
    """Return the boxes of a plane that have labels, and these."""
    if kind == "scribbles" and is_large(plane.shape):
        return stroke_pieces(plane, reach=reach)
    whole = Tile.whole(plane.shape)
    part = plane[whole.slices]
    return [(whole, part)] if kind != "scribbles" or part.any() else []


def _planes(image: Any, shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], Plane]]:
    """Return the planes of an image with the index of each in labels of a shape.

    A first axis of length 1 that only the labels have never stands in the way.
    """
    try:
        return _fitting_planes(image, shape)
    except InvalidInput:
        if len(shape) < 3 or shape[0] != 1:
            raise
    return [((0, *index), plane) for index, plane in _planes(image, shape[1:])]


def _fitting_planes(image: Any, shape: tuple[int, ...]) -> list[tuple[tuple[int, ...], Plane]]:
    if isinstance(image, SourcePlane):
        _check(shape, image.shape[1:])
        return [((), image)]
    source = image if isinstance(image, ImageSource) else _source(image, shape)
    _check(shape, (*source.lead, *source.plane_shape()))
    return [(index, source.plane(index)) for index in source.plane_indices()]


def _source(image: Any, shape: tuple[int, ...]) -> ImageSource:
    """Name the axes of a lazy array by the shape of its labels."""
    lead = len(shape) - 2
    if 0 <= lead <= len(PLANE_AXES):
        axes = PLANE_AXES[:lead] + "YX"
        if tuple(image.shape) == shape:
            return ImageSource((image,), axes)
        if len(image.shape) == len(shape) + 1:
            if tuple(image.shape[:-1]) == shape:
                last = "S" if image.shape[-1] in (3, 4) and image.dtype == np.uint8 else "C"
                return ImageSource((image,), axes + last)
            for at in reversed(range(lead + 1)):
                if (*image.shape[:at], *image.shape[at + 1 :]) == shape:
                    return ImageSource((image,), f"{axes[:at]}C{axes[at:]}")
    _check(shape, tuple(image.shape))
    raise InvalidInput(f"labels of {len(shape)} axes cannot be used; give at most 4.")


def _check(labels: tuple[int, ...], image: tuple[int, ...]) -> None:
    if labels != image:
        raise InvalidInput(
            f"the labels' shape {labels} does not fit the image's {image}; labels need the "
            "image's shape without its channels."
        )
