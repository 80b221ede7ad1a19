"""Bringing a place of an image to the middle of the window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from napari.utils.transforms import Affine

from napari_unet.widgets.layers.geometry import transform_of

_FAR_OUT = 2.0  # pixels of the canvas a pixel of the image; below, a place cannot be painted on
_NEAR = 4.0


def jump_to(viewer: ViewerModel, image: Image, position: Sequence[int]) -> None:
    """Show the plane of a place, with the place in the middle; zoom in if it is far out.

    Parameters
    ----------
    viewer
        Where the image is shown.
    image
        The layer.
    position
        Along each axis of a painting on it.
    """
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
