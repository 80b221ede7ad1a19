"""Labels are checked once, where they come from outside."""

import numpy as np
import numpy.typing as npt

from napari_unet.errors import InvalidInput


def check_labels(labels: npt.ArrayLike) -> np.ndarray:
    """Refuse labels that are no class ids.

    Integers, booleans, or floats that are whole numbers become an integer array; negative values
    are refused.
    """
    labels = np.asarray(labels)
    if labels.dtype == bool:
        labels = labels.astype(np.uint8)
    if labels.dtype.kind == "f":
        whole = np.isfinite(labels).all() and (labels == np.rint(labels)).all()
        if not whole:
            raise InvalidInput("labels must be whole numbers; this array has others.")
        labels = labels.astype(np.int64)
    if labels.dtype.kind not in "iu":
        raise InvalidInput(f"labels of type {labels.dtype} are not class ids; use whole numbers.")
    if labels.size and int(labels.min()) < 0:
        raise InvalidInput("labels must not be negative; use 0 for unlabelled pixels.")
    return labels
