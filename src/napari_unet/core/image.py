"""Any array becomes planes of channels; each plane is checked and normalised."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unet.errors import InvalidInput

PERCENTILES = (1.0, 99.8)
_SAMPLED_PIXELS = 2**20
_CLIP = (-4.0, 8.0)


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
        for axis in range(labels.ndim - 1):
            if image.shape[:axis] + image.shape[axis + 1 :] == labels.shape:
                return _pile(np.moveaxis(image, axis, -3))
    raise InvalidInput(
        f"the labels' shape {labels.shape} does not fit the image's {image.shape}; labels need the "
        "image's shape without its channels."
    )


def planes_for(image: np.ndarray, channels: int) -> Planes:
    """Arrange an image for a model of ``channels`` channels.

    Parameters
    ----------
    image
        (..., Y, X) for one channel; (..., Y, X, C) or (..., C, Y, X) for several.
    channels
        Channels that the model was trained on.

    Raises
    ------
    InvalidInput
        The image has no such number of channels, or is not an image.
    """
    image = check_array(image)
    looks_rgb = image.ndim >= 3 and image.shape[-1] in (3, 4) and image.dtype == np.uint8
    if channels == 1 and not looks_rgb:
        return _pile(np.expand_dims(image, -3))
    if image.ndim >= 3 and channels > 1:
        if looks_rgb and channels == 3:
            return _pile(np.moveaxis(_without_alpha(image), -1, -3))
        if image.shape[-1] == channels:
            return _pile(np.moveaxis(image, -1, -3))
        if image.shape[-3] == channels:
            return _pile(image)
    found = "3 channels (RGB)" if looks_rgb else f"the shape {image.shape}"
    raise InvalidInput(
        f"the model was trained on {channels} channel{'s' * (channels > 1)} and this image has "
        f"{found}; choose an image like those it was trained on, or train a new model."
    )


def check_array(image: np.ndarray, *, may_be_constant: bool = False) -> np.ndarray:
    """Refuse what cannot be an image: empty, not numeric, not finite, constant.

    Parameters
    ----------
    image
        Any array.
    may_be_constant
        Whether it is one plane of several, of which some may be empty.

    Raises
    ------
    InvalidInput
        With what is wrong and what to do.
    """
    image = np.asarray(image)
    if image.ndim < 2 or image.size == 0:
        raise InvalidInput(f"an array of shape {image.shape} is empty or no image; choose another.")
    if image.dtype == bool:
        image = image.astype(np.uint8)
    if image.dtype.kind not in "iuf":
        raise InvalidInput(f"an image of type {image.dtype} is not numeric; convert it to numbers.")
    if image.dtype == np.float16:
        image = image.astype(np.float32)
    low, high = image.min(), image.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InvalidInput(
            "the image has NaN or infinite pixels; replace them, for example with numpy.nan_to_num."
        )
    if low == high and not may_be_constant:
        raise InvalidInput(
            f"every pixel of the image is {low}, so there is nothing to learn or find; choose "
            "another image or channel."
        )
    return image


def normalise(plane: np.ndarray) -> np.ndarray:
    """Map each channel's 1st and 99.8th percentile to 0 and 1.

    The percentiles are the plane's, never a tile's, so that tiles agree.

    Parameters
    ----------
    plane
        (C, Y, X), any real dtype.

    Returns
    -------
    ndarray
        (C, Y, X) float32, clipped to [-4, 8].
    """
    out = np.empty(plane.shape, dtype=np.float32)
    stride = max(1, int(np.sqrt(plane.shape[-2] * plane.shape[-1] / _SAMPLED_PIXELS)))
    for channel, result in zip(plane, out, strict=True):
        sample = channel[::stride, ::stride]
        low, high = np.percentile(sample, PERCENTILES).astype(np.float64)
        if low == high:
            low, high = float(sample.min()), float(sample.max())
        scale = 1.0 / (high - low) if high > low else 0.0
        # Small integers are exact in float32; a large offset is taken away in float64.
        exact = np.can_cast(channel.dtype, np.float32)
        np.subtract(
            channel, low, out=result, dtype=np.float32 if exact else np.float64, casting="same_kind"
        )
        np.multiply(result, np.float32(scale), out=result)
        np.clip(result, *_CLIP, out=result)
    return out


def _without_alpha(image: np.ndarray) -> np.ndarray:
    return image[..., :3] if image.shape[-1] == 4 and image.dtype == np.uint8 else image


def _pile(image: np.ndarray) -> Planes:
    """Merge the axes before (C, Y, X)."""
    lead = image.shape[:-3]
    return Planes(image.reshape(-1, *image.shape[-3:]), lead)
