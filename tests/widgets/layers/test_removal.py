"""Layers of ours that go: napari's brush is off, and the window was drawn, before they do."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.widgets.layers.removal import remove_soon


@pytest.fixture
def modes(model):
    """A layer that is painted on, and the modes that layers are in when they are removed."""
    seen: list[str] = []
    model.layers.events.removing.connect(lambda event: seen.append(model.layers[event.index].mode))
    layer = model.add_labels(np.zeros((8, 8), np.uint8))
    layer.mode = "paint"
    return layer, seen


def test_the_brush_is_off_a_layer_that_goes(qtbot, model, modes):
    layer, seen = modes
    remove_soon(model, layer)
    assert layer in model.layers and not layer.visible
    qtbot.waitUntil(lambda: layer not in model.layers)
    assert seen == ["pan_zoom"]
