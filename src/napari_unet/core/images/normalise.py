"""Grey values become what a network or a forest sees."""

import numpy as np

from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import intensities_of

CLIP = (-4.0, 8.0)
_SMALLEST_RANGE = 1e-37  # the inverse of less is infinite in float32


def rescale(pixels: np.ndarray, intensities: Intensities) -> np.ndarray:
    """Map each channel's range to 0 and 1.

    (C, Y, X) or (C, Z, Y, X) of any real dtype, of a plane or volume or a part of it; the
    intensities are those of the whole. The same shape as float32, clipped to [-4, 8]; 0 where the
    range is empty. What is not finite was not imaged and becomes ground, so that it shows nothing.
    """
    out = np.empty(pixels.shape, dtype=np.float32)
    # Small integers are exact in float32; a large offset is taken away in float64.
    exact = np.can_cast(pixels.dtype, np.float32)
    precision = np.float32 if exact else np.float64
    for channel, known, result in zip(pixels, intensities, out, strict=True):
        scale = 1.0 / max(known.span, _SMALLEST_RANGE) if known.span > 0 else 0.0
        with np.errstate(invalid="ignore", over="ignore"):
            np.subtract(channel, known.low, out=result, dtype=precision, casting="same_kind")
            np.multiply(result, np.float32(scale), out=result)
        if channel.dtype.kind == "f":
            result[~np.isfinite(channel)] = known.place
        np.clip(result, *CLIP, out=result)
    return out


def not_imaged(pixels: np.ndarray) -> np.ndarray | None:
    """Return where a pixel is not finite in some channel, (*axes) bool; ``None`` for nowhere."""
    if pixels.dtype.kind != "f":
        return None
    finite = np.isfinite(pixels).all(axis=0)
    return None if finite.all() else ~finite


def normalise(plane: np.ndarray) -> np.ndarray:
    """Map each channel's range to 0 and 1, each image by itself.

    (C, Y, X) or (C, Z, Y, X); float32, clipped to [-4, 8].
    """
    return rescale(plane, intensities_of(plane))
