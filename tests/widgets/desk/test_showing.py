"""What is seen when an image is chosen: it, and no other's strokes and results over it."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import add_strokes
from napari.layers import Image

from napari_unet.core.labels.classes import describe_classes
from napari_unet.widgets.desk.showing import show_chosen
from napari_unet.widgets.layers.picture import choose_channels
from napari_unet.widgets.layers.results import Legend, set_classes

SHAPE = (16, 20)
LEGEND = Legend(describe_classes((1, 2), "scribbles"), 1, strokes=True)


@pytest.fixture
def wells(model):
    """Three images on one another; the first two have strokes and a result."""
    images = [model.add_image(np.full(SHAPE, i), name=f"A0{i}") for i in (1, 2, 3)]
    for image in images[:2]:
        strokes = add_strokes(model, image)
        strokes.name = f"strokes on {image.name}"
        set_classes(model, image, [np.ones(SHAPE, np.uint8)], LEGEND)
    return images


def seen(model) -> set[str]:
    return {layer.name for layer in model.layers if layer.visible}


def test_an_image_below_others_is_seen_with_its_own_layers_alone(model, wells):
    show_chosen(model, wells[0])
    assert seen(model) == {"A01", "strokes on A01", "A01 segmentation"}
    assert model.layers.selection.active.name == "strokes on A01"


def test_what_was_hidden_is_seen_when_its_image_is_chosen(model, wells):
    show_chosen(model, wells[0])
    show_chosen(model, wells[1])
    assert {"A02", "strokes on A02", "A02 segmentation"} <= seen(model)
    assert not {"A03", "strokes on A01", "A01 segmentation"} & seen(model)


@pytest.mark.parametrize("number", [0, 1])
def test_a_result_that_comes_while_another_image_is_chosen_is_seen_with_its_own(
    model, wells, number
):
    own, name = wells[number], f"{wells[number].name} segmentation"
    model.layers.remove(name)
    show_chosen(model, wells[2])
    set_classes(model, own, [np.ones(SHAPE, np.uint8)], LEGEND)
    assert seen(model) & {name, "A03"} == {"A03"}
    show_chosen(model, own)
    assert name in seen(model)


def test_a_result_that_the_user_hid_stays_hidden(model, wells):
    model.layers["A01 segmentation"].visible = False
    show_chosen(model, wells[1])
    show_chosen(model, wells[0])
    assert "A01 segmentation" not in seen(model)


def test_no_other_strokes_are_painted_on_where_it_has_none(model, wells):
    model.layers.selection.active = model.layers["strokes on A02"]
    show_chosen(model, wells[2])
    assert model.layers.selection.active is wells[2]
    assert "strokes on A02" not in seen(model)


def test_what_lies_beside_it_or_in_a_grid_stays(model, wells):
    wells[1].translate = (0, 20)
    wells[2].translate = (0, 40)
    model.layers["strokes on A02"].translate = (0, 20)
    show_chosen(model, wells[0])
    assert {"A01", "A02", "A03", "strokes on A02"} <= seen(model)
    model.grid.enabled = True
    wells[1].translate = wells[2].translate = (0, 0)
    show_chosen(model, wells[0])
    assert {"A01", "A02", "A03", "strokes on A02"} <= seen(model)


def test_channels_of_one_image_stay(model):
    below = model.add_image(np.zeros(SHAPE), name="DAPI")
    blended = model.add_image(np.zeros(SHAPE), name="GFP", blending="additive")
    taken: Image = model.add_image(np.zeros(SHAPE), name="phase")
    choose_channels(below, [(below, 0), (taken, 0)])
    show_chosen(model, below)
    assert all(layer.visible for layer in (below, blended, taken))
