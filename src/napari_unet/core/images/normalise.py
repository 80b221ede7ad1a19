"""Any array becomes planes of channels; each plane is checked and normalised."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unet.errors import InvalidInput

PERCENTILES = (1.0, 99.8)
_SAMPLED_PIXELS = 2**20
CLIP = (-4.0, 8.0)
_LARGEST = float(np.finfo(np.float32).max)
_SMALLEST_RANGE = 1e-37  # the inverse of less is infinite in float32


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
