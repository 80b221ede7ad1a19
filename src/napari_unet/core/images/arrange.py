"""Any array becomes planes or volumes of channels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unet.core.images.axes import channel_axis
from napari_unet.core.images.check_array import check_array
from napari_unet.errors import InvalidInput


@dataclass(frozen=True)
class Planes:
    """An image as a pile of planes that a 2D network sees one at a time.

    Attributes
    ----------
    data
        (P, C, Y, X), any real dtype.
    lead
        Lengths of the axes before row and column, whose product is P; empty for one plane.
    """

    data: np.ndarray
    lead: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.data.shape[1])

    def restore(self, planes: np.ndarray) -> np.ndarray:
        """Give (P, ..., Y, X) results back the image's leading axes: (..., *lead, Y, X)."""
        shaped = planes.reshape(*self.lead, *planes.shape[1:])
        between = range(len(self.lead), shaped.ndim - 2)
        order = (*between, *range(len(self.lead)), shaped.ndim - 2, shaped.ndim - 1)
        return shaped.transpose(order)


def planes_like(image: np.ndarray, labels: np.ndarray) -> Planes:
    """Arrange an image by the shape of its labels; the axis that only the image has is channels.

    Parameters
    ----------
    image
        (..., Y, X), with one more axis than the labels if it has channels: at the end for RGB,
        or anywhere before the rows.
    labels
        (..., Y, X).

    Raises
    ------
    InvalidInput
        The shapes do not fit, or the image is not one.
    """
    image = check_array(image)
    if labels.ndim < 2:
        raise InvalidInput(f"labels of shape {labels.shape} are no image; give (rows, columns).")
    if image.shape == labels.shape:
        return _pile(np.expand_dims(image, -3))
    if image.ndim == labels.ndim + 1:
        if image.shape[:-1] == labels.shape:
            return _pile(np.moveaxis(_without_alpha(image), -1, -3))
        for axis in reversed(range(labels.ndim - 1)):
            if image.shape[:axis] + image.shape[axis + 1 :] == labels.shape:
                return _pile(np.moveaxis(image, axis, -3))
    if labels.ndim > 2 and labels.shape[0] == 1:  # it never stands in the way
        return planes_like(image, labels[0])
    raise InvalidInput(
        f"the labels' shape {labels.shape} does not fit the image's {image.shape}; labels need the "
        "image's shape without its channels."
    )


def planes_for(image: np.ndarray, channels: int) -> Planes:
    """Arrange an image for a model of ``channels`` channels.

    Parameters
    ----------
    image
        (..., Y, X) for one channel; for several with an axis of that length, which is found as
        :func:`images.axes.guess_axes` finds it. Other axes are planes.
    channels
        Channels that the model was trained on.

    Raises
    ------
    InvalidInput
        The image has no such number of channels, or is not an image.
    """
    shape = np.shape(image)
    image, axis = _with_channels(check_array(image), channels)
    if image.shape[axis] == channels:
        return _pile(np.moveaxis(image, axis, -3))
    raise InvalidInput(
        f"the model was trained on {channels} channel{'s' * (channels > 1)} and this image has "
        f"{image.shape[axis]}, of the shape {shape}; choose an image like those it was "
        "trained on, or train a new model."
    )


def _with_channels(image: np.ndarray, channels: int | None) -> tuple[np.ndarray, int]:
    """Return an image with an axis of channels, without opacity, and which axis that is."""
    axis = channel_axis(image.shape, image.dtype, channels)
    if axis is None:
        return image[None], 0
    opaque = axis == image.ndim - 1 and channels != 4
    return (_without_alpha(image) if opaque else image), axis


def as_plane(image: np.ndarray) -> np.ndarray:
    """Return one plane, (C, Y, X), of a (Y, X), (C, Y, X) or (Y, X, 3) image.

    Raises
    ------
    InvalidInput
        It is not such an image.
    """
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


def _pile(image: np.ndarray) -> Planes:
    """Merge the axes before (C, Y, X)."""
    lead = image.shape[:-3]
    return Planes(image.reshape(-1, *image.shape[-3:]), lead)


@dataclass(frozen=True)
class Volumes:
    """An image as a row of volumes that a 3D network sees one at a time.

    Attributes
    ----------
    data
        (V, C, Z, Y, X), any real dtype.
    lead
        Lengths of the axes before the planes, whose product is V; empty for one volume.
    """

    data: np.ndarray
    lead: tuple[int, ...]

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.data.shape[1])

    def restore(self, volumes: np.ndarray) -> np.ndarray:
        """Give (V, ..., Z, Y, X) results back the leading axes: (..., *lead, Z, Y, X)."""
        shaped = volumes.reshape(*self.lead, *volumes.shape[1:])
        return np.moveaxis(shaped, range(len(self.lead)), range(-3 - len(self.lead), -3))


def volumes_like(image: np.ndarray, labels: np.ndarray) -> Volumes:
    """Arrange an image by the shape of its labels; the axis that only the image has is channels.

    Parameters
    ----------
    image
        (..., Z, Y, X), with one more axis than the labels if it has channels: at the end for RGB,
        or anywhere before the rows.
    labels
        (..., Z, Y, X).

    Raises
    ------
    InvalidInput
        The shapes do not fit, or the image is not one.
    """
    image = check_array(image)
    if labels.ndim < 3:
        raise InvalidInput(
            f"labels of shape {labels.shape} are no volume; give (planes, rows, columns), or train "
            "in 2 dimensions."
        )
    if image.shape == labels.shape:
        return _pile_volumes(np.expand_dims(image, -4))
    if image.ndim == labels.ndim + 1:
        before = reversed(range(labels.ndim - 2))
        for axis in (image.ndim - 1, *before, image.ndim - 3):  # the last as ImageJ stores it
            if image.shape[:axis] + image.shape[axis + 1 :] == labels.shape:
                return _pile_volumes(np.moveaxis(image, axis, -4))
    raise InvalidInput(
        f"the labels' shape {labels.shape} does not fit the image's {image.shape}; labels need the "
        "image's shape without its channels."
    )


def volumes_for(image: np.ndarray, channels: int) -> Volumes:
    """Arrange an image for a 3D model of ``channels`` channels.

    Parameters
    ----------
    image
        (..., Z, Y, X) for one channel; for several with an axis of that length, which is found as
        :func:`images.axes.guess_axes` finds it.
    channels
        Channels that the model was trained on.

    Raises
    ------
    InvalidInput
        The image is no volume of so many channels.
    """
    shape = np.shape(image)
    image, axis = _with_channels(check_array(image), channels)
    if image.ndim >= 5 and axis == 0 and image.shape[0] == image.shape[-3] == 1 == channels:
        axis = image.ndim - 3  # (..., Z, 1, Y, X): there is no volume of one slice in a stack
    if image.ndim >= 4 and image.shape[axis] == channels:
        return _pile_volumes(np.moveaxis(image, axis, -4))
    raise InvalidInput(
        f"the model was trained on volumes of {channels} channel{'s' * (channels > 1)} and this "
        f"image has the shape {shape}; give (planes, rows, columns), with an axis of "
        "channels before the planes where there are several."
    )


def pieces_for(image: np.ndarray, channels: int, ndim: int) -> Planes | Volumes:
    """Arrange an image for a model of ``channels`` channels: as planes in 2D, volumes in 3D.

    Raises
    ------
    InvalidInput
        The image does not fit the model.
    """
    arrange = planes_for if ndim == 2 else volumes_for
    return arrange(image, channels)


def _pile_volumes(image: np.ndarray) -> Volumes:
    """Merge the axes before (C, Z, Y, X)."""
    return Volumes(image.reshape(-1, *image.shape[-4:]), image.shape[:-4])
