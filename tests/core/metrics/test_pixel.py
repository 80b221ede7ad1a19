from __future__ import annotations

import math

import numpy as np
import pytest

from napari_unet.core.metrics.pixel import iou, pixel_error
from napari_unet.errors import InvalidInput

TRUTH = np.array([[0, 0, 1, 1], [0, 0, 1, 1]])
PREDICTION = np.array([[0, 1, 1, 7], [0, 0, 1, 1]])


def test_pixel_error_is_the_fraction_of_differing_pixels():
    assert pixel_error(PREDICTION, TRUTH) == 2 / 8
    assert pixel_error(TRUTH, TRUTH) == 0


def test_pixel_error_of_binary_images_is_their_mean_squared_distance():
    """ISBI 2012: 'squared Euclidean distance between the original and the result labels'."""
    rng = np.random.default_rng(0)
    prediction, truth = rng.random((2, 9, 9)) < 0.4
    expected = np.mean((prediction.astype(float) - truth) ** 2)
    assert pixel_error(prediction, truth) == expected


def test_iou_is_intersection_over_union_of_each_class():
    assert iou(PREDICTION, TRUTH) == {0: 3 / 4, 1: 3 / 5, 7: 0.0}


def test_only_masked_pixels_are_scored():
    mask = TRUTH == 1
    assert pixel_error(PREDICTION, TRUTH, mask) == 1 / 4
    assert iou(PREDICTION, TRUTH, mask=mask) == {1: 3 / 4, 7: 0.0}


def test_nothing_scored_is_nan():
    nothing = np.zeros_like(TRUTH, bool)
    assert math.isnan(pixel_error(PREDICTION, TRUTH, nothing))
    assert iou(PREDICTION, TRUTH, mask=nothing) == {}


def test_boolean_images_have_classes_0_and_1():
    assert iou(TRUTH == 1, TRUTH == 1) == {0: 1.0, 1: 1.0}


def test_images_may_be_of_different_integer_types_and_3d():
    truth = np.stack([TRUTH, TRUTH])
    assert iou(truth.astype(np.uint64), truth.astype(np.int8)) == {0: 1.0, 1: 1.0}


@pytest.mark.parametrize("score", [pixel_error, iou])
@pytest.mark.parametrize(
    ("prediction", "mask"),
    [
        (PREDICTION[:1], None),
        (PREDICTION / 2, None),
        (-PREDICTION, None),
        (PREDICTION, np.ones((1, 4), bool)),
        (PREDICTION, np.ones((2, 4), int)),
    ],
)
def test_bad_input_is_refused(score, prediction, mask):
    with pytest.raises(InvalidInput):
        score(prediction, TRUTH, mask=mask)
