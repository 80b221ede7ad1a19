from __future__ import annotations

from types import SimpleNamespace

from napari_unet.learner.child.turns import HEAD_START, Pace, Stopwatch, Turns


def test_a_stopwatch_counts_what_it_ran():
    now = [0.0]
    watch = Stopwatch(lambda: now[0])
    for inside in (2.0, 3.0):
        now[0] += 100
        with watch.running():
            now[0] += inside
            assert watch() in (2.0, 5.0)
    assert watch() == 5


def test_long_predictions_and_a_training_get_half_each():
    turns, spent = Turns(), {True: 0.0, False: 0.0}
    for _ in range(1000):
        training = not turns.predictions_first
        seconds = 0.3 if training else 0.1
        turns.note(training=training, seconds=seconds)
        spent[training] += seconds
    assert abs(spent[True] - spent[False]) <= HEAD_START + 0.3


def test_a_short_prediction_is_not_interrupted():
    turns = Turns()
    for _ in range(4):
        turns.note(training=False, seconds=0.1)
        assert turns.predictions_first


def test_what_is_large_takes_a_tenth_of_a_slow_line():
    clock = SimpleNamespace(now=0.0)
    pace = Pace(lambda: clock.now, least=5.0)
    assert pace.is_due
    with pace.sending():
        clock.now += 2
    assert not pace.is_due
    clock.now += 17.9
    assert not pace.is_due
    clock.now += 0.2
    assert pace.is_due
    with pace.sending():
        clock.now += 0.01
    clock.now += 4.9
    assert not pace.is_due
    clock.now += 0.2
    assert pace.is_due
