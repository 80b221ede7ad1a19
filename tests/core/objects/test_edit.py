"""Objects are looked up and split by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.objects.edit import box_around, mask_of, moved, pixels_of, split_cell
from napari_unet.core.objects.measure import measure


@pytest.fixture
def ids():
    """Three objects in 6 x 8 pixels, one of which has an id beyond 16 bit."""
    ids = np.zeros((6, 8), np.int32)
    ids[0:2, 0:3] = 2
    ids[3:6, 1:2] = 70_001
    ids[2:4, 5:8] = 9
    return ids


def test_pixels_are_those_of_each_object(ids):
    found = pixels_of(ids, [70_001, 2, 5])
    assert list(found) == [2, 70_001]
    for number, pixels in found.items():
        np.testing.assert_array_equal(np.stack(pixels, axis=1), np.argwhere(ids == number))


@pytest.mark.parametrize("chosen", [[9], [2, 9], [2, 70_001, 5], [0, 2], []])
def test_a_mask_of_ids_is_that_of_isin(ids, chosen):
    expected = np.isin(ids, [number for number in chosen if number])
    np.testing.assert_array_equal(mask_of(ids, chosen), expected)


def test_a_box_has_a_margin_where_there_is_room(ids):
    assert box_around(ids == 9) == (slice(1, 5), slice(4, 8))
    assert box_around(ids == 5) is None


def discs(*centres: tuple[int, int]) -> np.ndarray:
    rows, columns = np.mgrid[:40, :60]
    return np.any([np.hypot(rows - r, columns - c) < 10 for r, c in centres], axis=0)


def test_two_discs_are_cut_between_them():
    mask = discs((20, 20), (20, 37))
    parts = split_cell(mask, None)
    np.testing.assert_array_equal(parts > 0, mask)
    assert parts.max() == 2
    columns = [np.argwhere(parts == part)[:, 1].mean() for part in (1, 2)]
    assert sorted(np.round(columns)) == pytest.approx([20, 37], abs=2)


def test_three_discs_are_cut_in_two():
    mask = discs((20, 10), (20, 27), (20, 45))
    parts = split_cell(mask, None)
    np.testing.assert_array_equal(parts > 0, mask)
    assert parts.max() == 2


def test_what_is_not_connected_comes_apart():
    parts = split_cell(discs((20, 12), (20, 45)), None)
    assert parts[20, 12] != parts[20, 45]


def test_an_object_without_a_waist_is_halved_across_its_long_axis():
    mask = np.zeros((20, 30), bool)
    mask[8:12, 5:25] = True
    parts = split_cell(mask, None)
    assert sorted(np.bincount(parts.ravel())[1:]) == [40, 40]
    assert len(np.unique(parts[8:12, 5:15])) == 1


def test_measurements_of_a_part_are_those_of_the_whole(ids):
    box = (slice(2, 6), slice(1, 8))
    part = np.where(ids == 9, ids, 0)[box]
    whole = measure(ids, pixel_size=(0.5, 0.25), unit="µm")
    found = moved(measure(part, pixel_size=(0.5, 0.25), unit="µm"), (2 * 0.5, 1 * 0.25))
    row = list(whole["id"]).index(9)
    for name, column in found.items():
        assert column[0] == pytest.approx(whole[name][row]), name
