"""The layer that shows how unsure a model is of an image, one an image, updated in place."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.colormaps import Colormap

from napari_unet.core.images.box import Part, Region, lies_within
from napari_unet.core.prediction.uncertainty import Places
from napari_unet.widgets.layers.geometry import transform_of
from napari_unet.widgets.layers.image_marks import stored_mark
from napari_unet.widgets.layers.picture import Place
from napari_unet.widgets.layers.planes import Index, spatial_shape
from napari_unet.widgets.layers.result_arrays import blank_data, kept, write_part
from napari_unet.widgets.layers.results import insert_quietly, own_layers, show_place
from napari_unet.widgets.layers.roles import Role, entry
from napari_unet.widgets.layers.volumes import lies_in

_COLOR = "#ff00ff"  # of no class
_OPACITY = 0.7


@dataclass(frozen=True, eq=False)
class FoundPlaces:
    """Where a model is unsure of a plane, a volume, or a part of one.

    ``task``: of the prediction; grows. ``image``, ``place``, ``part``: what was looked at.
    ``model``: content of a model file. ``places``: along the axes of the part, counted from its
    first pixel.
    """

    task: int
    image: Image
    place: Place
    part: Part | None
    model: bytes
    places: Places

    def positions(self) -> np.ndarray:
        """Return the places as indices of a painting on the image, (N, ndim)."""
        starts = (self.part or (0,) * (2 * self.places.positions.shape[1]))[::2]
        *slices, rows, columns = (self.places.positions + np.array(starts)).T
        inside = iter(slices)
        lead = [next(inside) if isinstance(at, slice) else at + 0 * rows for at in self.place]
        return np.stack([*lead, rows, columns], axis=1)

    def covers(self, index: Index, region: Region) -> bool:
        """Return whether a part of a plane was looked at."""
        if self.part is None or not lies_in(index, self.place):
            return lies_in(index, self.place)
        slices = self.part[:-4]
        inside = [i for i, at in zip(index, self.place, strict=True) if isinstance(at, slice)]
        seen = all(slices[0] <= i < slices[1] for i in inside) if slices else True
        return seen and lies_within(region, self.part[-4:])

    def is_within(self, other: FoundPlaces) -> bool:
        """Return whether another look saw all of what this one did."""
        if self.place != other.place or other.part is None:
            return self.place == other.place
        return self.part is not None and lies_within(self.part, other.part)


def uncertainty_of(viewer: ViewerModel, image: Image) -> Image | None:
    """Return the layer of an image, if there is one."""
    return next(iter(own_layers(viewer, Role.UNCERTAINTY, image)), None)


def write_uncertainty(
    viewer: ViewerModel, image: Image, place: Place, part: Part | None, percent: np.ndarray
) -> None:
    """Write uncertainties, (Y, X) or (Z, Y, X) of the part in percent, to the image's layer.

    The layer is made the first time. Where the model is sure it changes nothing that is seen.
    """
    layer = kept(viewer, uncertainty_of(viewer, image), spatial_shape(image), percent.dtype)
    if layer is None:
        layer = Image(
            **blank_data(image, percent.dtype),
            rgb=False,
            name=f"{image.name} uncertainty (%)",
            colormap=Colormap(["#000000", _COLOR], name="uncertainty"),
            contrast_limits=(0, 100),
            blending="additive",
            opacity=_OPACITY,
            metadata=entry(Role.UNCERTAINTY, image=stored_mark(image)),
            **transform_of(image),
        )
        insert_quietly(viewer, layer, image)
    write_part(layer, place, part, percent)
    show_place(viewer, layer, image, place)
