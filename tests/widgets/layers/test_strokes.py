"""The annotation layer: made to fit, found again, with its classes."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.layers.picture import choose_axes
from napari_unet.widgets.layers.roles import KEY
from napari_unet.widgets.layers.strokes import (
    classes_of,
    count_ids,
    dress,
    find_annotation,
    is_dressed,
    new_annotation,
    prefer,
    take_over,
    too_many,
)

CLASSES = (
    ClassInfo(id=1, name="background", color="#112233"),
    ClassInfo(id=2, name="nuclei", color="#445566"),
)


def test_a_new_layer_fits_the_image_and_is_ready_to_paint():
    image = Image(np.zeros((4, 6, 7, 3), np.uint8), rgb=True, name="tissue", scale=(2, 1, 1))
    layer = new_annotation(image, CLASSES)
    assert layer.data.shape == (4, 6, 7)
    assert layer.data.dtype == np.uint8
    assert layer.name == "strokes on tissue"
    assert tuple(layer.scale) == (2, 1, 1)
    assert (layer.brush_size, layer.selected_label) == (5, 2)
    assert np.allclose(layer.get_color(2), np.array([0x44, 0x55, 0x66, 255]) / 255)
    assert layer.get_color(0) is None or layer.get_color(0)[3] == 0


def test_classes_travel_with_the_layer():
    layer = Labels(np.zeros((4, 4), np.uint8))
    assert classes_of(layer) is None
    dress(layer, CLASSES)
    assert is_dressed(layer)
    assert classes_of(layer) == CLASSES


@pytest.mark.parametrize(
    "stored", [None, "nonsense", {"role": "strokes"}, {"classes": [{"id": 1}]}]
)
def test_metadata_of_another_kind_is_no_classes(stored):
    assert classes_of(Labels(np.zeros((4, 4), np.uint8), metadata={KEY: stored})) is None


def test_an_image_has_its_own_strokes_and_no_others():
    image, other = Image(np.zeros((6, 7))), Image(np.zeros((6, 7)))
    own, plain = new_annotation(image, CLASSES), Labels(np.zeros((6, 7), np.uint8))
    layers = [image, other, own, plain]
    assert find_annotation(layers, image) is own
    assert find_annotation(layers, other) is None
    of_other = new_annotation(other, CLASSES)
    assert find_annotation([*layers, of_other], image) is own
    assert find_annotation([*layers, of_other], other) is of_other


def test_strokes_on_what_the_image_was_taken_as_before_do_not_fit():
    image = Image(np.zeros((3, 6, 7)))
    choose_axes(image, "ZYX")
    on_slices = new_annotation(image, CLASSES)
    choose_axes(image, "CYX")
    assert find_annotation([image, on_slices], image) is None
    choose_axes(image, "ZYX")
    assert find_annotation([image, on_slices], image) is on_slices


def test_of_several_the_last_chosen_comes_first_or_else_the_topmost():
    image = Image(np.zeros((6, 7)))
    lower, upper = new_annotation(image, CLASSES), new_annotation(image, CLASSES)
    layers = [image, lower, upper]
    assert find_annotation(layers, image) is upper
    prefer(image, lower)
    assert find_annotation(layers, image) is lower


def test_a_layer_that_is_taken_over_belongs_to_the_image_unless_it_has_one():
    image, other = Image(np.zeros((6, 7))), Image(np.zeros((6, 7)))
    plain, own = Labels(np.zeros((6, 7), np.uint8)), new_annotation(image, CLASSES)
    for layer in (plain, own):
        take_over(layer, other, CLASSES)
    assert find_annotation([image, other, plain, own], other) is plain
    assert find_annotation([image, other, plain, own], image) is own


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.uint16, np.int64])
def test_ids_above_zero_are_counted(dtype):
    plane = np.zeros((5, 5), dtype)
    plane[0, :3], plane[1, :2] = 1, 7
    if np.issubdtype(dtype, np.signedinteger):
        plane[4] = -3
    assert count_ids(plane) == {1: 3, 7: 2}


def test_no_strokes_no_counts():
    assert count_ids(np.zeros((5, 5), np.uint8)) == {}


def test_many_or_huge_ids_are_objects_not_classes():
    assert not too_many({1: 5, 2: 5})
    assert too_many(dict.fromkeys(range(1, 400), 1))
    assert too_many(count_ids(np.array([[1, 70000]])))
