"""What is missing is said in words."""

from __future__ import annotations

import dask.array as da
import numpy as np
from napari.layers import Image, Labels

from fakes import model_file
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import header_of
from napari_unet.widgets.layers.readiness import why_not_segment, why_not_train
from napari_unet.widgets.layers.spots import Spot

IMAGE = Image(np.zeros((6, 7)), name="cells")
STROKES = Labels(np.zeros((6, 7), np.uint8))
CLASSES = describe_classes((1, 2), "scribbles")


def why(image=IMAGE, annotation=STROKES, painted=None):
    counts = {Spot(()): {1: 9, 2: 9} if painted is None else painted}
    return why_not_train(image, annotation, counts, CLASSES)


def test_training_needs_an_image_strokes_that_fit_and_two_classes():
    assert why() is None
    assert "Open an image" in why(image=None)
    assert "Press New strokes" in why(annotation=None)
    lazy = Labels(da.zeros((6, 7), dtype=np.uint8, chunks=3), name="lazy")
    assert "lazy is a dask array" in why(annotation=lazy)
    assert "6 x 5" in why(annotation=Labels(np.zeros((6, 5), np.uint8)))
    assert "at least one stroke" in why(painted={})
    assert "background" in why(painted={1: 10})
    assert "single objects" in why(painted=dict.fromkeys(range(1, 300), 1))


def test_strokes_need_something_of_the_image_under_them():
    pixels = np.full((6, 7), np.nan, np.float32)
    image, strokes = Image(pixels, contrast_limits=(0, 1)), np.zeros((6, 7), np.uint8)
    strokes[1, 2:4], strokes[4, 5] = 1, 2
    assert why(image, Labels(strokes)).startswith("Nothing was imaged under the strokes")
    pixels[0] = 1
    assert why(image, Labels(strokes)).startswith("Nothing was imaged under the strokes")
    pixels[4, 5] = 1
    assert why(image, Labels(strokes)) is None


def test_two_classes_without_background_are_enough():
    assert why(painted={2: 1, 3: 1}) is None


def test_segmenting_needs_a_model_and_an_image_that_fits_it():
    grey, color = header_of(model_file()), header_of(model_file(channels=3))
    rgb = Image(np.zeros((6, 7, 3), np.uint8), rgb=True)
    assert why_not_segment(IMAGE, grey) is None
    assert why_not_segment(rgb, color) is None
    assert "Train a model first" in why_not_segment(IMAGE, None)
    assert "Open an image" in why_not_segment(None, grey)
    assert why_not_segment(IMAGE, color).startswith("The model needs 3 channels, the image has 1")
    assert why_not_segment(rgb, grey).startswith("The model needs 1 channel, the image has 3")
