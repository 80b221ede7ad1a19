"""What an image is taken as, in words; pure functions."""

from napari.layers import Image

from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.picture import Picture, picture_of
from napari_unet.widgets.layers.readiness import channels_text, size_text

_PLANES = {"T": ("time point", "time points"), "Z": ("slice", "slices")}


def picture_said(picture: Picture) -> str:
    """Return what an image is taken as: ``"20 slices of 1024 x 1024, 1 channel"``."""
    planes = [
        f"{length} {_PLANES[letter][length != 1]}"
        for letter, length in zip(picture.own.plane_axes, picture.own.lead, strict=True)
    ]
    size = size_text(picture.shape[-2:])
    return f"{' of '.join([*planes, size])}, {_channels_said(picture)}"


def guesses_said(picture: Picture) -> str:
    """Return what was guessed of an image and why, for a tooltip; empty if nothing was."""
    return "\n".join(said[:1].upper() + said[1:] for said in picture.own.guesses)


def sizes_said(image: Image) -> str:
    """Return the size of an image without its channels, as ``20 x 1024 x 1024``."""
    try:
        return size_text(picture_of(image).shape)
    except InvalidInput:
        return size_text(tuple(image.data[0].shape if image.multiscale else image.data.shape))


def channel_name(layer: Image, own: int, count: int) -> str:
    """Return what one channel of a layer is called."""
    if count == 1:
        return layer.name
    colours = ("red", "green", "blue")
    return f"{layer.name}: {colours[own]}" if layer.rgb else f"{layer.name}: channel {own}"


def _channels_said(picture: Picture) -> str:
    chosen, own = len(picture.channels), picture.own.channels
    if len(picture.layers) > 1:
        return f"{channels_text(chosen)} of {len(picture.layers)} layers"
    if picture.channels == tuple(range(own)):
        return "RGB" if picture.layer.rgb else channels_text(own)
    return f"{chosen} of {own} channels"
