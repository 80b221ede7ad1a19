"""Strokes far apart make several pieces of a plane; each painted pixel is in one of them."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.images.box import Tile
from napari_unet.core.labels.scribble_border_weights import scribble_border_weights
from napari_unet.core.training.stroke_regions import piece_boxes, reach_of, stroke_pieces


def pieces(labels: np.ndarray, reach: int = 100, within=None):
    return stroke_pieces(labels, reach=reach, within=within)


def together(found, shape) -> np.ndarray:
    """Lay pieces over each other: the sum of their labels, and how often each was painted."""
    out = np.zeros(shape, np.int64)
    for box, labels in found:
        out[box.slices] += labels
    return out


def test_far_apart_strokes_make_a_piece_each():
    labels = np.zeros((3000, 2000), np.uint8)
    labels[100, 50:60] = 1
    labels[2500, 1500:1600] = 2
    found = pieces(labels)
    assert [set(np.unique(part)) for _, part in found] == [{0, 1}, {0, 2}]
    assert all(part.size < 600 * 600 for _, part in found)


def test_near_strokes_stay_together():
    labels = np.zeros((3000, 2000), np.uint8)
    labels[100, 50:60] = 1
    labels[200, 50:60] = 2
    ((_, part),) = pieces(labels)
    assert set(np.unique(part)) == {0, 1, 2}


def test_around_a_stroke_there_is_what_a_patch_sees():
    labels = np.zeros((3000, 2000), np.uint8)
    labels[1500, 1000] = 1
    for reach in (64, 100, reach_of("compact"), reach_of("unet2015")):
        ((box, _),) = pieces(labels, reach)
        assert box.rows[0] <= 1500 - reach and box.rows[1] > 1500 + reach
        assert box.columns[0] <= 1000 - reach and box.columns[1] > 1000 + reach
        assert box.rows[0] % 64 == box.columns[0] % 64 == 0


@settings(max_examples=40)
@given(st.data(), st.integers(1, 300))
def test_each_painted_pixel_is_in_one_piece(data, reach):
    shape = data.draw(st.tuples(st.integers(1, 3000), st.integers(1, 700)))
    labels = np.zeros(shape, np.uint8)
    for _ in range(data.draw(st.integers(1, 6))):
        row, column = (data.draw(st.integers(0, n - 1)) for n in shape)
        labels[row : row + 40, column : column + 3] = 1
    np.testing.assert_array_equal(together(pieces(labels, reach), shape), labels)


def test_a_long_chain_of_strokes_is_cut():
    cells = np.eye(800, dtype=bool)  # a diagonal through 51,200 x 51,200 pixels
    found = piece_boxes(cells, 256)
    assert len(found) > 5
    assert all(max(core.sides) * 64 <= 4096 for core, _ in found)
    count = np.zeros(cells.shape, int)
    for core, around in found:
        count[core.slices] += 1
        assert max(around.sides) * 64 <= 4096 + 2 * 256
    assert (count[cells] == 1).all()


def test_labels_of_another_piece_are_left_out():
    labels = np.zeros((9000, 300), np.uint8)
    labels[:, 10] = 1
    found = pieces(labels)
    assert len(found) > 1
    np.testing.assert_array_equal(together(found, labels.shape), labels)


def test_only_where_strokes_may_be_is_looked():
    class Labels:
        shape = (50_000, 50_000)
        pixels = 0

        def __getitem__(self, where):
            sides = [part.stop - part.start for part in where]
            self.pixels += sides[0] * sides[1]
            labels = np.zeros(sides, np.uint8)
            labels[0, 0] = 1
            return labels

    labels = Labels()
    within = [Tile((30_000, 30_010), (20_000, 20_010))]
    ((box, _),) = stroke_pieces(labels, reach=100, within=within)
    assert box.rows[0] < 30_000 < box.rows[1]
    assert labels.pixels < 10**6


def test_without_strokes_there_is_none():
    assert pieces(np.zeros((100, 100), np.uint8)) == []


def test_border_weights_of_a_piece_are_those_of_the_plane():
    labels = np.zeros((1500, 400), np.uint8)
    labels[200:240, 200] = labels[200:240, 210] = 2
    labels[200:240, 205] = 1
    labels[1200:1210, 100] = 1
    whole = scribble_border_weights(labels)
    assert whole.any()
    for box, part in pieces(labels):
        np.testing.assert_allclose(scribble_border_weights(part), whole[box.slices], atol=1e-5)
