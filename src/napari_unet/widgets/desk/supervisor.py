"""The thread that waits for the learner, so that the window never does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from functools import partial

from napari_unet.learner.messages import Reply
from napari_unet.widgets.qt.main_thread import MainThread

_JOIN_SECONDS = 5.0


class Supervisor:
    """Carries the learner's replies to the main thread.

    A thread of its own rather than a superqt worker: such a worker takes a place in the thread
    pool that all plugins share, and replaces the warning filters of the whole process, both for
    as long as it runs, which here is as long as the dock is open.
    """

    def __init__(
        self, replies: Callable[[], Iterator[Reply]], apply: Callable[[Reply], None]
    ) -> None:
        self._replies, self._apply = replies, apply
        self._main = MainThread()
        self._thread = threading.Thread(target=self._work, name="learner-supervise", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Wait for the thread; the learner has to be closed before. Late replies are dropped."""
        self._main.close()
        self._thread.join(_JOIN_SECONDS)

    @property
    def is_running(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _work(self) -> None:
        for reply in self._replies():
            self._main.call(partial(self._apply, reply))
