"""How much is done, and how long the rest takes."""

from __future__ import annotations

import pytest
from qtpy.QtCore import QEvent, QObject

from napari_unet.widgets.qt import progress_bar
from napari_unet.widgets.qt.progress_bar import ProgressBar, left_text


@pytest.fixture
def clock(monkeypatch):
    """A time that goes on when it is told to."""
    now = [100.0]
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: now[0])
    return now


@pytest.fixture
def bar(qtbot, clock):
    bar = ProgressBar("bar", "how much")
    qtbot.addWidget(bar)
    return bar


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s left"), (119, "119 s left"), (150, "2 min left"), (9000, "2.5 h left")],
)
def test_a_long_time_is_not_told_in_seconds(seconds, text):
    assert left_text(seconds) == text


def test_the_rest_is_guessed_from_what_was_done_since_the_first_word(bar, clock):
    bar.show_share(0.5)  # half of it was there already
    assert bar.format() == "50 %"
    clock[0] += 10
    bar.show_share(0.6)
    assert (bar.value(), bar.format()) == (600, "60 %, 40 s left")


def test_nothing_is_guessed_before_there_is_anything_to_go_by(bar, clock):
    bar.show_share(0.0)
    clock[0] += 0.2
    bar.show_share(0.3)
    assert bar.format() == "30 %"
    clock[0] += 60
    bar.clear()
    bar.show_share(0.0)
    assert bar.format() == "0 %"


def test_the_next_work_begins_with_an_empty_bar(bar):
    bar.show_share(0.7)
    bar.clear()
    assert (bar.value() <= 0, bar.format()) == (True, "")


def test_new_values_are_drawn_together_and_not_at_once(qtbot, bar):
    drawn = []

    class Watch(QObject):
        def eventFilter(self, _watched, event):
            if event.type() == QEvent.Type.Paint:
                drawn.append(bar.value())
            return False

    watch = Watch()
    bar.show()
    qtbot.waitExposed(bar)
    qtbot.wait(50)
    bar.installEventFilter(watch)
    for share in (0.1, 0.2, 0.3):
        bar.show_share(share)
    assert not drawn
    qtbot.waitUntil(lambda: bool(drawn))
    assert drawn == [300]
