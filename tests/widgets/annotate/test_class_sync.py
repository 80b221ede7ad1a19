"""Names and colours travel with the layer that they were given to."""

from __future__ import annotations

import numpy as np
import pytest
from layer_helpers import paint_two_classes

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.annotate.class_sync import ClassSync
from napari_unet.widgets.layers.strokes import classes_of, is_dressed, new_annotation


@pytest.fixture
def sync(desk):
    return ClassSync(desk, desk.owner)


NAMED = (
    ClassInfo(id=1, name="stroma", color="#101010"),
    ClassInfo(id=2, name="glands", color="#202020"),
    ClassInfo(id=5, name="fat", color="#303030"),
)


def test_a_layer_brings_its_classes_along_and_keeps_changes(desk, sync):
    first = new_annotation(desk.image, desk.session.classes)
    second = new_annotation(desk.image, NAMED)
    desk.choice.annotation = first
    desk.session.rename_class(2, "nuclei")
    desk.choice.annotation = second
    assert desk.session.classes == NAMED
    desk.session.recolor_class(5, "#FF0000")
    desk.choice.annotation = first
    assert [entry.name for entry in desk.session.classes] == ["background", "nuclei"]
    assert classes_of(second)[2].color == "#FF0000"
    assert np.allclose(second.get_color(5), (1, 0, 0, 1))


def test_a_painted_id_without_a_class_gets_one(qtbot, desk, sync):
    layer = new_annotation(desk.image, desk.session.classes)
    desk.choice.annotation = layer
    layer.selected_label = 4
    assert layer.get_color(4)[3] == 1, "the stroke can be seen while it is painted"
    layer.paint((5, 5), 4)
    qtbot.waitUntil(lambda: [entry.id for entry in desk.session.classes] == [1, 2, 4])
    assert [entry.id for entry in classes_of(layer)] == [1, 2, 4]


def test_a_layer_of_strokes_from_elsewhere_is_taken_over(qtbot, desk, sync):
    layer = desk.viewer.add_labels(np.zeros((32, 40), np.uint8))
    paint_two_classes(layer)
    desk.choice.annotation = layer
    qtbot.waitUntil(lambda: is_dressed(layer))
    assert classes_of(layer) == desk.session.classes


def test_a_layer_of_objects_is_left_as_it_is(qtbot, desk, sync):
    layer = desk.viewer.add_labels(np.arange(32 * 40).reshape(32, 40))
    colormap = layer.colormap
    desk.choice.annotation = layer
    qtbot.waitUntil(lambda: len(desk.watch.counts) > 1000)
    qtbot.wait(50)
    assert not is_dressed(layer)
    assert layer.colormap is colormap
    assert len(desk.session.classes) == 2


def test_classes_of_an_opened_model_keep_those_that_are_painted(qtbot, desk, sync):
    layer = new_annotation(desk.image, NAMED)
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    layer.paint((5, 5), 5)
    qtbot.waitUntil(lambda: desk.watch.counts != {})
    desk.session.use_classes(NAMED[:2])
    qtbot.waitUntil(lambda: [entry.id for entry in desk.session.classes] == [1, 2, 5])
