"""Ids over time."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.objects.link import link
from napari_unet.errors import InvalidInput


def test_ids_follow_the_largest_overlap():
    previous = np.array([[5, 5, 5, 0, 9, 9, 0]])
    current = np.array([[0, 1, 1, 1, 0, 2, 2]])
    np.testing.assert_array_equal(link(previous, current), [[0, 5, 5, 5, 0, 9, 9]])


def test_after_a_division_the_larger_half_keeps_the_id():
    previous = np.array([[3, 3, 3, 3, 3]])
    current = np.array([[1, 1, 0, 2, 2], [0, 0, 0, 2, 2]])
    previous = np.vstack([previous, [[0, 0, 0, 3, 3]]])
    np.testing.assert_array_equal(link(previous, current), [[4, 4, 0, 3, 3], [0, 0, 0, 3, 3]])


def test_of_equals_the_lower_id_goes_first():
    np.testing.assert_array_equal(link(np.array([[7, 7]]), np.array([[1, 2]])), [[7, 8]])
    np.testing.assert_array_equal(link(np.array([[4, 2]]), np.array([[1, 1]])), [[2, 2]])


def test_newcomers_get_unused_ids():
    previous, current = np.array([[1, 0, 0]]), np.array([[3, 0, 8]])
    np.testing.assert_array_equal(link(previous, current), [[1, 0, 2]])
    np.testing.assert_array_equal(link(previous, current, unused=40), [[1, 0, 40]])


def test_nothing_before_and_nothing_after():
    nothing, something = np.zeros((2, 3), int), np.array([[0, 1, 1], [2, 2, 0]])
    np.testing.assert_array_equal(link(nothing, something), something)
    assert not link(something, nothing).any()
    assert link(something, nothing).dtype == np.int32


def test_all_ids_stay_in_3d_where_nothing_moves(rng):
    cells = np.kron(rng.permutation(24).reshape(2, 3, 4) + 1, np.ones((2, 2, 2), int))
    np.testing.assert_array_equal(link(cells, (cells * 7) % 25), cells)


def test_shapes_must_agree():
    with pytest.raises(InvalidInput, match="same shape"):
        link(np.zeros((2, 3), int), np.zeros((3, 2), int))


def slow_link(previous, current):
    """Return the same by looking at each pair of objects."""
    out, free = np.zeros(current.shape, np.int32), int(previous.max()) + 1
    shared = [
        (-np.count_nonzero((previous == old) & (current == new)), old, new)
        for old in np.unique(previous[previous > 0])
        for new in np.unique(current[current > 0])
    ]
    best = {}
    for count, old, new in sorted(shared):
        if count and new not in best:
            best[new] = (count, old)
    taken = {}
    for new, (count, old) in best.items():
        taken.setdefault(old, []).append((count, new))
    kept = {min(wanting)[1]: old for old, wanting in taken.items()}
    for new in np.unique(current[current > 0]):
        if new in kept:
            out[current == new] = kept[new]
        else:
            out[current == new], free = free, free + 1
    return out


@pytest.mark.parametrize("highest", [9, 2**31 - 10])
def test_many_objects_of_any_id_are_linked_as_one_by_one(rng, highest):
    previous, current = (
        np.kron(rng.integers(0, 8, (6, 7)), np.ones((3, 4), np.int64)) for _ in range(2)
    )
    current = np.roll(current, (1, 2), (0, 1))
    previous[previous > 0] += highest - 9
    np.testing.assert_array_equal(link(previous, current), slow_link(previous, current))
