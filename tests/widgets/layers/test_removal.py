"""Layers of ours that go: hidden at once, removed in a turn of the event loop of their own."""

from __future__ import annotations

import numpy as np

from napari_unet.widgets.layers.removal import remove_soon


def test_a_layer_goes_soon_and_is_hidden_at_once(qtbot, model):
    layers = [model.add_labels(np.zeros((8, 8), np.uint8)) for _ in range(3)]
    for layer in layers:
        remove_soon(model, layer)
    assert all(layer in model.layers and not layer.visible for layer in layers)
    qtbot.waitUntil(lambda: not model.layers)
