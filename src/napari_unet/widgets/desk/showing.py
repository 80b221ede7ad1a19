"""Images of one place, of which the chosen one is what is seen and painted on."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Layer

from napari_unet.widgets.layers.image_marks import image_of
from napari_unet.widgets.layers.picture import is_picture, picture_of
from napari_unet.widgets.layers.roles import Role, detail, remember, role_of
from napari_unet.widgets.layers.strokes import find_annotation

_COVERING = ("translucent", "translucent_no_depth", "opaque")  # napari's names of blending


def show_chosen(viewer: ViewerModel, image: Image) -> None:
    """Show an image that somebody chose; select its strokes, or else the image.

    Other images are hidden where they cover it, and their strokes and results where they lie over
    it: files that are opened together lie on one another, and who paints has to see on what.
    Beside it, or blended with it as channels are, they stay. What is hidden is shown again when its
    image is chosen, with the brush in hand if it was.
    """
    layers = viewer.layers
    together = picture_of(image).layers
    for layer in list(layers) if not viewer.grid.enabled else []:
        owner = layer if is_picture(layer) else image_of(viewer.layers, layer)
        if owner is image:
            # What the user hid, as a result, stays hidden.
            if detail(layer, "aside") or role_of(layer) in (None, Role.STROKES):
                layer.visible = True
                layer.mode = detail(layer, "aside") or layer.mode
                remember(layer, aside=None)
        elif owner is not None and owner not in together and _is_over(viewer, layer, image):
            remember(layer, aside=layer.mode)
            layer.visible = False
    layers.selection.active = find_annotation(layers, image) or image


def _is_over(viewer: ViewerModel, layer: Layer, image: Image) -> bool:
    """Return whether a layer hides an image, or is seen over it as if it were of it."""
    if not layer.visible or (is_picture(layer) and not _covers(viewer, layer, image)):
        return False
    (start, stop), (first, last) = (x.extent.world[:, -2:] for x in (layer, image))
    return bool(np.all((start < last) & (first < stop)))


def _covers(viewer: ViewerModel, layer: Layer, image: Image) -> bool:
    above = viewer.layers.index(layer) > viewer.layers.index(image)
    return above and str(layer.blending) in _COVERING
