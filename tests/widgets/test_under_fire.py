"""The attacks of ``python -m benchmarks.trust``, in short: a monkey, and a few rounds of work."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.attacks.rounds import long_use
from benchmarks.attacks.window import under_fire


def test_a_monkey_in_the_window(make_window, tmp_path):
    """No exception, every stroke still there, and nothing left when the docks are closed."""
    end = under_fire(make_window(), tmp_path, actions=100)
    assert end.faults == []
    assert end.strokes > 5
    assert (end.left.threads, end.left.widgets) == ((), ())


def test_rounds_of_work_hold_nothing(make_window):
    """Threads, files and Qt objects; memory takes more rounds to be judged."""
    uses = long_use(make_window(), 3)
    for name in ("threads", "files", "objects"):
        first, last = getattr(uses[1], name), getattr(uses[-1], name)
        assert last <= first, name
