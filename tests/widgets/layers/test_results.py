"""Predictions become layers, one an image, and leave the user's choices alone."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import layer_names
from napari.layers import Layer
from qtpy.QtCore import QTimer

from fakes import model_file
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import header_of
from napari_unet.widgets.layers.picture import choose_axes
from napari_unet.widgets.layers.results import (
    legend_of,
    recolor,
    segmentation_of,
    set_classes,
    set_probabilities,
    write_classes,
    write_probabilities,
)
from napari_unet.widgets.layers.strokes import new_annotation, paint_with

CLASSES = describe_classes((1, 2, 3), "scribbles")
LEGEND = legend_of(header_of(model_file((1, 2, 3))), CLASSES)
IDS = np.tile(np.array([1, 2, 3], np.uint8), (6, 3))[:, :8]


@pytest.fixture
def image(model):
    return model.add_image(np.zeros((6, 8)), name="cells", scale=(2, 2), units="um")


@pytest.fixture
def strokes(model, image):
    layer = new_annotation(image, CLASSES)
    model.add_layer(layer)
    paint_with(model, layer, 2)
    return layer


def test_the_result_lies_on_the_image_below_the_strokes(model, image, strokes):
    write_classes(model, image, (), None, IDS, LEGEND)
    assert layer_names(model) == ["cells", "cells segmentation", "strokes on cells"]
    result = segmentation_of(model, image)
    assert np.array_equal(result.data, IDS)
    assert result.data.dtype == np.uint8
    assert tuple(result.scale) == (2, 2)
    assert result.units == image.units
    assert result.get_color(1)[3] == 0
    assert np.allclose(result.get_color(2), strokes.get_color(2))


def test_painting_goes_on_after_a_result(model, image, strokes):
    write_classes(model, image, (), None, IDS, LEGEND)
    assert model.layers.selection.active is strokes
    assert set(model.layers.selection) == {strokes}
    assert strokes.mode == "paint"


def test_the_same_layer_is_written_again_and_keeps_its_looks(model, image):
    write_classes(model, image, (), None, IDS, LEGEND)
    result = segmentation_of(model, image)
    result.opacity, result.visible, result.name = 0.2, False, "mine"
    write_classes(model, image, (), None, np.full((6, 8), 3, np.uint8), LEGEND)
    assert len(model.layers) == 2
    assert (result.opacity, result.visible) == (0.2, False)
    assert (result.data == 3).all()


def test_a_region_leaves_the_rest_as_it_was(model, image):
    write_classes(model, image, (), None, IDS, LEGEND)
    write_classes(model, image, (), (1, 3, 2, 5), np.full((2, 3), 3, np.uint8), LEGEND)
    expected = IDS.copy()
    expected[1:3, 2:5] = 3
    assert np.array_equal(segmentation_of(model, image).data, expected)


def test_a_plane_of_a_stack_is_written_alone(model):
    stack = model.add_image(np.zeros((4, 6, 8)), axis_labels=("z", "y", "x"))
    write_classes(model, stack, (2,), None, IDS, LEGEND)
    result = segmentation_of(model, stack)
    assert result.data.shape == (4, 6, 8)
    assert np.array_equal(result.data[2], IDS)
    assert not result.data[[0, 1, 3]].any()


def test_ids_beyond_a_byte_widen_the_layer(model, image):
    write_classes(model, image, (), None, IDS, LEGEND)
    large = legend_of(header_of(model_file((1, 300))), ())
    write_classes(model, image, (), (0, 1, 0, 1), np.full((1, 1), 300, np.uint16), large)
    result = segmentation_of(model, image)
    assert result.data[0, 0] == 300
    assert np.array_equal(result.data[1:], IDS[1:])


def test_the_result_follows_an_image_that_was_moved(model, image):
    write_classes(model, image, (), None, IDS, LEGEND)
    image.translate = (5, 5)
    write_classes(model, image, (), None, IDS, LEGEND)
    assert tuple(segmentation_of(model, image).translate) == (5, 5)


def test_results_take_the_newest_colours(model, image):
    write_classes(model, image, (), None, IDS, LEGEND)
    recolor(model, describe_classes((1, 2), "scribbles"))
    red = [entry.model_copy(update={"color": "#FF0000"}) for entry in CLASSES]
    recolor(model, red)
    result = segmentation_of(model, image)
    assert np.allclose(result.get_color(2), (1, 0, 0, 1))
    assert result.get_color(1)[3] == 0


def test_probabilities_are_one_layer_a_class(model, image, strokes):
    probabilities = np.stack([np.full((6, 8), p, np.float32) for p in (0.2, 0.3, 0.5)])
    write_probabilities(model, image, (), None, probabilities, LEGEND)
    write_probabilities(model, image, (), (0, 2, 0, 2), probabilities[:, :2, :2] * 0, LEGEND)
    layers = [layer for layer in model.layers if "probability" in layer.name]
    assert [layer.name for layer in layers] == [
        f"cells probability of {entry.name}" for entry in CLASSES
    ]
    assert not layers[0].visible and layers[1].visible
    assert layers[2].data[0, 0] == 0 and layers[2].data[5, 5] == 0.5
    assert model.layers.selection.active is strokes
    assert model.dims.ndim == 2


def test_results_of_other_axes_take_the_place_of_those_before_which_go_one_a_turn(
    qtbot, model, image, strokes
):
    write_classes(model, image, (), None, IDS, LEGEND)
    flat = np.full((3, 6, 8), 0.3, np.float32)
    write_probabilities(model, image, (), None, flat, LEGEND)
    names = layer_names(model)
    model.layers.remove(strokes)
    image.data = np.zeros((4, 6, 8))
    choose_axes(image, "ZYX")
    stack, seen, ticks = np.repeat(IDS[None], 4, axis=0), [], []
    ticker = QTimer()
    ticker.timeout.connect(lambda: ticks.append(1))
    ticker.start(0)
    model.layers.events.removed.connect(lambda _event: seen.append(len(ticks)))
    set_classes(model, image, [stack], LEGEND)
    set_probabilities(model, image, [np.repeat(flat[:, None], 4, axis=1)], LEGEND)
    assert segmentation_of(model, image).data.shape == (4, 6, 8)
    qtbot.waitUntil(lambda: len(seen) == 4)
    assert len(set(seen)) == 4
    assert sorted(layer_names(model)) == sorted(set(names) - {"strokes on cells"})
    assert {layer.data.shape for layer in model.layers} == {(4, 6, 8)}
    assert np.array_equal(segmentation_of(model, image).data, stack)


def test_a_dense_models_background_is_zero(model, image):
    legend = legend_of(header_of(model_file((0, 1), kind="instances")), CLASSES)
    assert (legend.background, legend.strokes) == (0, False)
    write_classes(model, image, (), None, np.ones((6, 8), np.uint8), legend)
    recolor(model, CLASSES)
    assert segmentation_of(model, image).get_color(1)[3] == 1


def test_whole_results_of_large_images_are_pyramids(qtbot, model, image):
    """They take the place of what was there, a pyramid or not."""
    first = set_classes(model, image, [IDS], LEGEND)
    assert set_classes(model, image, [IDS + 1], LEGEND) is first
    second = set_classes(model, image, [IDS, IDS[::4, ::4]], LEGEND)
    assert second.multiscale and segmentation_of(model, image) is second
    third = set_classes(model, image, [IDS], LEGEND)
    assert not third.multiscale
    qtbot.waitUntil(lambda: layer_names(model) == ["cells", "cells segmentation"])


def test_an_image_that_is_opened_again_finds_its_results(model):
    rng = np.random.default_rng(0)
    pixels, others = rng.random((2, 6, 8)).astype(np.float32)
    image = model.add_image(pixels, name="cells")
    write_classes(model, image, (), None, IDS, LEGEND)
    result = segmentation_of(model, image)
    model.layers.remove(image)
    other = model.add_image(others, name="cells")
    assert segmentation_of(model, other) is None
    again = model.add_image(pixels.copy(), name="cells")
    assert segmentation_of(model, again) is result
    assert segmentation_of(model, other) is None
    write_classes(model, again, (), None, IDS + 1, LEGEND)
    assert np.array_equal(result.data, IDS + 1)


def test_a_duplicate_of_an_image_has_no_results(model):
    image = model.add_image(np.random.default_rng(0).random((6, 8)).astype(np.float32))
    write_classes(model, image, (), None, IDS, LEGEND)
    twin = model.add_layer(Layer.create(*image.as_layer_data_tuple()))
    assert segmentation_of(model, twin) is None
    assert segmentation_of(model, image) is not None
