"""Multi-scale filters of a plane, computed block by block where they are asked for."""

from __future__ import annotations

import numpy as np


def filters(patch: np.ndarray) -> np.ndarray:
    """Return multi-scale filters of a patch.

    Parameters
    ----------
    patch
        (C, Y, X) float32, normalised; results within ``MARGIN`` of its border depend on where it
        was cut.

    Returns
    -------
    ndarray
        (Y, X, 24 C) float32.
    """
    from skimage.feature import multiscale_basic_features  # loads matplotlib

    return multiscale_basic_features(
        patch, sigma_min=SIGMAS[0], sigma_max=SIGMAS[1], channel_axis=0
    )


SIGMAS = (0.5, 16.0)
FILTERS_A_CHANNEL = 24  # intensity, gradient and two Hessian eigenvalues at six scales
# The widest Gaussian is cut at four standard deviations; derivatives reach 2 px further.
MARGIN = 66
