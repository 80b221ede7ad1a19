"""Labels that are no strokes are noticed, and strokes are not."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Labels
from skimage.draw import disk, line

from napari_unet.widgets.desk.doubts import doubt_about
from napari_unet.widgets.layers.spots import Spot
from napari_unet.widgets.layers.strokes import count_ids

SHAPE = (120, 160)


def doubt(plane):
    return doubt_about(Labels(plane, name="mine"), {Spot(()): count_ids(plane)})


def discs(count: int):
    """Discs of 6 pixels' radius in rows, each of an id of its own."""
    plane = np.zeros(SHAPE, np.uint16)
    for number in range(count):
        plane[disk((10 + 18 * (number // 8), 10 + 18 * (number % 8)), 6)] = number + 1
    return plane


def strokes(classes: int):
    """Two strokes a class, five pixels wide, somewhere each."""
    plane, random = np.zeros(SHAPE, np.uint8), np.random.default_rng(0)
    for number in range(2 * classes):
        ends = random.integers(5, 110, 4)
        for shift in range(5):
            rows, columns = line(*ends)
            plane[rows + shift, columns] = number % classes + 1
    return plane


@pytest.mark.parametrize("count", [4, 12, 40])
def test_single_objects_below_64_ids(count):
    assert f"{count} different ids, which look like single objects" in doubt(discs(count))


def test_many_ids_of_any_shape():
    stripes = np.zeros(SHAPE, np.uint8)
    for number in range(15):
        stripes[8 * number : 8 * number + 4] = number + 1
    assert "15 different ids; as strokes, each would be a class of its own" in doubt(stripes)


@pytest.mark.parametrize("classes", [2, 5, 12])
def test_strokes_are_strokes(classes):
    assert doubt(strokes(classes)) is None


def test_nothing_painted_is_no_doubt():
    assert doubt(np.zeros(SHAPE, np.uint8)) is None


def test_every_pixel_labelled():
    assert "every pixel is labelled: is this a result?" in doubt(np.where(strokes(3) == 2, 2, 1))


def test_of_a_stack_only_labelled_slices_count():
    stack = np.zeros((3, *SHAPE), np.uint8)
    stack[1] = 1
    stack[1, :9] = 2
    counts = {Spot((z,)): count_ids(stack[z]) for z in range(3)}
    assert "every pixel" in doubt_about(Labels(stack, name="mine"), counts)
    stack[2, 3, 3] = 1
    counts[Spot((2,))] = {1: 1}
    assert doubt_about(Labels(stack, name="mine"), counts) is None


def test_a_mask_is_not_only_background():
    said = doubt((discs(12) > 0).astype(np.uint8))
    assert "0 and 1 alone, as a mask has" in said


def test_more_than_64_are_told_elsewhere():
    assert doubt(np.arange(np.prod(SHAPE)).reshape(SHAPE)) is None
