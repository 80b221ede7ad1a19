"""The default colours of classes can be told apart, by colour-blind people too.

Strokes and segmentation are drawn in them, solid and at part of their opacity over the image.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from skimage.color import rgb2lab

from napari_unet.core.labels.classes import PALETTE

# Machado, Oliveira and Fernandes 2009, "A physiologically-based model for simulation of color
# vision deficiency", table of the supplement, severity 1.0; they act on linear RGB.
DEFICIENCIES = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
    "none": np.eye(3).tolist(),
}


def seen(colors: np.ndarray, deficiency: str) -> np.ndarray:
    """Return sRGB colours in [0, 1], (N, 3), as somebody with that deficiency sees them."""
    linear = np.where(colors <= 0.04045, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4)
    moved = np.clip(linear @ np.array(DEFICIENCIES[deficiency]).T, 0, 1)
    return np.where(moved <= 0.0031308, 12.92 * moved, 1.055 * moved ** (1 / 2.4) - 0.055)


def least_difference(colors: np.ndarray, deficiency: str) -> float:
    """Return the smallest distance of two of the colours in CIELAB (CIE76)."""
    lab = rgb2lab(seen(colors, deficiency))
    return min(float(np.linalg.norm(a - b)) for a, b in combinations(lab, 2))


COLORS = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in PALETTE])


# A difference of 2.3 is just noticeable.
@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize(("classes", "least"), [(2, 80), (len(COLORS), 15)])
def test_are_far_apart_as_strokes(deficiency, classes, least):
    assert least_difference(COLORS[:classes], deficiency) > least


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
@pytest.mark.parametrize(("classes", "least"), [(2, 45), (4, 6)])
@pytest.mark.parametrize("grey", [0.0, 0.5, 1.0])
def test_are_apart_as_a_segmentation_over_an_image_too(deficiency, classes, least, grey):
    shown = 0.5 * COLORS[:classes] + 0.5 * grey  # half of its opacity is the layer's
    assert least_difference(shown, deficiency) > least
