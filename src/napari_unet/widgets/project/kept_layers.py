"""The layers that a project keeps: strokes, and cells that somebody corrected."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.project.changes import PlaneStrokes
from napari_unet.project.index import AnnotationEntry
from napari_unet.widgets.layers.image_marks import ImageMark
from napari_unet.widgets.layers.removal import let_draw
from napari_unet.widgets.layers.spots import Spot
from napari_unet.widgets.layers.strokes import can_be_painted, is_dressed
from napari_unet.widgets.project.layer_entries import kept_cells, new_cells, new_strokes

if TYPE_CHECKING:
    from napari_unet.widgets.project.keeper import ProjectKeeper


def is_kept(layer: Layer) -> bool:
    """Return whether a layer is part of a project."""
    return is_dressed(layer) if can_be_painted(layer) else kept_cells(layer) is not None


def any_painted(layers: Iterable[Labels]) -> bool:
    """Return whether anything is on one of these layers."""
    return any(np.any(layer.data) for layer in layers)


def copies(found: Sequence[tuple[str, Any, Spot]]) -> tuple[PlaneStrokes, ...]:
    """Return copies of the strokes at some spots: of each a layer's key, its data, the spot."""
    planes = ((key, spot, np.array(data[spot.slices])) for key, data, spot in found)
    return tuple(PlaneStrokes(key, s.index, p, s.at) for key, s, p in planes if p.any())


def read_spot(data: Any, spot: Spot) -> np.ndarray:
    """Return the strokes at a spot."""
    return np.asarray(data[spot.slices])


def show_kept(
    keeper: ProjectKeeper,
    entry: AnnotationEntry,
    data: np.ndarray,
    image: ImageMark | None,
    classes: tuple[ClassInfo, ...],
) -> Labels:
    """Add a layer of a project to the viewer again, of that image where it is known."""
    if entry.cells is None:
        layer = new_strokes(entry, data, classes, image)
    else:
        layer = new_cells(entry, data, image)
    keeper.keys.assign(layer, entry.key)
    keeper.viewer.add_layer(layer)
    keeper.know(layer, entry)
    let_draw()
    return layer
