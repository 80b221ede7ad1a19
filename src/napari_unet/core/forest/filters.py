"""Multi-scale filters of a patch, and how a plane is cut into blocks; free of torch."""

from __future__ import annotations

import numpy as np

SIGMAS = (0.5, 16.0)
FILTERS_A_CHANNEL = 24  # intensity, gradient and two Hessian eigenvalues at six scales
# The widest Gaussian is cut at four standard deviations; derivatives reach 2 px further.
FILTER_MARGIN = 66
BLOCK = 512
MARGIN = 192  # pixels around a block that its features depend on: the encoder's are the widest
CONTEXT = 64  # pixels around a block that the refiner is given too; a multiple of its stride


def filters(patch: np.ndarray) -> np.ndarray:
    """Return multi-scale filters of a patch.

    (Y, X, 24 C) float32 of a normalised (C, Y, X) float32 patch; results within ``FILTER_MARGIN``
    of its border depend on where it was cut.
    """
    from skimage.feature import multiscale_basic_features  # loads matplotlib

    return multiscale_basic_features(
        patch, sigma_min=SIGMAS[0], sigma_max=SIGMAS[1], channel_axis=0
    )
