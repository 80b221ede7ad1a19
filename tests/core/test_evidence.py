"""What strokes say of a prediction."""

from __future__ import annotations

import math

import pytest

from napari_unet.core.evidence import Evidence


def test_before_any_evidence_nothing_is_believed():
    assert math.isnan(Evidence().believed)


def test_believes_the_latest_strokes_until_there_is_a_held_out_score():
    evidence = Evidence()
    for right in (0.0, 0.2, 0.4, 0.6, 0.8):
        evidence.add_stroke(right)
    assert evidence.believed == pytest.approx(0.5)
    evidence.add_score(0.7, tolerance=0.02)
    assert evidence.believed == 0.7


def test_worse_weights_are_not_shown():
    evidence = Evidence()
    shown = [evidence.add_score(value, tolerance=0.02) for value in (0.5, 0.6, 0.57, 0.59, 0.56)]
    assert shown == [True, True, False, True, False]


def test_scores_on_other_strokes_are_not_compared():
    evidence = Evidence()
    evidence.add_score(0.9, tolerance=0.02)
    evidence.strokes_changed()
    assert evidence.add_score(0.5, tolerance=0.02)


@pytest.mark.parametrize(("right", "text"), [(1.0, "Good enough"), (0.5, "paint where")])
def test_settles_when_nothing_has_improved_for_long(right, text):
    evidence = Evidence()
    for _ in range(4):
        evidence.add_stroke(right)
    count = 0
    while evidence.settled is None:
        evidence.add_score(0.8, tolerance=0.02)
        count += 1
        assert count < 100
    assert count > 20
    assert text in evidence.settled
