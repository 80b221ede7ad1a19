"""What strokes say of a prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_unet.core.live.evidence import Evidence, Opinion, judged
from napari_unet.core.live.stroke_book import Stroke


def opinion(truth: int, found: list[int], number: int = 1) -> Opinion:
    rows = np.arange(len(found))
    return Opinion(Stroke(number, 0, truth + 1, rows, rows + 5), truth, np.array(found))


def test_an_opinion_is_right_where_it_names_the_class():
    assert opinion(1, [1, 1, 0, 1]).right == 0.75


def test_the_score_is_the_intersection_over_union_of_balanced_classes():
    # All of class 0 is taken for class 1: 0 / 1 and 1 / 2.
    said = judged([opinion(0, [1] * 10), opinion(1, [1] * 40, number=2)], 2)
    assert np.mean(said.per_class) == pytest.approx(0.25)
    assert judged([opinion(0, [0])], 2).per_class[0] == 1


def test_what_is_said_of_a_class_leads_to_its_worst_stroke():
    said = judged([opinion(0, [0, 0, 0, 1]), opinion(0, [0, 1, 1, 1], number=2)], 2)
    report = said.report([4, 7], lambda image, at: (image, *at))
    assert report["by_class"][4].strokes == 2
    assert report["by_class"][4].worst == (0, 2, 7)
    assert report["mistake"] == (4, 7, 0.5)


def test_before_any_evidence_nothing_is_believed():
    assert math.isnan(Evidence().believed)


def test_believes_the_latest_strokes_until_there_is_a_held_out_score():
    evidence = Evidence()
    for right in (0.0, 0.2, 0.4, 0.6, 0.8):
        evidence.add_stroke(right)
    assert evidence.believed == pytest.approx(0.5)
    evidence.add_score(0.7)
    assert evidence.believed == 0.7


def test_worse_weights_are_not_shown():
    evidence = Evidence()
    shown = [evidence.add_score(value) for value in (0.5, 0.6, 0.57, 0.59, 0.56)]
    assert shown == [True, True, False, True, False]


def test_scores_on_other_strokes_are_not_compared():
    evidence = Evidence()
    evidence.add_score(0.9)
    evidence.strokes_changed()
    assert evidence.add_score(0.5)


@pytest.mark.parametrize(("right", "text"), [(1.0, "Good enough"), (0.5, "paint where")])
def test_settles_when_nothing_has_improved_for_long(right, text):
    evidence = Evidence()
    for _ in range(4):
        evidence.add_stroke(right)
    count = 0
    while evidence.settled is None:
        evidence.add_score(0.8)
        count += 1
        assert count < 100
    assert count > 20
    assert text in evidence.settled
