"""The layers that predictions are written to: one segmentation an image, updated in place."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.components import LayerList, ViewerModel
from napari.layers import Image, Labels, Layer

from napari_unet.core.images.box import Part, Region
from napari_unet.core.labels.classes import ClassInfo, background_id
from napari_unet.core.models.header import ModelHeader
from napari_unet.widgets.layers.colormaps import color, label_colormap, probability_colormap
from napari_unet.widgets.layers.geometry import same_place, transform_of
from napari_unet.widgets.layers.image_marks import id_of, know_again, mark_in, stored_mark
from napari_unet.widgets.layers.picture import Place
from napari_unet.widgets.layers.planes import Index, spatial_shape
from napari_unet.widgets.layers.result_arrays import (
    blank_data,
    kept,
    lay_on,
    replaced,
    whole_data,
    write_part,
)
from napari_unet.widgets.layers.roles import Role, detail, entry, remember, role_of
from napari_unet.widgets.layers.strokes import find_annotation
from napari_unet.widgets.layers.view import current_index
from napari_unet.widgets.layers.volumes import lies_in

SEGMENTATION_OPACITY = 0.5


@dataclass(frozen=True)
class Legend:
    """What the ids of a prediction mean.

    ``classes``: the model's classes, in the order of its probabilities. ``background``: id of the
    class that is not shown. ``strokes``: whether they are the classes that are painted now, and
    change colour with them.
    """

    classes: tuple[ClassInfo, ...]
    background: int
    strokes: bool


def legend_of(model: ModelHeader, painted: Sequence[ClassInfo]) -> Legend:
    """Return a model's legend; a model of strokes shows the painted classes' newest look."""
    strokes = model.label_kind == "scribbles"
    newest = {entry.id: entry for entry in painted} if strokes else {}
    classes = tuple(newest.get(entry.id, entry) for entry in model.classes)
    return Legend(classes, background_id(model.label_kind), strokes)


def write_classes(
    viewer: ViewerModel,
    image: Image,
    place: Place,
    part: Part | None,
    ids: np.ndarray,
    legend: Legend,
) -> None:
    """Write predicted ids, (Y, X) or (Z, Y, X) of the part, to the image's segmentation layer.

    The layer is made the first time and keeps what the user set later, the part's surroundings,
    and the choice of the active layer.
    """
    layer = put_classes(viewer, image, place, part, ids, legend)
    show_place(viewer, layer, image, place)


def put_classes(
    viewer: ViewerModel,
    image: Image,
    place: Place,
    part: Part | None,
    ids: np.ndarray,
    legend: Legend,
) -> Labels:
    """Do what :func:`write_classes` does, except for showing it, which ``show_part`` may do."""
    shape = spatial_shape(image)
    dtype = max(_dtype_for(legend), ids.dtype, key=lambda kind: kind.itemsize)
    layer = kept(viewer, segmentation_of(viewer, image), shape, dtype)
    layer = layer or add_segmentation(viewer, image, legend, dtype=dtype)
    if not layer.multiscale and layer.data.dtype.itemsize < dtype.itemsize:
        layer.data = layer.data.astype(dtype)
    write_part(layer, place, part, ids)
    return layer


def show_part(
    viewer: ViewerModel, layer: Labels, image: Image, index: Index, region: Region
) -> None:
    """Show what was put into a part of a plane, without a look at the rest of the layer.

    A refresh of the whole layer slices it again, makes its thumbnail, and sends all of it to the
    graphics memory.
    """
    if _is_plain(viewer, layer) and same_place(layer, image):
        if layer.visible and current_index(image, viewer.dims.point) == index:
            top, bottom, left, right = region
            part = layer.data[index][top:bottom, left:right]
            layer.events.labels_update(data=part, offset=[top, left])
    else:
        show_place(viewer, layer, image, index)


def _is_plain(viewer: ViewerModel, layer: Labels) -> bool:
    """Return whether what is drawn of a layer is its data: as they are, rows down, no outlines."""
    small = isinstance(layer.data, np.ndarray) and layer.data.dtype in (np.uint8, np.uint16)
    shown = tuple(viewer.dims.displayed)
    return small and layer.contour == 0 and shown == (viewer.dims.ndim - 2, viewer.dims.ndim - 1)


def set_classes(
    viewer: ViewerModel, image: Image, levels: Sequence[np.ndarray], legend: Legend
) -> Labels:
    """Make predicted ids, of the image's spatial shape, its segmentation, without a copy.

    The ids are given as a pyramid, the finest first; one level is enough.
    """
    layer = replaced(viewer, image, segmentation_of(viewer, image), levels)
    return layer or add_segmentation(viewer, image, legend, levels)


def set_probabilities(
    viewer: ViewerModel, image: Image, levels: Sequence[np.ndarray], legend: Legend
) -> list[Image]:
    """Do the same with probabilities, (K, ..., Y, X), one layer a class."""
    layers = []
    for number, info in enumerate(legend.classes):
        own = [level[number] for level in levels]
        layer = replaced(viewer, image, _probability_of(viewer, image, info.id), own)
        layers.append(layer or _add_probability(viewer, image, info, legend, whole_data(own)))
    return layers


def set_instances(viewer: ViewerModel, image: Image, levels: Sequence[np.ndarray]) -> Labels:
    """Do the same with ids of objects."""
    before = next(iter(own_layers(viewer, Role.INSTANCES, image)), None)
    layer = replaced(viewer, image, before, levels)
    if layer is None:
        layer = Labels(
            **whole_data(levels),
            name=f"{image.name} instances",
            metadata=entry(Role.INSTANCES, image=stored_mark(image)),
            opacity=SEGMENTATION_OPACITY,
            **transform_of(image),
        )
        insert_quietly(viewer, layer, image)
    return layer


def add_segmentation(
    viewer: ViewerModel,
    image: Image,
    legend: Legend,
    levels: Sequence[np.ndarray] = (),
    *,
    dtype: np.dtype[Any] | None = None,
) -> Labels:
    """Add a segmentation layer for an image that has none, empty or of the ids of a pyramid.

    An empty one of a large image is a pyramid. ``UnwritableOutput`` if there is no room for it.
    """
    layer = Labels(
        **(whole_data(levels) if levels else blank_data(image, dtype or _dtype_for(legend))),
        name=f"{image.name} segmentation",
        colormap=label_colormap(legend.classes, transparent=(legend.background,)),
        metadata=entry(Role.SEGMENTATION, image=stored_mark(image), strokes=legend.strokes),
        opacity=SEGMENTATION_OPACITY,
        **transform_of(image),
    )
    insert_quietly(viewer, layer, image)
    return layer


def write_probabilities(
    viewer: ViewerModel,
    image: Image,
    place: Place,
    part: Part | None,
    probabilities: np.ndarray,
    legend: Legend,
) -> None:
    """Write probabilities, (K, *axes) of the part, to one image layer a class.

    One layer a class, rather than one with an axis of classes, lets each be shown in its colour,
    and leaves the viewer's sliders as they were.
    """
    shape = spatial_shape(image)
    for info, probability in zip(legend.classes, probabilities, strict=True):
        of_class = _probability_of(viewer, image, info.id)
        layer = kept(viewer, of_class, shape, np.dtype(np.float32))
        if layer is None:
            blank = blank_data(image, np.dtype(np.float32))
            layer = _add_probability(viewer, image, info, legend, blank)
        write_part(layer, place, part, probability)
        show_place(viewer, layer, image, place)


def _add_probability(
    viewer: ViewerModel, image: Image, info: ClassInfo, legend: Legend, data: dict[str, Any]
) -> Image:
    layer = Image(
        **data,
        rgb=False,
        name=f"{image.name} probability of {info.name}",
        colormap=probability_colormap(info),
        contrast_limits=(0, 1),
        blending="additive",
        visible=info.id != legend.background,
        metadata=entry(Role.PROBABILITY, image=stored_mark(image), id=info.id),
        **transform_of(image),
    )
    insert_quietly(viewer, layer, image)
    return layer


def segmentation_of(viewer: ViewerModel, image: Image) -> Labels | None:
    """Return the segmentation layer of an image, if there is one."""
    return next(iter(own_layers(viewer, Role.SEGMENTATION, image)), None)


def recolor(viewer: ViewerModel, classes: Sequence[ClassInfo]) -> None:
    """Give the segmentations of models of strokes the classes' newest colours."""
    hidden = (background_id("scribbles"),)
    for layer in viewer.layers:
        if role_of(layer) is Role.SEGMENTATION and detail(layer, "strokes"):
            color(layer, label_colormap(classes, transparent=hidden))


def insert_quietly(viewer: ViewerModel, layer: Layer, image: Image) -> None:
    """Add a layer below the image's strokes, or else above it; hidden while these are aside."""
    layers = viewer.layers
    strokes = find_annotation(layers, image)
    if layer.visible and any(detail(own, "aside") for own in (image, strokes) if own is not None):
        remember(layer, aside=layer.mode)
        layer.visible = False
    add_at(layers, layers.index(image) + 1 if strokes is None else layers.index(strokes), layer)


def add_at(layers: LayerList, position: int, layer: Layer) -> None:
    """Add a layer in the order of layers; keep the selection."""
    selected, active = set(layers.selection), layers.selection.active
    layers.insert(position, layer)
    layers.selection = selected
    layers.selection.active = active


def _dtype_for(legend: Legend) -> np.dtype[Any]:
    return np.min_scalar_type(max(info.id for info in legend.classes))


def own_layers(viewer: ViewerModel, role: Role, image: Image) -> list[Any]:
    """Return the layers that are that to an image, opened again or not, the lowest first."""
    found = [(x, mark) for x in viewer.layers if role_of(x) is role and (mark := mark_in(x))]
    know_again(image, viewer.layers, [mark for _, mark in found])
    own = id_of(image)
    return [layer for layer, mark in found if mark.id == own]


def _probability_of(viewer: ViewerModel, image: Image, class_id: int) -> Image | None:
    found = own_layers(viewer, Role.PROBABILITY, image)
    return next((layer for layer in found if detail(layer, "id") == class_id), None)


def show_place(viewer: ViewerModel, layer: Layer, image: Image, place: Place) -> None:
    """Show what was written into a layer of an image, if it is looked at."""
    lay_on(layer, image)
    if lies_in(current_index(image, viewer.dims.point), place) or viewer.dims.ndisplay == 3:
        layer.refresh(extent=False)
