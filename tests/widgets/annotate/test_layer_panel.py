"""Choosing layers, and making the one to paint on."""

from __future__ import annotations

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_unet.widgets.annotate.layer_panel import LayerPanel
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.roles import Role, entry, role_of


@pytest.fixture
def choice():
    return Choice()


@pytest.fixture
def panel(qtbot, model, session, choice):
    widget = LayerPanel(model, session, choice)
    qtbot.addWidget(widget)
    return widget


def texts(combo):
    return [combo.itemText(index) for index in range(combo.count())]


def test_nothing_open_nothing_to_do(panel, choice):
    assert choice.image is None
    assert not panel.new_button.isEnabled()
    assert "Open an image" in panel.new_button.toolTip()


def test_the_first_image_is_chosen_and_the_choice_survives_others(panel, model, choice):
    first = model.add_image(np.zeros((6, 7)), name="first")
    assert choice.image is first
    model.add_image(np.zeros((6, 7)), name="second")
    assert choice.image is first
    assert texts(panel.images) == ["first", "second"]
    model.layers.move(0, 2)
    assert texts(panel.images) == ["second", "first"]
    assert choice.image is first
    assert panel.images.currentText() == "first"


def test_names_follow(panel, model):
    layer = model.add_image(np.zeros((6, 7)), name="first")
    layer.name = "renamed"
    assert texts(panel.images) == ["renamed"]


def test_a_removed_layer_makes_place_for_the_next(panel, model, choice):
    first = model.add_image(np.zeros((6, 7)))
    second = model.add_image(np.zeros((6, 7)))
    model.layers.remove(first)
    assert choice.image is second
    model.layers.remove(second)
    assert choice.image is None
    assert not panel.new_button.isEnabled()


def test_results_are_not_on_offer(panel, model):
    model.add_image(np.zeros((6, 7)), name="picture")
    model.add_image(np.zeros((6, 7)), metadata=entry(Role.PROBABILITY))
    model.add_labels(np.zeros((6, 7), np.uint8), metadata=entry(Role.SEGMENTATION))
    assert texts(panel.images) == ["picture"]
    assert texts(panel.annotations) == []


def test_new_makes_a_layer_to_paint_on(qtbot, panel, model, choice):
    image = model.add_image(np.zeros((6, 7, 3), np.uint8), rgb=True, name="tissue", scale=(2, 2))
    qtbot.mouseClick(panel.new_button, Qt.MouseButton.LeftButton)
    layer = choice.annotation
    assert model.layers.selection.active is layer
    assert (layer.mode, layer.brush_size, layer.selected_label) == ("paint", 5, 2)
    assert layer.data.shape == (6, 7)
    assert tuple(layer.scale) == tuple(image.scale)
    assert role_of(layer) is Role.STROKES
    assert panel.annotations.currentText() == "strokes on tissue"


def test_strokes_that_fit_are_chosen_with_the_image(panel, model, choice):
    small = model.add_image(np.zeros((6, 7)))
    large = model.add_image(np.zeros((12, 14)))
    on_large = model.add_labels(np.zeros((12, 14), np.uint8))
    assert choice.image is small
    assert choice.annotation is None
    panel.images.choose(large)
    assert choice.annotation is on_large
    panel.images.choose(small)
    assert choice.annotation is None


def test_strokes_that_are_opened_later_are_chosen(panel, model, choice):
    model.add_image(np.zeros((6, 7)))
    strokes = model.add_labels(np.zeros((6, 7), np.uint8))
    assert choice.annotation is strokes
    model.layers.remove(strokes)
    assert choice.annotation is None
