"""Any array becomes planes of channels; each plane is checked and normalised."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.errors import InvalidInput

PERCENTILES = (1.0, 99.8)
_SAMPLED_PIXELS = 2**20
CLIP = (-4.0, 8.0)
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST_RANGE = 1e-37  # the inverse of less is infinite in float32


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
    raise InvalidInput(
        f"the labels' shape {labels.shape} does not fit the image's {image.shape}; labels need the "
        "image's shape without its channels."
    )


def planes_for(image: np.ndarray, channels: int) -> Planes:
    """Arrange an image for a model of ``channels`` channels.

    Parameters
    ----------
    image
        (..., Y, X) for one channel; for several with an axis of that length at the end, or else
        before the rows, the one nearest to them.
    channels
        Channels that the model was trained on.

    Raises
    ------
    InvalidInput
        The image has no such number of channels, or is not an image.
    """
    image = check_array(image)
    looks_rgb = image.ndim >= 3 and image.shape[-1] in (3, 4) and image.dtype == np.uint8
    if looks_rgb and channels == 3:
        image = _without_alpha(image)
    if image.ndim >= 3 and image.shape[-1] == channels:
        return _pile(np.moveaxis(image, -1, -3))
    if channels == 1 and not looks_rgb:
        return _pile(np.expand_dims(image, -3))
    for axis in reversed(range(image.ndim - 2)):
        if image.shape[axis] == channels and channels > 1:
            return _pile(np.moveaxis(image, axis, -3))
    found = "3 channels (RGB)" if looks_rgb else f"the shape {image.shape}"
    raise InvalidInput(
        f"the model was trained on {channels} channel{'s' * (channels > 1)} and this image has "
        f"{found}; choose an image like those it was trained on, or train a new model."
    )


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
    if image.shape[-1] in (3, 4) and image.shape[0] > 4:
        return np.moveaxis(_without_alpha(image), -1, 0)
    return image


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
    if not -_LARGEST <= low <= high <= _LARGEST:
        raise InvalidInput(
            "the image has NaN or infinite pixels, or some beyond what float32 can hold; replace "
            "them, for example with numpy.nan_to_num."
        )
    if low == high and not may_be_constant:
        raise InvalidInput(
            f"every pixel of the image is {float(low):g}, so there is nothing to learn or find; "
            "choose another image or channel."
        )
    return image


def grey_range(plane: np.ndarray) -> np.ndarray:
    """Return each channel's 1st and 99.8th percentile.

    Of the plane, never of a tile, so that tiles agree.

    Parameters
    ----------
    plane
        (C, Y, X), any real dtype.

    Returns
    -------
    ndarray
        (C, 2) float64; the smallest and the largest value where the percentiles are equal.
    """
    stride = sampling_step(plane)
    ranges = np.percentile(plane[:, ::stride, ::stride], PERCENTILES, axis=(1, 2)).T
    return _never_flat(ranges, plane.min(axis=(1, 2)), plane.max(axis=(1, 2)))


def sampling_step(plane: np.ndarray) -> int:
    """Return every how many rows and columns of a plane, (C, Y, X), are looked at."""
    return max(1, int(np.sqrt(plane.shape[-2] * plane.shape[-1] / _SAMPLED_PIXELS)))


def grey_range_of_sample(pixels: np.ndarray) -> np.ndarray:
    """Do the same for (C, N) pixels that were drawn from a plane."""
    ranges = np.percentile(pixels, PERCENTILES, axis=1).T
    return _never_flat(ranges, pixels.min(axis=1), pixels.max(axis=1))


def grey_values(ranges: Sequence[np.ndarray]) -> tuple[tuple[float, float], ...]:
    """Return each channel's lowest low and highest high of several (C, 2) ranges."""
    if not ranges:
        return ()
    low = np.min([one[:, 0] for one in ranges], axis=0)
    high = np.max([one[:, 1] for one in ranges], axis=0)
    return tuple(zip(low.tolist(), high.tolist(), strict=True))


def _never_flat(ranges: np.ndarray, lowest: np.ndarray, highest: np.ndarray) -> np.ndarray:
    """Return ranges, (C, 2) float64, with the extremes where the percentiles are equal."""
    flat = ranges[:, :1] == ranges[:, 1:]
    return np.where(flat, np.stack([lowest, highest], axis=-1), ranges).astype(np.float64)


def rescale(pixels: np.ndarray, ranges: np.ndarray) -> np.ndarray:
    """Map each channel's range to 0 and 1.

    Parameters
    ----------
    pixels
        (C, Y, X), a plane or a tile of it, any real dtype.
    ranges
        (C, 2), see :func:`grey_range`.

    Returns
    -------
    ndarray
        (C, Y, X) float32, clipped to [-4, 8]; 0 where the range is empty.
    """
    out = np.empty(pixels.shape, dtype=np.float32)
    # Small integers are exact in float32; a large offset is taken away in float64.
    exact = np.can_cast(pixels.dtype, np.float32)
    precision = np.float32 if exact else np.float64
    for channel, (low, high), result in zip(pixels, ranges, out, strict=True):
        scale = 1.0 / max(high - low, _SMALLEST_RANGE) if high > low else 0.0
        np.subtract(channel, low, out=result, dtype=precision, casting="same_kind")
        np.multiply(result, np.float32(scale), out=result)
        np.clip(result, *CLIP, out=result)
    return out


def normalise(plane: np.ndarray) -> np.ndarray:
    """Map each channel's 1st and 99.8th percentile to 0 and 1.

    Parameters
    ----------
    plane
        (C, Y, X), any real dtype.

    Returns
    -------
    ndarray
        (C, Y, X) float32, clipped to [-4, 8].
    """
    return rescale(plane, grey_range(plane))


def _without_alpha(image: np.ndarray) -> np.ndarray:
    return image[..., :3] if image.shape[-1] == 4 and image.dtype == np.uint8 else image


def _pile(image: np.ndarray) -> Planes:
    """Merge the axes before (C, Y, X)."""
    lead = image.shape[:-3]
    return Planes(image.reshape(-1, *image.shape[-3:]), lead)
