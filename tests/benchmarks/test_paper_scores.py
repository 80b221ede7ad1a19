"""Scores of images, and what becomes of those that are undefined."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.crossval.data import Folder, Sample
from benchmarks.crossval.results import ImageScores
from benchmarks.crossval.scoring import THRESHOLDS, score_image, score_membranes
from benchmarks.crossval.summary import iou_by_class, quality, summarise

from napari_unet.core.metrics.membranes import boundary_scores
from napari_unet.core.metrics.objects import seg
from napari_unet.errors import InvalidInput


def folder_of(kind: str = "classes", membrane: int | None = None) -> Folder:
    names = ("background", "thing")
    return Folder("cells", (), (0, 1), names, kind, membrane, ())


def sample_of(labels: np.ndarray) -> Sample:
    return Sample("a", labels, labels, (labels > 0).astype(np.int16))


def predicted(classes: np.ndarray) -> np.ndarray:
    """Return probabilities of 0.8 for these classes, (2, Y, X)."""
    return np.where(np.stack([classes == 0, classes > 0]), 0.8, 0.2).astype(np.float32)


def scores_of(found: np.ndarray, truth: np.ndarray, kind: str, membrane=None) -> ImageScores:
    return score_image(
        predicted(found), sample_of(truth), folder_of(kind, membrane), near=False, seconds=2.0
    )


def discs(*centres) -> np.ndarray:
    """Return (40, 60) with discs of radius 6 and the ids 1, 11, 21, ..."""
    rows, columns = np.mgrid[:40, :60]
    out = np.zeros((40, 60), np.uint8)
    for number, (y, x) in enumerate(centres):
        out[np.hypot(rows - y, columns - x) < 6] = 10 * number + 1
    return out


def grid(every: int) -> np.ndarray:
    """Return (36, 36), True on lines that many pixels apart."""
    lines = np.arange(36) % every == 0
    return lines[:, None] | lines[None]


def test_objects_are_pooled_over_images_and_ids_may_have_gaps():
    truth = discs((10, 10), (10, 40), (30, 20))  # ids 1, 11, 21
    half = discs((10, 10), (10, 40))
    scored = [scores_of(truth, truth, "instances"), scores_of(half, truth, "instances")]
    assert (scored[1].objects.true, scored[1].objects.found) == (3, 2)
    values = summarise(scored, "objects")
    assert values["SEG"].value == pytest.approx((3 + 2) / 6)
    assert values["AP 0.5"].value == pytest.approx(5 / 6)
    assert values["F1 0.5"].value == pytest.approx(10 / 11)
    assert summarise(scored[1:], "objects")["SEG"].value == pytest.approx(seg(half, truth))
    assert quality(scored[0], "objects") > quality(scored[1], "objects")


def test_an_image_without_objects_has_no_seg_and_says_why():
    empty = np.zeros((40, 60), np.uint8)
    nothing = scores_of(empty, empty, "instances")
    values = summarise([nothing], "objects")
    assert values["SEG"].value is None and "no test image has an object" in values["SEG"].reason
    assert values["IoU of objects"].value is None
    assert values["pixel error"].value == 0
    assert quality(nothing, "objects") == 1  # ranked by pixels
    full = scores_of(discs((10, 10)), discs((10, 10)), "instances")
    assert summarise([nothing, full], "objects")["SEG"].value == pytest.approx(1)


def test_false_objects_in_an_empty_image_cost_precision():
    empty = np.zeros((40, 60), np.uint8)
    values = summarise([scores_of(discs((10, 10)), empty, "instances")], "objects")
    assert values["AP 0.5"].value == 0
    assert values["IoU of objects"].value == 0


def test_membranes_are_scored_at_the_threshold_that_is_best_for_all_images():
    truth = grid(12)
    faint = np.where(truth, 0.3, 0.0)
    strong = np.where(truth, 0.9, 0.1)
    images = [
        ImageScores(name, False, 1.0, ((0, 0), (0, 0)), None, score_membranes(p, truth))
        for name, p in (("faint", faint), ("strong", strong))
    ]
    values = summarise(images, "membranes")
    assert values["pixel error"].value == 0
    assert values["pixel error"].threshold == pytest.approx(0.1)  # 0.05 takes all of strong
    assert values["V_rand"].value == pytest.approx(1)
    assert values["warping error"].value == 0
    apart = summarise(images[1:], "membranes")
    assert apart["Rand error"].threshold == pytest.approx(0.1)


def test_membrane_scores_are_those_of_the_library():
    rng = np.random.default_rng(0)
    truth = grid(9)
    noisy = np.clip(0.7 * truth + 0.4 * rng.random(truth.shape), 0, 1)
    image = ImageScores("a", False, 1.0, ((0, 0), (0, 0)), None, score_membranes(noisy, truth))
    values = summarise([image], "membranes")
    for name, key in (("V_rand", "v_rand"), ("V_info", "v_info"), ("Rand error", "rand_error")):
        found = [getattr(boundary_scores(noisy > at, truth), key) for at in THRESHOLDS]
        best = min(found) if key == "rand_error" else max(found)
        assert values[name].value == pytest.approx(best)
        assert values[name].threshold == THRESHOLDS[found.index(best)]


def test_an_image_that_is_all_membrane_has_no_regions_to_score():
    everything = np.ones((36, 36), np.uint8)
    scored = scores_of(everything, everything, "classes", membrane=1)
    assert scored.membranes["V_rand"] is None
    assert scored.membranes["pixel error"] is not None
    values = summarise([scored], "membranes")
    assert values["V_rand"].value is None and "region" in values["V_rand"].reason
    usual = scores_of(grid(12), grid(12).astype(np.uint8), "classes", membrane=1)
    assert summarise([scored, usual], "membranes")["V_rand"].value == pytest.approx(1)


def test_a_class_that_is_nowhere_does_not_count():
    truth = np.zeros((8, 8), np.uint8)
    scored = scores_of(truth, truth, "classes")
    assert iou_by_class([scored]) == [1.0, None]
    assert summarise([scored], "classes")["mean IoU"].value == 1


def test_no_images_give_no_values():
    values = summarise([], "membranes")
    assert {value.value for value in values.values()} == {None}
    assert {value.reason for value in values.values()} == {"there is no such test image"}


@pytest.mark.parametrize(
    "wrong", [np.zeros((2, 7, 8), np.float32), np.full((2, 8, 8), np.nan, np.float32)]
)
def test_a_prediction_that_is_none_is_refused(wrong):
    sample = sample_of(np.eye(8, dtype=np.uint8))
    with pytest.raises(InvalidInput, match="prediction of a"):
        score_image(wrong, sample, folder_of(), near=False, seconds=1.0)
