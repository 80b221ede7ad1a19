"""Ways from an image or its probabilities to objects."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_otsu
from skimage.measure import label
from skimage.segmentation import watershed

from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.images.normalise import normalise
from napari_unet.core.objects.label_instances import DEFAULTS, label_instances
from napari_unet.core.objects.split_touching import InstanceSettings

OURS = "ours"
COMPONENTS = "connected components"
LARGER = f"connected components of {DEFAULTS.smallest} px or more"
OTSU = "Otsu and watershed, no network"
METHODS = (OURS, COMPONENTS, LARGER, OTSU)

_PEAK_DISTANCE = 7  # pixels between two seeds, as scikit-image's own example has it for cells


def objects_by(method: str, image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """Return (Y, X) instance ids.

    Parameters
    ----------
    method
        One of ``METHODS``.
    image
        (Y, X), (Y, X, 3) or (C, Y, X).
    probabilities
        (2, Y, X): background and objects.
    """
    if method == OURS:
        return np.asarray(label_instances(probabilities))
    if method == COMPONENTS:
        return label(probabilities[1] >= DEFAULTS.threshold, connectivity=1)
    if method == LARGER:
        return np.asarray(label_instances(probabilities, settings=InstanceSettings(neck=0)))
    return otsu_watershed(normalise(pieces_like(image, probabilities[0], 2).data[0]).mean(axis=0))


def otsu_watershed(grey: np.ndarray) -> np.ndarray:
    """Return (Y, X) ids of bright objects: Otsu's threshold, a watershed of the distance to it."""
    smooth = gaussian(grey, sigma=1)
    mask = smooth > threshold_otsu(smooth)
    pieces = label(mask, connectivity=1)
    mask &= np.bincount(pieces.ravel())[pieces] >= DEFAULTS.smallest
    distance = ndimage.distance_transform_edt(mask)
    peaks = peak_local_max(distance, min_distance=_PEAK_DISTANCE, labels=pieces * mask)
    seeds = np.zeros(grey.shape, np.int32)
    seeds[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-distance, seeds, mask=mask)
