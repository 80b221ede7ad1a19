from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_unet.core.labels.classes import BACKGROUND
from napari_unet.core.labels.targets import hold_out, make_target
from napari_unet.samples import tissue


def test_strokes_fit_the_image_and_the_classes():
    sample = tissue()
    assert sample.image.shape == (512, 512, 3)
    assert sample.image.dtype == np.uint8
    assert sample.strokes.shape == (512, 512)
    assert set(np.unique(sample.strokes)) == {0, *(entry.id for entry in sample.classes)}
    assert len({entry.color for entry in sample.classes}) == len(sample.classes) == 3


def test_strokes_are_few_and_thin():
    """As painted in a minute: little of the image, several strokes a class."""
    strokes = tissue().strokes
    assert 0.002 < (strokes > 0).mean() < 0.05
    for class_id in (1, 2, 3):
        painted = strokes == class_id
        assert ndimage.label(painted, structure=np.ones((3, 3)))[1] >= 4
        assert ndimage.distance_transform_edt(painted).max() < 8


def test_there_are_enough_to_hold_some_out():
    target = make_target(tissue().strokes, "scribbles", [1, 2, 3])
    (held,) = hold_out([target], "scribbles", 3, np.random.default_rng(0))
    assert held.held_out.any()


def test_brown_is_painted_brown_and_blue_blue():
    """Red above blue in what the antibody marks, blue above red in nuclei, the rest bright."""
    sample = tissue()
    mean = {k: sample.image[sample.strokes == k].mean(axis=0) for k in (1, 2, 3)}
    assert mean[2][0] > mean[2][2] + 20
    assert mean[3][2] > mean[3][0]
    assert mean[1].mean() > max(mean[2].mean(), mean[3].mean())
    assert sample.classes[0].id == BACKGROUND
