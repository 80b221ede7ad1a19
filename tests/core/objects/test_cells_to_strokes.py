"""Objects become strokes that a training can learn from."""

from __future__ import annotations

import numpy as np

from napari_unet.core.labels.scribble_border_weights import scribble_border_weights
from napari_unet.core.objects.cells_to_strokes import laid_over, strokes_of_cells

# Two cells that touch, and one alone.
IDS = np.zeros((20, 30), np.int32)
IDS[5:12, 4:10] = 1
IDS[5:12, 10:16] = 70_002
IDS[5:10, 22:26] = 3


def test_touching_cells_get_a_gap_and_a_ring_of_background():
    strokes = strokes_of_cells(IDS, [1, 70_002, 3], {1: 2, 70_002: 2, 3: 3}, ring=2)
    np.testing.assert_array_equal(strokes[8, 2:19], [1, 1, *[2] * 5, 1, 1, *[2] * 5, 1, 1, 0])
    assert set(np.unique(strokes[5:10, 22:26])) == {3}
    assert strokes[3, 6] == strokes[4, 6] == 1
    assert strokes[2, 6] == strokes[0, 0] == 0
    weights = scribble_border_weights(strokes)
    assert weights[8, 9] > weights[8, 2]


def test_a_neighbour_that_is_not_chosen_stays_unlabelled():
    strokes = strokes_of_cells(IDS, [1], {1: 2}, ring=2)
    assert not strokes[IDS == 70_002].any()
    assert strokes[8, 9] == 1 and strokes[8, 8] == 2
    assert not strokes[IDS == 3].any()


def test_what_was_taken_away_is_background():
    erased = np.zeros(IDS.shape, bool)
    erased[14:18, 4:8] = True
    erased[5:8, 4:6] = True  # a cell is there now
    strokes = strokes_of_cells(IDS, [], {}, erased=erased)
    np.testing.assert_array_equal(strokes > 0, erased & (IDS == 0))
    assert strokes.max() == 1


def test_volumes_have_rings_too():
    ids = np.zeros((5, 9, 9), np.int32)
    ids[2, 3:6, 3:6] = 7
    strokes = strokes_of_cells(ids, [7], {7: 2}, ring=1)
    assert strokes[2, 4, 4] == 2 and strokes[1, 4, 4] == 1 and strokes[0, 4, 4] == 0


def test_what_somebody_painted_wins():
    painted = np.array([[0, 1, 2, 0]], np.uint8)
    strokes = np.array([[2, 2, 2, 0]], np.uint8)
    assert laid_over(painted, strokes, None).tolist() == [[2, 1, 2, 0]]
    assert laid_over(painted, strokes, None, over_painted=True).tolist() == [[2, 2, 2, 0]]


def test_what_was_laid_earlier_gives_way_unless_it_was_painted_over():
    before = np.array([[2, 2, 2, 0]], np.uint8)
    painted = np.array([[2, 1, 2, 2]], np.uint8)
    strokes = np.array([[1, 2, 0, 1]], np.uint8)
    assert laid_over(painted, strokes, before).tolist() == [[1, 1, 2, 2]]
    assert laid_over(painted, strokes, before, forget=True).tolist() == [[1, 1, 0, 2]]
