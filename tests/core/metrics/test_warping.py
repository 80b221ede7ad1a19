from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.metrics.pixel import pixel_error
from napari_unet.core.metrics.warping import warp, warping_error
from napari_unet.errors import InvalidInput


def draw(*rows):
    """An image from rows of characters: # is object, anything else background."""
    return np.array([[character == "#" for character in row] for row in rows])


def topology(image):
    """Number of 4-connected objects and of 8-connected background components, outside included."""
    framed = np.pad(image, 1)
    return ndimage.label(framed)[1], ndimage.label(~framed, np.ones((3, 3)))[1]


TWO_CELLS = draw(
    "###.###",
    "###.###",
    "###.###",
    "###.###",
)


def test_equal_images_have_no_error():
    assert warping_error(TWO_CELLS, TWO_CELLS) == 0


def test_a_shifted_border_costs_nothing():
    """Jain et al. 2010: geometric disagreement that keeps the topology is forgiven."""
    shifted = np.roll(TWO_CELLS, 1, axis=1)
    shifted[:, 0] = True
    assert pixel_error(shifted, TWO_CELLS) > 0
    assert warping_error(shifted, TWO_CELLS) == 0


def test_a_merger_costs_the_whole_line_that_prevented_it():
    assert warping_error(np.ones_like(TWO_CELLS), TWO_CELLS) == 4 / 28


def test_a_gap_in_the_border_costs_the_gap():
    gap = TWO_CELLS.copy()
    gap[1, 3] = True
    assert warping_error(gap, TWO_CELLS) == 1 / 28


def test_a_lost_object_costs_one_pixel():
    truth = draw(".....", ".###.", ".###.", ".....")
    assert warping_error(np.zeros_like(truth), truth) == 1 / 20


def test_an_added_object_costs_all_its_pixels():
    """Pixels of a new object are not simple: none can flip before another has."""
    prediction = draw("..##.", "..##.", ".....")
    assert warping_error(prediction, np.zeros_like(prediction)) == 4 / 15


def test_a_hole_costs_its_pixels():
    prediction = draw("#####", "##..#", "#####", "#####")
    assert warping_error(prediction, np.ones_like(prediction)) == 2 / 20


def test_objects_are_4_connected_and_background_is_8_connected():
    """A diagonal of background separates; a diagonal of objects does not connect."""
    diagonal_border = draw("##.", "#.#", ".##")
    assert topology(diagonal_border) == (2, 1)
    assert warping_error(np.ones_like(diagonal_border), diagonal_border) == 3 / 9
    one_object = draw("#..", "##.", ".#.")
    diagonal_objects = draw("#..", ".#.", "...")
    assert warping_error(diagonal_objects, one_object) == 1 / 9


def test_outside_of_the_image_is_background():
    ring = draw("###", "#.#", "###")
    open_ring = draw("#.#", "#.#", "###")
    assert warping_error(open_ring, ring) == 1 / 9
    assert warping_error(np.ones_like(ring), open_ring) == 0


def test_long_detours_are_walked_to_their_end():
    """A snake that shrinks to its head: each flip makes only the next pixel simple."""
    snake = np.zeros((41, 41), bool)
    snake[:, -1] = np.arange(41) // 4 % 2 == 0
    snake[:, 0] = np.arange(41) // 4 % 2 == 1
    snake[::4] = True
    head = np.zeros_like(snake)
    head[0, 0] = True
    assert topology(snake) == (1, 1)
    assert warping_error(head, snake) == 0


binary_images = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=14).flatmap(
    lambda shape: st.tuples(hnp.arrays(bool, shape), hnp.arrays(bool, shape))
)


@settings(max_examples=150, deadline=None)
@given(binary_images)
def test_warping_keeps_the_topology_and_only_removes_differences(images):
    source, target = images
    warped = warp(source, target)
    assert topology(warped) == topology(source)
    assert not (warped != target)[source == target].any()


@settings(max_examples=40, deadline=None)
@given(binary_images)
def test_no_single_flip_that_keeps_the_topology_is_left(images):
    source, target = images
    warped = warp(source, target)
    for pixel in zip(*np.nonzero(warped != target), strict=True):
        flipped = warped.copy()
        flipped[pixel] ^= True
        assert not is_simple(np.pad(flipped, 1), (pixel[0] + 1, pixel[1] + 1))


def is_simple(image, pixel):
    """Bertrand and Malandain 1994: both topological numbers of the pixel are 1."""
    window = tuple(slice(i - 1, i + 2) for i in pixel)
    around = image[window].copy()
    around[1, 1] = False
    objects, _ = ndimage.label(around)
    sides = {objects[0, 1], objects[1, 0], objects[1, 2], objects[2, 1]} - {0}
    outside = ~image[window]
    outside[1, 1] = False
    return len(sides) == 1 and ndimage.label(outside, np.ones((3, 3)))[1] == 1


def test_the_images_are_not_changed():
    source, target = TWO_CELLS.copy(), np.roll(TWO_CELLS, 1, axis=1)
    warp(source, target)
    np.testing.assert_array_equal(source, TWO_CELLS)


def test_an_empty_image_is_nan():
    assert math.isnan(warping_error(np.zeros((0, 3), bool), np.zeros((0, 3), bool)))


@pytest.mark.parametrize(
    "prediction", [TWO_CELLS[:2], TWO_CELLS.astype(int), np.stack([TWO_CELLS, TWO_CELLS])]
)
def test_bad_input_is_refused(prediction):
    with pytest.raises(InvalidInput):
        warping_error(prediction, TWO_CELLS)
