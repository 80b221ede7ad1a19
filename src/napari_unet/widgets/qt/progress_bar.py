"""How much of a work is done, and how long the rest takes."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from qtpy.QtWidgets import QProgressBar

STEPS = 1000  # of a whole work
_SOONEST = 1.0  # seconds after which the rest can be guessed
_MINUTE, _HOUR = 60, 3600


def left_text(seconds: float) -> str:
    """Say how long a work still takes: in seconds, or of a long one in minutes or hours."""
    if seconds < 2 * _MINUTE:
        return f"{round(seconds)} s left"
    if seconds < 2 * _HOUR:
        return f"{round(seconds / _MINUTE)} min left"
    return f"{seconds / _HOUR:.1f} h left"


class ProgressBar(QProgressBar):
    """A bar that is drawn when the window is.

    Qt draws a bar at once at each new value, and with it the canvas beside it, which takes 50 ms
    or, where napari has changed much on it, seconds.
    """

    def __init__(self, name: str, tool_tip: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tool_tip)
        self.setRange(0, STEPS)
        self._begun: tuple[float, float] | None = None  # first share, and when it was told
        self.clear()

    def clear(self) -> None:
        """Show nothing, and be ready for another work."""
        self._begun = None
        with self._drawn_later():
            self.reset()
            self.setFormat("")

    def show_share(self, share: float) -> None:
        """Show which share of the work is done, in [0, 1], and guess how long the rest takes."""
        now = time.monotonic()
        if self._begun is None:
            self._begun = share, now
        first, start = self._begun
        text = f"{100 * share:.0f} %"
        if share > first and now - start >= _SOONEST:
            text += f", {left_text((now - start) * (1 - share) / (share - first))}"
        self.show_text(share, text)

    def show_text(self, share: float, text: str) -> None:
        """Show a share and words; where the words are the same, nothing is drawn."""
        if text != self.format():
            with self._drawn_later():
                self.setFormat(text)
                self.setValue(round(STEPS * min(share, 1.0)))

    @contextmanager
    def _drawn_later(self) -> Iterator[None]:
        self.setUpdatesEnabled(False)
        yield
        self.setUpdatesEnabled(True)
