"""What of a layer is in view, and bringing a place of it there."""

import itertools
import math
from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from napari.utils.transforms import Affine

from napari_unet.core.images.box import Region
from napari_unet.widgets.layers.geometry import transform_of
from napari_unet.widgets.layers.picture import is_picture, picture_of
from napari_unet.widgets.layers.planes import Index, spatial_shape

_FAR_OUT = 2.0  # pixels of the canvas a pixel of the image; below, a place cannot be painted on
_NEAR = 4.0


def current_index(layer: Image | Labels, point: Sequence[float]) -> Index:
    """Return the plane of a layer at a point of the world (the viewer's ``dims.point``)."""
    position = np.round(layer.world_to_data(point)).astype(int).tolist()
    if is_picture(layer):
        picture = picture_of(layer)
        at = dict(zip(picture.layer_axes, position, strict=True)) | {"C": 0}
        position = [at[letter] for letter in picture.painted_axes]
    pairs = zip(position[:-2], spatial_shape(layer)[:-2], strict=True)
    return tuple(int(np.clip(i, 0, n - 1)) for i, n in pairs)


def in_view(image: Image, viewer: ViewerModel) -> tuple[list[Index], Region | None]:
    """Return the planes of an image that are shown, and the part of them on the canvas.

    The current plane, or every shown one where the planes are displayed along an axis; and (row
    start, row stop, column start, column stop) at the level that is worked on, ``None`` for all of
    a plane.
    """
    picture = picture_of(image)
    spans = {picture.layer_axes[axis]: span for axis, span in _spans(image, viewer).items()}
    spans["C"] = (0, 1)
    leading = picture.painted_axes[:-2]
    current = current_index(image, viewer.dims.point)
    starts = [spans.get(letter, (at,))[0] for letter, at in zip(leading, current, strict=True)]
    stops = [spans.get(letter, (0, at + 1))[1] for letter, at in zip(leading, current, strict=True)]
    planes = [
        tuple(start + step for start, step in zip(starts, offset, strict=True))
        for offset in np.ndindex(*(stop - start for start, stop in zip(starts, stops, strict=True)))
    ]
    ratios = picture.own.ratios_at(picture.level)
    rows, columns = (
        _coarser(spans.get(letter), ratios[letter], length)
        for letter, length in zip("YX", picture.shape[-2:], strict=True)
    )
    region = (*rows, *columns)
    return planes, None if region == (0, picture.shape[-2], 0, picture.shape[-1]) else region


def _coarser(span: tuple[int, int] | None, ratio: float, length: int) -> tuple[int, int]:
    """Return the pixels of a coarser level that cover some of the finest; ``None`` for all."""
    if span is None:
        return 0, length
    stop = min(math.ceil(span[1] / ratio), length)
    return min(math.floor(span[0] / ratio), stop), stop


def _spans(layer: Image | Labels, viewer: ViewerModel) -> dict[int, tuple[int, int]]:
    """Return, of each displayed axis of a layer, start and stop of the pixels on the canvas.

    From the camera and the canvas: a layer's own ``corner_pixels`` stay behind them, and of a
    pyramid they are as wide as its chunks. At full resolution; 3D shows all along its axes.
    """
    dims = viewer.dims
    first = dims.ndim - layer.ndim
    lengths = layer.level_shapes[0] if layer.multiscale else layer.data.shape
    shown = [axis - first for axis in dims.displayed if axis >= first]
    if dims.ndisplay == 3:
        return {axis: (0, lengths[axis]) for axis in shown}
    center = np.array(viewer.camera.center[-2:])
    half = np.array(_canvas_sides(viewer)) / viewer.camera.zoom / 2
    corners = []
    for signs in itertools.product((-1, 1), repeat=2):
        point = np.array(dims.point, float)
        point[list(dims.displayed)] = center + signs * half
        corners.append(layer.world_to_data(point))
    edges = np.round(np.array(corners) + 0.5, 6)  # a pixel's middle is where its index is
    starts, stops = np.floor(edges.min(axis=0)), np.ceil(edges.max(axis=0))
    spans = {}
    for axis in shown:
        start = int(np.clip(starts[axis], 0, lengths[axis]))
        spans[axis] = start, int(np.clip(stops[axis], start, lengths[axis]))
    return spans


def _canvas_sides(viewer: ViewerModel) -> tuple[float, float]:
    """Return height and width of what shows a layer, in pixels of the canvas; of a grid, a cell."""
    if hasattr(viewer, "canvas"):
        height, width = viewer.canvas.viewbox_size(viewer.layers)
    else:  # napari before 0.9
        height, width = viewer._get_viewbox_size()
    return float(height), float(width)


def is_empty(region: Region | None) -> bool:
    """Return whether a region has no pixel."""
    return region is not None and (region[0] >= region[1] or region[2] >= region[3])


def box_in_view(layer: Labels, viewer: ViewerModel) -> Region | None:
    """Return the rows and columns of a layer to paint on that are on the canvas, or ``None``.

    ``None`` where anything but rows and columns is shown.
    """
    dims = viewer.dims
    if tuple(dims.displayed) != (dims.ndim - 2, dims.ndim - 1):
        return None
    spans = _spans(layer, viewer)
    return (*spans[layer.ndim - 2], *spans[layer.ndim - 1])


def jump_to(viewer: ViewerModel, image: Image, position: Sequence[int]) -> None:
    """Show the plane of a place, with the place in the middle; zoom in if it is far out."""
    placed = transform_of(image)
    own = Affine(**{name: placed[name] for name in ("scale", "translate", "rotate", "shear")})
    outer = Affine(affine_matrix=placed["affine"])
    world = np.asarray(outer(own(np.array(position, float))))
    first = viewer.dims.ndim - len(world)
    at = dict(enumerate(world.tolist(), start=first))
    for axis in set(at) - set(viewer.dims.displayed):
        viewer.dims.set_point(axis, at[axis])
    shown = [at.get(axis, 0.0) for axis in viewer.dims.displayed]
    viewer.camera.center = (*(0.0,) * (3 - len(shown)), *shown)
    side = float(np.linalg.norm((outer.linear_matrix @ own.linear_matrix)[:, -1]))
    if viewer.camera.zoom * side < _FAR_OUT:
        viewer.camera.zoom = _NEAR / side
