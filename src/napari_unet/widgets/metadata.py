"""What the plugin writes into a layer's metadata, so that it knows its own layers again.

And what the user chose for an image layer, so that the choice stays with it.
"""

from __future__ import annotations

from enum import Enum

from napari.layers import Layer

KEY = "napari_unet"


class Role(Enum):
    """What a layer is to the plugin."""

    STROKES = "strokes"
    SEGMENTATION = "segmentation"
    PROBABILITY = "probability"
    COMPARISON = "comparison"
    INSTANCES = "instances"
    CELLS = "cells"
    OUTLINES = "outlines"
