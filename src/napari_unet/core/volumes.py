"""Any array becomes volumes of channels, as :mod:`images.normalise` makes planes of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unet.core.images.normalise import Planes, check_array, normalise, planes_for
from napari_unet.core.network.onnx_network import Network
from napari_unet.errors import InvalidInput


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
        return _pile(np.expand_dims(image, -4))
    if image.ndim == labels.ndim + 1:
        before = reversed(range(labels.ndim - 2))
        for axis in (image.ndim - 1, *before, image.ndim - 3):  # the last as ImageJ stores it
            if image.shape[:axis] + image.shape[axis + 1 :] == labels.shape:
                return _pile(np.moveaxis(image, axis, -4))
    raise InvalidInput(
        f"the labels' shape {labels.shape} does not fit the image's {image.shape}; labels need the "
        "image's shape without its channels."
    )


def volumes_for(image: np.ndarray, channels: int) -> Volumes:
    """Arrange an image for a 3D model of ``channels`` channels.

    Parameters
    ----------
    image
        (..., Z, Y, X) for one channel; for several with an axis of that length before the planes,
        the one nearest to them, or else at the end.
    channels
        Channels that the model was trained on.

    Raises
    ------
    InvalidInput
        The image is no volume of so many channels.
    """
    image = check_array(image)
    if channels == 1 and image.ndim >= 3:
        return _pile(np.expand_dims(image, -4))
    if image.ndim >= 4:
        for axis in (*reversed(range(image.ndim - 3)), image.ndim - 1):
            if image.shape[axis] == channels:
                return _pile(np.moveaxis(image, axis, -4))
    raise InvalidInput(
        f"the model was trained on volumes of {channels} channel{'s' * (channels > 1)} and this "
        f"image has the shape {image.shape}; give (planes, rows, columns), with an axis of "
        "channels before the planes where there are several."
    )


def pieces_for(image: np.ndarray, network: Network) -> Planes | Volumes:
    """Arrange an image for a network, as planes for one in 2D and as volumes for one in 3D.

    Raises
    ------
    InvalidInput
        The image does not fit the network.
    """
    arrange = planes_for if network.ndim == 2 else volumes_for
    return arrange(image, network.in_channels)


def normalise_piece(piece: np.ndarray) -> np.ndarray:
    """Map each channel's 1st and 99.8th percentile, of all planes together, to 0 and 1.

    Parameters
    ----------
    piece
        (C, Y, X) or (C, Z, Y, X), any real dtype.

    Returns
    -------
    ndarray
        Of the same shape, float32, see :func:`napari_unet.core.images.normalise.normalise`.
    """
    return normalise(along_rows(piece)).reshape(piece.shape)


def along_rows(piece: np.ndarray) -> np.ndarray:
    """Lay the planes of a volume (C, Z, Y, X) one below the other, (C, Z * Y, X).

    What is asked of all pixels together can so be asked of a plane; planes stay as they are.
    """
    return piece.reshape(len(piece), -1, piece.shape[-1])


def _pile(image: np.ndarray) -> Volumes:
    """Merge the axes before (C, Z, Y, X)."""
    return Volumes(image.reshape(-1, *image.shape[-4:]), image.shape[:-4])
