"""Somebody who paints strokes: a few at first, then one on the largest error of each class."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from benchmarks.strokes.person import Pixel, Stroke

LONGEST = 40  # pixels, the width of the brush included
WIDTH = 3
_FIRST_STROKES = 2  # a class
_NEIGHBOURS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
_TURNING = 0.5  # how much deeper, in pixels, a turn must lead, lest strokes curl on flat tops
_LOOK_AHEAD = 8  # pixels
_EIGHT = np.ones((3, 3), bool)


class Annotator:
    """Paints strokes into one scribble array an image, and never outside a class.

    Parameters
    ----------
    truths
        (Y, X) index of the class at each pixel, one array an image.
    classes
        Number of classes.
    rng
        Draws where the first strokes lie, and which way a stroke goes where both are as good.

    Attributes
    ----------
    labels
        (Y, X) uint8, one array an image: 0 unpainted, 1 background, 2 and up the other classes.
    strokes
        So far, in the order in which they were painted.
    looks
        Answers that were looked at so far, one an image and round.
    """

    def __init__(
        self, truths: Sequence[np.ndarray], classes: int, rng: np.random.Generator
    ) -> None:
        self._truths = list(truths)
        self._classes = classes
        self._rng = rng
        self.labels = [np.zeros(truth.shape, np.uint8) for truth in truths]
        self.strokes: list[Stroke] = []
        self.looks = 0

    def begin(self) -> None:
        """Paint two strokes a class into the first image, along the middle of some region."""
        for class_index in range(self._classes):
            for _ in range(_FIRST_STROKES):
                self._paint_anywhere(0, class_index)

    def correct(self, predictions: Sequence[np.ndarray]) -> None:
        """Paint one stroke a class into each image, on the largest error of that class.

        A class without errors gets a stroke where it is predicted well, so that each method gets
        as many strokes.

        Parameters
        ----------
        predictions
            (Y, X) class ids as painted, one array an image.
        """
        for index, (truth, prediction) in enumerate(zip(self._truths, predictions, strict=True)):
            self.looks += 1
            for class_index in range(self._classes):
                missed = (truth == class_index) & (prediction != class_index + 1)
                error = largest_error(missed & (self.labels[index] == 0))
                if error.any():
                    self._paint(index, class_index, error, deepest(error))
                else:
                    self._paint_anywhere(index, class_index)

    def _paint_anywhere(self, index: int, class_index: int) -> None:
        inside = self._truths[index] == class_index
        if not inside.any():
            return
        painted = self.labels[index] == class_index + 1
        far = (
            inside & (ndimage.distance_transform_edt(~painted) > LONGEST)
            if painted.any()
            else inside
        )
        choices = np.argwhere(far if far.any() else inside)
        row, column = choices[self._rng.integers(len(choices))]
        self._paint(index, class_index, inside, climb(depth_of(inside), (int(row), int(column))))

    def _paint(self, index: int, class_index: int, region: np.ndarray, start: Pixel) -> None:
        inside = self._truths[index] == class_index
        path = ridge(region, start, self._rng)
        self.labels[index][brushed(path, region.shape) & inside] = class_index + 1
        self.strokes.append(Stroke(path[0], path[-1], length_of(path)))


def largest_error(missed: np.ndarray) -> np.ndarray:
    """Return the largest connected component of an error, by area times thickness.

    A ring of one pixel around each object has a large area, but nobody sees it first: what counts
    is the sum over the component of the distance to its edge.

    Parameters
    ----------
    missed
        (Y, X) bool.

    Returns
    -------
    ndarray
        (Y, X) bool, nothing true if there is no error.
    """
    components, count = ndimage.label(missed, structure=_EIGHT)
    if count == 0:
        return missed
    size = ndimage.sum_labels(depth_of(missed), components, index=np.arange(1, count + 1))
    return components == 1 + int(np.argmax(size))


def depth_of(region: np.ndarray) -> np.ndarray:
    """Return each pixel's distance to the region's edge, beyond the image included, in pixels."""
    padded = np.pad(region, 1)
    return ndimage.distance_transform_edt(padded)[1:-1, 1:-1]


def deepest(region: np.ndarray) -> Pixel:
    """Return the pixel that is farthest from the region's edge."""
    row, column = np.unravel_index(int(np.argmax(depth_of(region))), region.shape)
    return int(row), int(column)


def climb(depth: np.ndarray, start: Pixel) -> Pixel:
    """Go uphill from a pixel to the middle of the region around it."""
    while True:
        around = [(start[0] + r, start[1] + c) for r, c in _NEIGHBOURS]
        best = max(around, key=lambda pixel: _at(depth, pixel))
        if _at(depth, best) <= depth[start]:
            return start
        start = best


def ridge(region: np.ndarray, start: Pixel, rng: np.random.Generator) -> list[Pixel]:
    """Go along the middle of a region, both ways from a pixel.

    The line follows the ridge of the distance to the region's edge: each step goes straight on or,
    where that is deeper, half to the side. It ends before the brush would reach over the edge.

    Parameters
    ----------
    region
        (Y, X) bool.
    start
        (row, column) in it, at best on the ridge.
    rng
        Decides between ways that are as good.

    Returns
    -------
    list of (int, int)
        Neighbouring pixels from end to end, at most 40 px long once painted.
    """
    depth = depth_of(region)
    depth = depth + 1e-3 * rng.random(depth.shape) * region
    least = 2.0 if depth[start] >= 2 else 1.0
    ahead = max(_NEIGHBOURS, key=lambda step: _sum_along(depth, start, step))
    longest = LONGEST - WIDTH
    one = ridge_from(depth, start, ahead, longest, least, ())
    two = ridge_from(depth, start, (-ahead[0], -ahead[1]), longest, least, one)
    half = max(longest / 2, longest - length_of(two))
    one = cut(one, half)
    two = cut(two, longest - length_of(one))
    return [*reversed(one), *two[1:]]


def brushed(path: Sequence[Pixel], shape: tuple[int, ...]) -> np.ndarray:
    """Return what a brush of 3 px paints along a path, (Y, X) bool of that shape.

    It may reach over the edge of a region that is thinner than the brush.
    """
    line = np.zeros(shape, bool)
    rows, columns = np.array(path).T
    line[rows, columns] = True
    return ndimage.binary_dilation(line, structure=np.ones((WIDTH, WIDTH), bool))


def ridge_from(
    depth: np.ndarray,
    start: Pixel,
    ahead: Pixel,
    longest: float,
    least: float,
    taken: Sequence[Pixel],
) -> list[Pixel]:
    """Walk along a ridge, turning by at most 45 degrees a step; return the pixels passed."""
    path, passed = [start], {start, *taken}
    while length_of(path) < longest:
        turn = _NEIGHBOURS.index(ahead)
        gains = {}
        for side in (0, -1, 1):
            way = _NEIGHBOURS[(turn + side) % 8]
            pixel = (path[-1][0] + way[0], path[-1][1] + way[1])
            if _at(depth, pixel) >= least and pixel not in passed:
                gains[way, pixel] = depth[pixel] - _TURNING * abs(side)
        if not gains:
            break
        ahead, best = max(gains, key=lambda choice: gains[choice])
        path.append(best)
        passed.add(best)
    return path


def length_of(path: Sequence[Pixel]) -> float:
    """Return the length of a path of neighbouring pixels, in pixels."""
    return sum(math.dist(a, b) for a, b in itertools.pairwise(path))


def cut(path: list[Pixel], longest: float) -> list[Pixel]:
    """Return the beginning of a path that is at most that long."""
    while length_of(path) > longest:
        path = path[:-1]
    return path


def _at(depth: np.ndarray, pixel: Pixel) -> float:
    """Return the depth at a pixel, 0 outside the image."""
    inside = all(0 <= at < length for at, length in zip(pixel, depth.shape, strict=True))
    return float(depth[pixel]) if inside else 0.0


def _sum_along(depth: np.ndarray, start: Pixel, step: Pixel) -> float:
    """Return the sum of depths on a straight line from a pixel."""
    return sum(
        _at(depth, (start[0] + far * step[0], start[1] + far * step[1]))
        for far in range(1, _LOOK_AHEAD + 1)
    )
