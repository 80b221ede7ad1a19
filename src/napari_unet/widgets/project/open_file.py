"""Opening an image of a folder as a layer, as napari does, with what its file says of it."""

import logging
from contextlib import suppress
from pathlib import Path

import npe2
from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.layers._source import layer_source

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.open_image import open_image, read_whole
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.from_file import take_from
from napari_unet.widgets.layers.layer_axes import fits
from napari_unet.widgets.layers.picture import (
    Picture,
    choose_axes,
    choose_channels,
    choose_level,
    is_picture,
    source_of,
)
from napari_unet.widgets.layers.roles import detail


def open_file(viewer: ViewerModel, path: Path, source: ImageSource) -> Image:
    """Open the file of an image; ``source`` is what it says of itself, and may be closed.

    ``UserError`` if it cannot be read, or is no image that can be worked on; nothing is added then.
    """
    image = _by_napari(path)
    if image is None:
        with open_image(path) as opened, layer_source(path=str(path)):
            image = Image(read_whole(opened), rgb=opened.axes.endswith("S"))
    image.name = path.stem
    with suppress(InvalidInput):  # napari dropped axes of length 1, say; they are guessed
        take_from(viewer, image, source)
    source_of(image)
    viewer.add_layer(image)
    return image


def take_alike(image: Image, before: Picture) -> None:
    """Take an image as somebody chose to take the one before, as far as that fits it."""
    layer = before.layer
    axes = detail(layer, "axes")
    if isinstance(axes, str) and fits(axes, image):
        choose_axes(image, axes)
    own = source_of(image)
    if (
        detail(layer, "channels")
        and before.layers == (layer,)
        and own.channels == before.own.channels
    ):
        choose_channels(image, [(image, channel) for channel in before.channels])
    if before.level and before.level < len(own.levels):
        choose_level(image, before.level)


def _by_napari(path: Path) -> Image | None:
    """Open it by napari's own reader; ``None`` if that gives no image."""
    try:
        with layer_source(path=str(path), reader_plugin="napari"):
            read = npe2.read([str(path)], plugin_name="napari", stack=False)
            layers = [Layer.create(*given) for given in read]
    except Exception:  # a reader may raise anything
        logging.getLogger(__name__).info("%s is not opened by napari", path, exc_info=True)
        return None
    return next((layer for layer in layers if is_picture(layer)), None)
