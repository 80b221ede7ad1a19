"""Where a model is unsure, and which place is worth a stroke next."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

WINDOW = 17  # pixels a side of a place: what is looked at around it, and what a stroke covers
APART = 24  # pixels between a place and those that were visited before
_CELL = 12  # pixels a side of a cell, of which the best place is kept
_LEAST = 0.01  # a place less unsure than that is not worth a stroke


@dataclass(frozen=True, eq=False)
class Places:
    """Places that may be worth a stroke.

    ``scores`` (N,) float32, the mean uncertainty around each, from 0 to 1; ``positions`` (N, ndim)
    int64, along each axis of what was looked at.
    """

    scores: np.ndarray
    positions: np.ndarray


@dataclass(frozen=True, eq=False)
class Doubt:
    """How unsure a model is of a plane, a volume, or a part of one.

    ``percent`` is (Y, X) or (Z, Y, X) uint8, the uncertainty of each pixel, 0 to 100.
    """

    percent: np.ndarray
    places: Places


def uncertainty(probabilities: np.ndarray) -> np.ndarray:
    """Return how close the two most probable classes are: 1 less the margin between them.

    The margin of Scheffer et al. 2001, "Active hidden Markov models for information extraction".
    Unlike the entropy it does not grow with classes that are out of the question (Joshi et al.
    2009, "Multi-class active learning for image classification"). With two classes both order the
    pixels alike. (K, *axes) that sum to 1, or are 0 where nothing was imaged, become (*axes)
    float32: 1 where two classes are equally probable and none more, 0 where one is certain. With
    one class 0.
    """
    if len(probabilities) < 2:
        return np.zeros(probabilities.shape[1:], np.float32)
    if len(probabilities) == 2:
        margin = np.abs(probabilities[0] - probabilities[1])
    else:
        second, first = np.partition(probabilities, -2, axis=0)[-2:]
        margin = first - second
    unsure = 1 - np.clip(margin, 0, 1)
    # Where nothing was imaged there is no class, and nothing to be unsure of.
    return np.where(probabilities.max(axis=0) > 0, unsure, 0).astype(np.float32)


def doubt_of(unsure: np.ndarray) -> Doubt:
    """Return the uncertainty of pixels, (Y, X) or (Z, Y, X), as what is shown and gone to."""
    return Doubt(np.rint(100 * unsure).astype(np.uint8), places_of(unsure))


def places_of(unsure: np.ndarray) -> Places:
    """Return the best place of each cell of 12 x 12 pixels, where the model is unsure at all.

    A place scores the mean uncertainty of the 17 x 17 pixels around it, which all are in the plane
    where that is large enough: the border of a thing is always unsure, but thin, and a stroke
    covers more than a pixel. That is how Mackowiak et al. 2018, "CEREALS", score a region, without
    its costs. (..., Y, X), from :func:`uncertainty`; planes are looked at one by one.
    """
    scores, positions = [], []
    for index in np.ndindex(*unsure.shape[:-2]):
        means = ndimage.uniform_filter(unsure[index], WINDOW, mode="mirror")
        for axis, length in enumerate(means.shape):
            if length > WINDOW:
                away = np.moveaxis(means, axis, 0)
                away[: WINDOW // 2] = away[-(WINDOW // 2) :] = -1
        best, at = _best_of_cells(means)
        kept = best >= _LEAST
        scores.append(best[kept])
        lead = np.broadcast_to(np.array(index, np.int64), (int(kept.sum()), len(index)))
        positions.append(np.concatenate([lead, at[kept]], axis=1))
    return joined([Places(*pair) for pair in zip(scores, positions, strict=True)], unsure.ndim)


def joined(parts: list[Places], ndim: int) -> Places:
    """Return the places of several parts, positions along ``ndim`` axes, as one."""
    return Places(
        np.concatenate([np.zeros(0, np.float32), *(part.scores for part in parts)]),
        np.concatenate([np.zeros((0, ndim), np.int64), *(part.positions for part in parts)]),
    )


def next_place(
    places: Places, visited: np.ndarray, is_painted: Callable[[tuple[int, ...]], bool]
) -> int | None:
    """Return the number of the place that the model is least sure of, of those that are left.

    Left out is what is painted, and what is within 24 pixels of a visited place, (M, ndim), in the
    same plane or in the one before or after it, where it would be the same thing again. Of equal
    places the first; ``None`` if nothing is left.
    """
    left = np.ones(len(places.scores), bool)
    for place in visited:
        away = np.abs(places.positions - place)
        near = (away[:, :-2] <= 1).all(axis=1)
        near[near] = np.hypot(*away[near, -2:].T) < APART
        left &= ~near
    numbers = np.flatnonzero(left)
    for number in numbers[np.argsort(-places.scores[numbers], kind="stable")]:
        if not is_painted(tuple(places.positions[number].tolist())):
            return int(number)
    return None


def _best_of_cells(means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest value of each cell of a plane, (N,), and where it is, (N, 2)."""
    rows, columns = (-(-length // _CELL) for length in means.shape)
    padded = np.full((rows * _CELL, columns * _CELL), -1, np.float32)
    padded[: means.shape[0], : means.shape[1]] = means
    cells = padded.reshape(rows, _CELL, columns, _CELL).swapaxes(1, 2).reshape(-1, _CELL**2)
    within = cells.argmax(axis=1)
    first = np.stack(np.divmod(np.arange(rows * columns), columns), axis=1)
    at = _CELL * first + np.stack(np.divmod(within, _CELL), axis=1)
    return cells[np.arange(len(cells)), within], at
