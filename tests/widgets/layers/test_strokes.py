"""The annotation layer: made to fit, found again, with its classes."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.layers.roles import KEY
from napari_unet.widgets.layers.strokes import (
    classes_of,
    count_ids,
    dress,
    find_annotation,
    is_dressed,
    new_annotation,
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


def test_the_fitting_layer_is_found_and_the_plugins_own_comes_first():
    image = Image(np.zeros((6, 7)), scale=(2, 2))
    elsewhere = Labels(np.zeros((6, 7), np.uint8))
    smaller = Labels(np.zeros((6, 6), np.uint8), scale=(2, 2))
    own = new_annotation(image, CLASSES)
    plain = Labels(np.zeros((6, 7), np.uint8), scale=(2, 2))
    assert find_annotation([elsewhere, smaller, image], image) is None
    assert find_annotation([elsewhere, plain], image) is plain
    assert find_annotation([own, plain], image) is own


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
