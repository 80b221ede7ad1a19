"""What strokes say of a prediction."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_unet.core.live.mixing import Evidence, Opinion, best_share, score_of


def opinion(truth: int, first: float, network: float, pixels: int = 10) -> Opinion:
    """Two classes; the numbers are the probabilities of the true one."""

    def table(p: float) -> np.ndarray:
        row = np.full((2, pixels), 1 - p, np.float32)
        row[truth] = p
        return row

    return Opinion(truth, table(first), table(network))


def test_a_network_that_has_not_begun_does_not_count():
    assert best_share([], 0, 24) == 0
    assert best_share([opinion(1, 0.1, 0.9)] * 5, 0, 24) == 0


def test_without_evidence_both_count_the_same_in_the_end():
    assert 0 < best_share([], 50, 24) < best_share([], 1000, 24) == 0.5


def test_few_strokes_make_no_network_to_rely_on():
    assert 0 < best_share([], 1000, 4) < best_share([], 1000, 12) < best_share([], 1000, 24)
    told = [opinion(number % 2, 0.01, 0.99) for number in range(8)]
    assert best_share(told, 1000, 6) <= 0.25


@pytest.mark.parametrize(("first", "network", "share"), [(0.01, 0.99, 1.0), (0.99, 0.01, 0.0)])
def test_who_predicts_all_new_strokes_better_counts_more(first, network, share):
    opinions = [opinion(number % 2, first, network) for number in range(8)]
    assert best_share(opinions, 1000, 24) == share


def test_strokes_that_speak_for_either_change_nothing():
    opinions = [opinion(number % 2, *(0.1, 0.9)[:: 1 - 2 * (number % 2)]) for number in range(8)]
    assert best_share(opinions, 1000, 24) == 0.5


def test_one_stroke_does_not_overturn_the_habit():
    assert best_share([opinion(1, 0.6, 0.4)], 1000, 24) == 0.5


def test_the_score_is_the_intersection_over_union_of_balanced_classes():
    opinions = [opinion(0, 0.9, 0.2), opinion(1, 0.9, 0.9, pixels=40)]
    assert score_of(opinions, 0.0) == 1
    # The network takes all of class 0 for class 1: 0 / 1 and 1 / 2.
    assert score_of(opinions, 1.0) == pytest.approx(0.25)
    assert math.isnan(score_of([], 0.5))


def test_before_any_evidence_nothing_is_believed():
    assert math.isnan(Evidence().believed)


def test_believes_the_latest_strokes_until_there_is_a_held_out_score():
    evidence = Evidence()
    for right in (0.0, 0.2, 0.4, 0.6, 0.8):
        evidence.add_stroke(opinion(1, 0.5, 0.5), right)
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
        evidence.add_stroke(opinion(1, 0.5, 0.5), right)
    count = 0
    while evidence.settled is None:
        evidence.add_score(0.8)
        count += 1
        assert count < 100
    assert count > 20
    assert text in evidence.settled
