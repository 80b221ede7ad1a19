"""The thread that waits for the learner, so that the window never does."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from qtpy.QtCore import QObject, Signal

from napari_unet.learner.messages import Reply

_JOIN_SECONDS = 5.0


class Supervisor(QObject):
    """Carries the learner's replies to the main thread.

    A thread of its own rather than a superqt worker: such a worker takes a place in the thread
    pool that all plugins share, and replaces the warning filters of the whole process, both for
    as long as it runs, which here is as long as the dock is open.
    ``replies`` is iterated in the thread, ``apply`` is called in the main thread.
    """

    replied = Signal(object)

    def __init__(
        self, replies: Callable[[], Iterator[Reply]], apply: Callable[[Reply], None]
    ) -> None:
        super().__init__()
        self._replies = replies
        self._apply = apply
        self._ended = False
        self.replied.connect(self._on_replied)
        self._thread = threading.Thread(target=self._work, name="learner-supervise", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def end(self) -> None:
        """Wait for the thread; the learner has to be closed before. Late replies are dropped."""
        self._ended = True
        self._thread.join(_JOIN_SECONDS)

    @property
    def is_running(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def _work(self) -> None:
        for reply in self._replies():
            with suppress(RuntimeError):  # Qt may be gone already, as after a script's error
                self.replied.emit(reply)

    def _on_replied(self, reply: Reply) -> None:
        if not self._ended:
            self._apply(reply)
