"""Painted pixels are counted however they were painted."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.labels.classes import describe_classes
from napari_unet.widgets.layers.strokes import new_annotation


@pytest.fixture
def strokes(desk):
    layer = new_annotation(desk.image, describe_classes((1, 2), "scribbles"))
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    return layer


def counts_become(qtbot, desk, expected):
    qtbot.waitUntil(lambda: desk.watch.counts == expected, timeout=2000)


def test_strokes_undo_redo_fill_and_new_data_are_noticed(qtbot, desk, strokes):
    strokes.brush_size = 1
    strokes.paint((3, 3), 2)
    counts_become(qtbot, desk, {2: 1})
    strokes.undo()
    counts_become(qtbot, desk, {})
    strokes.redo()
    counts_become(qtbot, desk, {2: 1})
    strokes.fill((10, 10), 1)
    counts_become(qtbot, desk, {1: 32 * 40 - 1, 2: 1})
    strokes.data = np.zeros((32, 40), np.uint8)
    counts_become(qtbot, desk, {})


def test_what_was_painted_before_counts_too(qtbot, desk):
    data = np.zeros((32, 40), np.int32)
    data[0, :5] = 3
    layer = desk.viewer.add_labels(data)
    desk.choice.annotation = layer
    counts_become(qtbot, desk, {3: 5})
    desk.choice.annotation = None
    counts_become(qtbot, desk, {})


def test_one_message_for_many_strokes(qtbot, desk, strokes):
    qtbot.waitSignal(desk.watch.changed, timeout=1000)
    qtbot.wait(50)
    heard = []
    desk.watch.changed.connect(lambda: heard.append(1))
    for column in range(30):
        strokes.paint((5, column), 2)
    qtbot.waitUntil(lambda: bool(heard), timeout=2000)
    qtbot.wait(50)
    assert len(heard) == 1


def test_planes_of_a_stack_are_known_at_once_when_asked(qtbot, desk):
    stack = desk.viewer.add_image(np.zeros((4, 32, 40)), axis_labels=("z", "y", "x"))
    layer = new_annotation(stack, describe_classes((1, 2), "scribbles"))
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    desk.viewer.dims.set_current_step(0, 1)
    layer.paint((1, 5, 5), 2)
    desk.viewer.dims.set_current_step(0, 3)
    layer.paint((3, 5, 5), 1)
    assert desk.watch.painted_planes() == {(1,): None, (3,): None}


def test_undo_from_another_plane_is_noticed(qtbot, desk):
    stack = desk.viewer.add_image(np.zeros((4, 32, 40)), axis_labels=("z", "y", "x"))
    layer = new_annotation(stack, describe_classes((1, 2), "scribbles"))
    desk.viewer.add_layer(layer)
    desk.choice.annotation = layer
    desk.viewer.dims.set_current_step(0, 1)
    layer.paint((1, 5, 5), 2)
    assert desk.watch.painted_planes() == {(1,): None}
    desk.viewer.dims.set_current_step(0, 3)
    layer.undo()
    assert desk.watch.painted_planes() == {}
