"""Choosing layers, and making the one to paint on."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import add_strokes, paint_two_classes
from qtpy.QtCore import Qt

from napari_unet.widgets.annotate.layer_panel import LayerPanel
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.desk.paint_watch import PaintWatch
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.roles import Role, entry, role_of


@pytest.fixture
def choice():
    return Choice()


@pytest.fixture
def panel(qtbot, model, session, choice):
    widget = LayerPanel(
        Desk(model, session, Predictions(model, session), choice, PaintWatch(model, choice))
    )
    qtbot.addWidget(widget)
    return widget


def texts(combo):
    return [combo.itemText(index) for index in range(combo.count())]


def test_nothing_open_nothing_to_do(panel, choice):
    assert choice.image is None
    assert not panel.new_button.isEnabled()
    assert "Open an image" in panel.new_button.toolTip()


def test_a_newly_opened_image_is_chosen_while_nothing_is_painted(panel, model, choice):
    first = model.add_image(np.zeros((6, 7)), name="first")
    assert choice.image is first
    second = model.add_image(np.zeros((6, 7)), name="second")
    assert choice.image is second
    model.layers.move(0, 2)
    assert texts(panel.images) == ["second", "first"]
    assert choice.image is second
    assert panel.images.currentText() == "second"


def test_an_image_with_strokes_stays_chosen(qtbot, panel, model, choice):
    first = model.add_image(np.zeros((32, 40)), name="first")
    paint_two_classes(add_strokes(model, first))
    model.add_image(np.zeros((32, 40)), name="second")
    qtbot.wait(50)  # until they are counted
    model.add_image(np.zeros((32, 40)), name="third")
    assert choice.image is first


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


def test_strokes_are_chosen_with_their_image(panel, model, choice):
    first = model.add_image(np.zeros((6, 7)))
    on_first = add_strokes(model, first)
    second = model.add_image(np.zeros((6, 7)))
    panel.images.choose(second)
    assert choice.annotation is None
    on_second = add_strokes(model, second)
    assert choice.annotation is on_second
    panel.images.choose(first)
    assert choice.annotation is on_first


def test_strokes_that_were_chosen_for_an_image_come_back_with_it(panel, model, choice):
    first, second = (model.add_image(np.zeros((6, 7))) for _ in range(2))
    lower, _upper = add_strokes(model, first), add_strokes(model, first)
    panel.images.choose(first)
    panel.annotations.choose(lower)
    panel.images.choose(second)
    panel.images.choose(first)
    assert choice.annotation is lower


def test_strokes_that_are_opened_later_are_chosen(panel, model, choice):
    image = model.add_image(np.zeros((6, 7)))
    strokes = add_strokes(model, image)
    assert choice.annotation is strokes
    model.layers.remove(strokes)
    assert choice.annotation is None


def test_labels_of_others_are_offered_and_never_taken(panel, model, choice):
    model.add_image(np.zeros((6, 7)))
    labels = model.add_labels(np.zeros((6, 7), np.uint8), name="nuclei")
    assert choice.annotation is None
    assert texts(panel.annotations) == ["nuclei"]
    panel.annotations.choose(labels)
    assert choice.annotation is labels


def test_strokes_of_another_image_are_said_to_be(panel, model, choice):
    first, second = (model.add_image(np.zeros((6, 7)), name=name) for name in "ab")
    strokes = add_strokes(model, first)
    panel.images.choose(second)
    assert panel.note.isHidden()
    panel.annotations.choose(strokes)
    said = panel.note.label.text()
    assert said == "These are strokes of “a”; Train learns them on “b”."
    assert not panel.note.isHidden() and panel.note.button.isHidden()
    model.layers.remove(first)
    assert "of “a”, which is not open" in panel.note.label.text()
    panel.images.choose(second)
    panel.annotations.choose(None)
    assert panel.note.isHidden()
