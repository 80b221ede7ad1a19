"""Any array from outside is checked once: whether it can be an image."""

import numpy as np

from napari_unet.errors import InvalidInput

NOTHING_IMAGED = (
    "every pixel of the image is NaN or infinite, so nothing was imaged; choose another image."
)
_LARGEST = float(np.finfo(np.float32).max)


def check_array(image: np.ndarray, *, may_be_constant: bool = False) -> np.ndarray:
    """Refuse what cannot be an image: empty, not numeric, constant, without a pixel imaged.

    NaN and infinite pixels were not imaged, as registration and stitching leave them. One plane of
    several may be constant.
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
    low, high = _extremes(image)
    if low > high and not may_be_constant:
        raise InvalidInput(NOTHING_IMAGED)
    if low <= high and max(-low, high) > _LARGEST:
        raise InvalidInput(
            "the image has pixels beyond what float32 can hold; divide it by a constant."
        )
    if low == high and not may_be_constant:
        raise InvalidInput(
            f"every pixel of the image is {float(low):g}, so there is nothing to learn or find; "
            "choose another image or channel."
        )
    return image


def _extremes(image: np.ndarray) -> tuple[float, float]:
    """Return the lowest and the highest finite value; infinity and minus infinity without any."""
    low, high = float(image.min()), float(image.max())
    if np.isfinite(low) and np.isfinite(high):
        return low, high
    finite = np.isfinite(image)
    return (
        float(image.min(initial=np.inf, where=finite)),
        float(image.max(initial=-np.inf, where=finite)),
    )
