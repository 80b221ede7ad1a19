"""The simulated annotator paints as a careful person would."""

from __future__ import annotations

import numpy as np
import pytest
from benchmarks.strokes.annotator import (
    LONGEST,
    WIDTH,
    Annotator,
    brushed,
    deepest,
    largest_error,
    length_of,
    ridge,
)
from benchmarks.strokes.person import Stroke, person_seconds, score_at
from scipy import ndimage


def labyrinth() -> np.ndarray:
    """(96, 96): background, winding bands of 3 to 9 px (1), and a large disc (2)."""
    rows, columns = np.mgrid[:96, :96]
    bands = np.abs(np.sin(rows / 9 + 2 * np.sin(columns / 14))) < 0.35
    truth = bands.astype(np.uint8)
    truth[np.hypot(rows - 60, columns - 62) < 24] = 2
    return truth


def stroke(region: np.ndarray, seed: int = 0) -> np.ndarray:
    """Paint through the middle of a region."""
    return brushed(ridge(region, deepest(region), np.random.default_rng(seed)), region.shape)


def test_strokes_never_leave_their_class():
    truth = labyrinth()
    for seed in range(5):
        annotator = Annotator([truth, truth.T], 3, np.random.default_rng(seed))
        annotator.begin()
        for _ in range(3):
            annotator.correct([np.zeros_like(truth), np.zeros_like(truth)])
        for labels, correct in zip(annotator.labels, (truth, truth.T), strict=True):
            painted = labels > 0
            assert painted.any()
            np.testing.assert_array_equal(labels[painted], correct[painted] + 1)


def test_it_begins_with_two_strokes_a_class_on_the_first_image_alone():
    truth = labyrinth()
    annotator = Annotator([truth, truth], 3, np.random.default_rng(0))
    annotator.begin()
    assert len(annotator.strokes) == 6
    assert set(np.unique(annotator.labels[0])) == {0, 1, 2, 3}
    assert not annotator.labels[1].any()


def test_a_round_adds_one_stroke_a_class_and_image_and_keeps_the_old_ones():
    truth = labyrinth()
    annotator = Annotator([truth, truth], 3, np.random.default_rng(0))
    annotator.begin()
    before = annotator.labels[0].copy()
    annotator.correct([truth + 1, np.ones_like(truth)])  # the first image has no errors at all
    assert len(annotator.strokes) == 12
    np.testing.assert_array_equal(annotator.labels[0][before > 0], before[before > 0])


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "region",
    [np.ones((90, 120), bool), labyrinth() == 0, labyrinth() == 1, labyrinth() == 2],
    ids=["everything", "background", "bands", "disc"],
)
def test_a_stroke_is_at_most_40_px_long_and_3_px_wide(region, seed):
    line = stroke(region, seed)
    rows, columns = np.nonzero(line)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) <= LONGEST
    assert line.sum() <= LONGEST * WIDTH * np.sqrt(2)  # a slanted square brush is wider
    assert not ndimage.binary_erosion(line, np.ones((5, 5))).any()
    assert ndimage.label(line, np.ones((3, 3)))[1] == 1


def test_a_stroke_follows_the_middle_of_a_band():
    band = np.zeros((40, 60), bool)
    band[16:25] = True  # its middle is row 20
    line = stroke(band)
    rows, columns = np.nonzero(line)
    assert (rows.min(), rows.max()) == (19, 21)
    assert np.ptp(columns) > 30


def test_a_stroke_through_a_disc_is_more_than_a_dot_and_stays_inside():
    rows, columns = np.mgrid[:40, :40]
    disc = np.hypot(rows - 20, columns - 20) < 9
    line = stroke(disc)
    assert line.sum() > 30
    assert not (line & ~disc).any()


def test_the_largest_error_is_the_thickest_not_a_thin_ring():
    rows, columns = np.mgrid[:80, :80]
    distance = np.hypot(rows - 40, columns - 40)
    ring = (distance > 36) & (distance < 37.5)
    core = distance < 9
    found = largest_error(ring | core)
    np.testing.assert_array_equal(found, core)


def test_a_correction_lands_on_the_largest_error_of_its_class():
    truth = np.zeros((60, 90), np.uint8)
    truth[10:20, 10:20] = 1
    truth[30:50, 40:70] = 1
    prediction = np.ones_like(truth)  # both squares are missed
    prediction[50:, :30] = 2  # and some background
    annotator = Annotator([truth], 2, np.random.default_rng(0))
    annotator.correct([prediction])
    foreground = annotator.labels[0] == 2
    assert foreground[30:50, 40:70].any()
    assert not foreground[:25].any()
    background = annotator.labels[0] == 1
    assert background[50:, :30].sum() > 30
    assert not background[:48].any()


def test_what_is_painted_already_is_not_painted_again():
    truth = np.zeros((60, 90), np.uint8)
    truth[10:20, 10:40] = 1
    truth[40:44, 10:40] = 1
    annotator = Annotator([truth], 2, np.random.default_rng(0))
    annotator.labels[0][10:20, 10:40] = 2
    annotator.correct([np.ones_like(truth)])
    assert (annotator.labels[0][40:44] == 2).any()


def test_a_class_that_an_image_does_not_show_gets_no_stroke():
    annotator = Annotator([np.zeros((30, 30), np.uint8)], 2, np.random.default_rng(0))
    annotator.begin()
    annotator.correct([np.ones((30, 30), np.uint8)])
    assert len(annotator.strokes) == 3
    assert set(np.unique(annotator.labels[0])) == {0, 1}


def test_the_same_seed_paints_the_same():
    truth = labyrinth()
    arrays = []
    for _ in range(2):
        annotator = Annotator([truth, truth], 3, np.random.default_rng(3))
        annotator.begin()
        annotator.correct([np.ones_like(truth), np.ones_like(truth)])
        arrays.append(annotator.labels)
    np.testing.assert_array_equal(arrays[0], arrays[1])


def test_a_person_paints_travels_searches_and_looks():
    strokes = [Stroke((0, 0), (0, 40), 40.0), Stroke((30, 80), (30, 80), 0.0)]
    assert person_seconds(strokes[:1], looks=0) == pytest.approx(0.1 + 0.2)
    assert person_seconds(strokes, looks=3) == pytest.approx(0.1 + 50 / 800 + 2 * 0.2 + 3 * 0.2)
    assert person_seconds([], looks=0) == 0


def test_a_person_has_the_newest_answer_until_the_last():
    spent, scores = [2.0, 5.0, 9.0], [0.3, 0.6, 0.5]
    found = [score_at(seconds, spent, scores) for seconds in (1.9, 2, 4.9, 5, 9, 9.1)]
    assert found == [None, 0.3, 0.3, 0.6, 0.5, None]


def test_the_way_of_a_stroke_is_known_from_end_to_end():
    band = np.zeros((40, 60), bool)
    band[16:25] = True
    path = ridge(band, deepest(band), np.random.default_rng(0))
    steps = np.abs(np.diff(path, axis=0))
    assert steps.max() == 1 and steps.sum(axis=1).min() >= 1  # neighbours, none twice
    assert LONGEST - WIDTH - 2 < length_of(path) <= LONGEST - WIDTH
    annotator = Annotator([band.astype(np.uint8)] * 2, 2, np.random.default_rng(0))
    annotator.begin()
    annotator.correct([np.ones((40, 60), np.uint8)] * 2)
    assert annotator.looks == 2
    assert max(one.length for one in annotator.strokes) <= LONGEST
    assert all(band[one.start] == band[one.end] for one in annotator.strokes)
