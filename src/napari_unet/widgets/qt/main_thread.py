"""Calls that another thread hands to the main thread."""

from collections.abc import Callable
from contextlib import suppress

from qtpy.QtCore import QObject, Signal


class MainThread(QObject):
    """Has functions called in the main thread, until it is closed; late ones are dropped."""

    _called = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.closed = False
        self._called.connect(self._on_called)

    def call(self, function: Callable[[], None]) -> None:
        """Call a function in the main thread, soon; from any thread.

        Where Qt has gone already, as after a script that ended in an error, nobody is left to hear.
        """
        if not self.closed:
            with suppress(RuntimeError):
                self._called.emit(function)

    def close(self) -> None:
        """Call nothing any more."""
        self.closed = True

    def _on_called(self, function: Callable[[], None]) -> None:
        if not self.closed:
            function()
