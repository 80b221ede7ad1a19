"""Results of a batch as layers."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_unet.core.io.result import MadeFrom, Result, Saved
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import ModelHeader
from napari_unet.errors import InvalidInput
from napari_unet.widgets.batch.wording import REMOVED
from napari_unet.widgets.layers.picture import picture_of
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.results import (
    legend_of,
    own_layers,
    set_classes,
    set_instances,
    set_probabilities,
)
from napari_unet.widgets.layers.roles import Role, detail, remember

_ROLES: dict[Saved, Role] = {
    "labels": Role.SEGMENTATION,
    "probabilities": Role.PROBABILITY,
    "instances": Role.INSTANCES,
}


def add_results(
    viewer: ViewerModel,
    image: Image,
    held: Mapping[Saved, tuple[Result, list[np.ndarray]]],
    header: ModelHeader,
    painted: Sequence[ClassInfo],
) -> dict[Saved, Path]:
    """Show an image's results; returns the names of their layers.

    Results of large images are pyramids, the finest first. ``InvalidInput`` if the layer is gone,
    or has other data than when it was read.
    """
    if image not in viewer.layers:
        raise InvalidInput(REMOVED)
    axes = picture_of(image).painted_axes
    legend = legend_of(header, painted)
    places: dict[Saved, Path] = {}
    for what in sorted(held, reverse=True):  # labels lie above probabilities
        result, levels = held[what]
        shown = [_as_painted(result, level, axes) for level in levels]
        lead = 1 if what == "probabilities" else 0
        if shown[0].shape[lead:] != spatial_shape(image):
            raise InvalidInput("the layer got other data or axes meanwhile; run it again.")
        match what:
            case "labels":
                layers: list[Layer] = [set_classes(viewer, image, shown, legend)]
            case "instances":
                layers = [set_instances(viewer, image, shown)]
            case "probabilities":
                layers = [*set_probabilities(viewer, image, shown, legend)]
        for layer in layers:
            remember(layer, made_from=result.made_from and asdict(result.made_from))
        places[what] = Path(", ".join(layer.name for layer in layers))
    return places


def results_made_from(viewer: ViewerModel, image: Image) -> dict[Saved, MadeFrom]:
    """Return what an image's result layers were made from, those that were made as a whole."""
    found = {}
    for what, role in _ROLES.items():
        for layer in own_layers(viewer, role, image)[:1]:
            known = detail(layer, "made_from")
            if isinstance(known, dict):
                found[what] = MadeFrom(**known)
    return found


def _as_painted(result: Result, array: np.ndarray, axes: str) -> np.ndarray:
    """Return a result with the axes of a painting, classes first; a view.

    ``axes`` is a letter an axis of a painting; its channels are an axis of length 1.
    """
    own = [letter for letter in axes if letter != "C"]
    if sorted(own) != sorted(result.axes.replace("C", "")):
        raise InvalidInput("the layer got other data or axes meanwhile; run it again.")
    first = ["C"] if "C" in result.axes else []
    shown = array.transpose([result.axes.index(letter) for letter in (*first, *own)])
    return np.expand_dims(shown, axes.index("C") + len(first)) if "C" in axes else shown
