"""Strokes that go on from plane to plane of a stack: one stroke, though planes are learnt."""

from collections.abc import Hashable, Iterator, Sequence
from itertools import combinations, product

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

Place = tuple[Hashable, tuple[int, ...]]
"""Where a plane lies: in which stack, and its index along each axis before the rows."""


def are_beside(one: Place, other: Place) -> bool:
    """Return whether two places are neighbours in a stack, diagonally too, or the same plane."""
    pairs = zip(one[1], other[1], strict=False)
    return one[0] == other[0] and all(abs(here - there) <= 1 for here, there in pairs)


def numbered_across(
    classes: Sequence[np.ndarray],
    strokes: Sequence[np.ndarray],
    places: Sequence[Place],
    origins: Sequence[tuple[int, ...]],
) -> list[np.ndarray]:
    """Give strokes numbers over all planes; those of a class that touch across planes are one.

    Of each plane: (Y, X) class indices, (Y, X) numbers of the strokes within it from 1, 0
    unlabelled, its place, and row and column of its first pixel where it is a part of one. Gives
    (Y, X) int32 numbers from 1, in the order of the planes; 0 unlabelled. Volumes, (Z, Y, X), of a
    series likewise.
    """
    counts = [int(plane.max(initial=0)) for plane in strokes]
    before = np.concatenate([[0], np.cumsum(counts)])
    pixels = [np.nonzero(plane) for plane in strokes]
    edges: list[np.ndarray] = []
    for i, j in combinations(range(len(strokes)), 2):
        if are_beside(places[i], places[j]):
            shift = np.subtract(origins[i], origins[j])
            for here, there in _touching(pixels[i], shift, strokes[j].shape):
                same = (strokes[j][there] > 0) & (classes[j][there] == classes[i][here])
                pairs = strokes[i][here][same], strokes[j][there][same]
                edges.append(np.stack([pairs[0] + before[i] - 1, pairs[1] + before[j] - 1]))
    ends = np.unique(np.concatenate(edges, axis=1), axis=1) if edges else np.zeros((2, 0), int)
    graph = coo_array((np.ones(ends.shape[1]), tuple(ends)), shape=(before[-1], before[-1]))
    _, joined = connected_components(graph, directed=False)
    out = []
    for plane, start, count in zip(strokes, before, counts, strict=False):
        names = np.concatenate([[0], joined[start : start + count] + 1]).astype(np.int32)
        out.append(names[plane])
    return out


def _touching(
    pixels: tuple[np.ndarray, ...], shift: np.ndarray, shape: tuple[int, ...]
) -> Iterator[tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...]]]:
    """Yield indices of pixels, and of their neighbours in a plane of another origin."""
    at = np.stack(pixels, axis=1)
    for step in product((-1, 0, 1), repeat=len(shape)):
        beside = at + shift + step
        inside = ((beside >= 0) & (beside < shape)).all(axis=1)
        yield tuple(at[inside].T), tuple(beside[inside].T)
