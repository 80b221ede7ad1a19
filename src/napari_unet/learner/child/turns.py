"""Whose turn it is in the learner's process, and whose seconds are counted."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

HEAD_START = 0.5  # seconds of predictions before a training has its turn: a view takes fewer


class Stopwatch:
    """Counts the seconds in which it runs: a clock of the own time of one job."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._spent = 0.0
        self._since: float | None = None

    def __call__(self) -> float:
        """Return the seconds so far."""
        return self._spent + (0.0 if self._since is None else self._clock() - self._since)

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done meanwhile."""
        self._since = self._clock()
        try:
            yield
        finally:
            self._spent, self._since = self(), None


class Pace:
    """Leaves a slow line to others: what is large may take a tenth of it.

    There are at least ``least`` seconds from one to the next, also where the line is fast.
    """

    def __init__(self, clock: Callable[[], float], least: float = 0.0) -> None:
        self._clock, self._least = clock, least
        self._next = -math.inf

    @property
    def is_due(self) -> bool:
        """Whether the next may be sent."""
        return self._clock() >= self._next

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Note how long one takes to be sent."""
        start = self._clock()
        yield
        now = self._clock()
        self._next = now + max(self._least, 9 * (now - start))


@dataclass
class Turns:
    """Predictions first, since somebody looks at them, but no longer than a training too.

    A short prediction is done in one go. Of many, as of a batch, a training gets half of the time.
    """

    _owed: float = 0.0  # seconds that predictions took and a training that waited did not
    _paying: bool = False

    @property
    def predictions_first(self) -> bool:
        """Whether a prediction is next where a training waits too."""
        return not self._paying

    def note(self, *, training: bool, seconds: float) -> None:
        """Take in how long a training, or a prediction that it waited for, has just taken."""
        self._owed = max(0.0, self._owed + (-seconds if training else seconds))
        self._paying = self._owed > (0.0 if self._paying else HEAD_START)
