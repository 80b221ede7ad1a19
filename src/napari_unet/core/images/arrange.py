"""Any array becomes planes or volumes of channels."""

from dataclasses import dataclass

import numpy as np

from napari_unet.core.images.axes import channel_axis
from napari_unet.core.images.check_array import check_array
from napari_unet.errors import InvalidInput


@dataclass(frozen=True)
class Pieces:
    """An image as planes, or as volumes, that a network sees one at a time.

    ``data`` is (P, C, *axes) of any real dtype, the axes (Y, X) of planes or (Z, Y, X) of volumes;
    ``lead`` are the lengths of the image's axes before these, whose product is P.
    """

    data: np.ndarray
    lead: tuple[int, ...]

    def restore(self, pieces: np.ndarray) -> np.ndarray:
        """Give (P, ..., *axes) results back the image's leading axes: (..., *lead, *axes)."""
        shaped = pieces.reshape(*self.lead, *pieces.shape[1:])
        last = 2 - self.data.ndim - len(self.lead)
        return np.moveaxis(shaped, range(len(self.lead)), range(last, last + len(self.lead)))


def pieces_like(image: np.ndarray, labels: np.ndarray, ndim: int) -> Pieces:
    """Arrange an image by the shape of its labels; the axis that only the image has is channels.

    The image is (..., Y, X), with one more axis than the labels if it has channels: at the end for
    RGB, or anywhere before the rows. ``ndim`` is 2 for planes, 3 for volumes; what does not fit is
    refused.
    """
    image = check_array(image)
    if labels.ndim < ndim:
        raise InvalidInput(
            f"labels of shape {labels.shape} are no "
            + (
                "image; give (rows, columns)."
                if ndim == 2
                else "volume; give (planes, rows, columns), or train in 2 dimensions."
            )
        )
    if image.shape == labels.shape:
        return _pile(image[None], 0, ndim)
    if image.ndim == labels.ndim + 1:
        before = labels.ndim - ndim + 1  # between planes and rows at last, as ImageJ stores it
        for axis in (image.ndim - 1, *reversed(range(before)), *range(before, image.ndim - 2)):
            if image.shape[:axis] + image.shape[axis + 1 :] == labels.shape:
                return _pile(_without_alpha(image) if axis == labels.ndim else image, axis, ndim)
    if labels.ndim > ndim and labels.shape[0] == 1:  # it never stands in the way
        return pieces_like(image, labels[0], ndim)
    raise InvalidInput(
        f"the labels' shape {labels.shape} does not fit the image's {image.shape}; labels need the "
        "image's shape without its channels."
    )


def pieces_for(image: np.ndarray, channels: int, ndim: int) -> Pieces:
    """Arrange an image for a model of ``channels`` channels.

    The image is (..., Y, X) for one channel; for several with an axis of that length, which is
    found as :func:`images.axes.guess_axes` finds it. ``ndim`` is 2 for planes, 3 for volumes.
    ``InvalidInput`` if it has no such number of channels, or is no plane or no volume.
    """
    shape = np.shape(image)
    image = check_array(image)
    axis = channel_axis(image.shape, image.dtype, channels)
    if axis is None:
        image, axis = image[None], 0
        if ndim == 3 and image.ndim >= 5 and image.shape[0] == image.shape[-3] == 1 == channels:
            axis = image.ndim - 3  # (..., Z, 1, Y, X): there is no volume of one slice in a stack
    elif axis == image.ndim - 1 and channels != 4:
        image = _without_alpha(image)
    if image.ndim > ndim and image.shape[axis] == channels:
        return _pile(image, axis, ndim)
    if ndim == 2:
        raise InvalidInput(
            f"the model was trained on {channels} channel{'s' * (channels > 1)} and this image has "
            f"{image.shape[axis]}, of the shape {shape}; choose an image like those it was "
            "trained on, or train a new model."
        )
    raise InvalidInput(
        f"the model was trained on volumes of {channels} channel{'s' * (channels > 1)} and this "
        f"image has the shape {shape}; give (planes, rows, columns), with an axis of "
        "channels before the planes where there are several."
    )


def as_plane(image: np.ndarray) -> np.ndarray:
    """Return one plane, (C, Y, X), of a (Y, X), (C, Y, X) or (Y, X, 3) image."""
    image = check_array(image)
    if image.ndim == 2:
        return image[None]
    if image.ndim != 3:
        raise InvalidInput(
            f"an image of shape {image.shape} is no plane; give (Y, X), (C, Y, X) or (Y, X, 3)."
        )
    last = channel_axis(image.shape, image.dtype, None) == image.ndim - 1
    return np.moveaxis(_without_alpha(image), -1, 0) if last else image


def _without_alpha(image: np.ndarray) -> np.ndarray:
    return image[..., :3] if image.shape[-1] == 4 and image.dtype == np.uint8 else image


def _pile(image: np.ndarray, channels: int, ndim: int) -> Pieces:
    """Put the axis of channels before the planes or volumes, and merge all axes before it."""
    image = np.moveaxis(image, channels, -1 - ndim)
    return Pieces(image.reshape(-1, *image.shape[-1 - ndim :]), image.shape[: -1 - ndim])
