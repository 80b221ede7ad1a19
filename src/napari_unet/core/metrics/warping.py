"""Warping error: what is left of the difference once shifted borders are forgiven.

Source: Jain et al., "Boundary learning by optimization with topological constraints", CVPR 2010.
Simple points after Bertrand and Malandain, "A new characterization of three-dimensional simple
points", Pattern Recognition Letters 15, 1994.

Objects (True) are 4-connected and background (False) is 8-connected, and outside the image lies
background: the evaluation of the ISBI 2012 challenge, where objects are cells and background is
membrane, does the same.
"""

from functools import cache

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.metrics.contingency import check_same_shape
from napari_unet.errors import InvalidInput

BoolArray = npt.NDArray[np.bool_]

# Row and column steps to the neighbours, in the order of the bits of a neighbourhood's code.
_NEIGHBOURS = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def warping_error(prediction: npt.ArrayLike, truth: npt.ArrayLike) -> float:
    """Fraction of pixels that differ after the truth was warped towards the prediction.

    A border that is only shifted costs nothing; a split, a merger, a lost or an added object or
    hole costs the pixels that cannot be warped away (Jain et al. 2010). Boolean (row, column), true
    inside objects: for membranes, objects are the cells, so pass the inverted membrane map. From 0
    to 1; nan if the image has no pixels.
    """
    warped = warp(truth, prediction)
    return float(np.mean(warped != np.asarray(prediction))) if warped.size else float("nan")


def warp(source: npt.ArrayLike, target: npt.ArrayLike) -> BoolArray:
    """Flip simple points of `source` that differ from `target` until there are none left.

    A pixel is simple if flipping it neither joins, splits, makes nor removes a component of the
    objects or of the background, so the result has the topology of `source`. Flipping only ever
    removes differences. The result may depend on the order in which pixels are flipped, and with it
    the number of differences that are left; here all borders move at one speed. Boolean (row,
    column).
    """
    start, goal = _checked_binary(source, "truth"), _checked_binary(target, "prediction")
    check_same_shape(goal, start)
    image, wrong = np.pad(start, 1), np.pad(start != goal, 1)  # framed by background
    width = image.shape[1]
    steps = np.array([row * width + column for row, column in _NEIGHBOURS])
    flat, wrong = image.ravel(), wrong.ravel()
    candidates = np.flatnonzero(wrong)
    while candidates.size:
        # Pixels that become simple in this round wait for the next: borders move by one pixel.
        layer = _simple(flat, candidates, steps)
        for field in _fields(layer, width):
            simple = _simple(flat, field, steps)
            flat[simple] ^= True
            wrong[simple] = False
        # Only the neighbours of a flip can have become simple.
        near = layer[:, np.newaxis] + np.append(steps, 0)
        candidates = np.unique(near[wrong[near]])
    return flat.reshape(image.shape)[1:-1, 1:-1]


def _simple(
    flat: BoolArray, pixels: npt.NDArray[np.intp], steps: npt.NDArray[np.intp]
) -> npt.NDArray[np.intp]:
    """Keep the simple points among `pixels`, indices into the flattened image `flat`."""
    codes = (flat[pixels[:, np.newaxis] + steps] << np.arange(8)).sum(axis=1)
    return pixels[_simple_neighbourhoods()[codes]]


def _fields(candidates: npt.NDArray[np.intp], width: int) -> list[npt.NDArray[np.intp]]:
    """Part the pixels into four fields in which no two are neighbours.

    Flipping the simple points of one field all at once is the same as one after the other.
    """
    row, column = np.divmod(candidates, width)
    field = row % 2 * 2 + column % 2
    return [candidates[field == i] for i in range(4)]


@cache
def _simple_neighbourhoods() -> BoolArray:
    """For each of the 256 neighbourhoods, whether the pixel in its middle is a simple point.

    It is if exactly one 4-connected component of the objects among the eight neighbours touches the
    pixel by a side, and exactly one 8-connected component of the background is among them.
    """
    simple = np.zeros(256, bool)
    sides = [(0, 1), (1, 0), (1, 2), (2, 1)]
    for code in range(256):
        patch = np.zeros((3, 3), bool)
        for bit, (row, column) in enumerate(_NEIGHBOURS):
            patch[1 + row, 1 + column] = code >> bit & 1
        outside = ~patch
        outside[1, 1] = False
        objects, _ = ndimage.label(patch)
        _, n_background = ndimage.label(outside, np.ones((3, 3)))
        touching = {objects[side] for side in sides} - {0}
        simple[code] = len(touching) == 1 and n_background == 1
    return simple


def _checked_binary(image: npt.ArrayLike, name: str) -> BoolArray:
    array = np.asarray(image)
    if array.dtype != np.bool_ or array.ndim != 2:
        raise InvalidInput(
            f"The {name} must be a boolean image with 2 axes, not {array.dtype} with {array.ndim}; "
            "compare it with a threshold, and pass one plane at a time."
        )
    return array
