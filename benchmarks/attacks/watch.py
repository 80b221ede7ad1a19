"""What must not happen to a window: exceptions, stalls, and things that are left behind."""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from napari.utils.notifications import (
    ErrorNotification,
    Notification,
    notification_manager,
)
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QApplication

from benchmarks.attacks.stalls import OURS, LoopWatch, Stall

TICK_MS = 10
OWN_THREADS = ("learner-", "project-", "batch-")
OWN_FAULTS = ("something went wrong inside", "unexpectedly")  # what the program says of its bugs


@dataclass
class Watch:
    """What went wrong while it was watched.

    Attributes
    ----------
    doing
        What is done now, for the report.
    faults
        Exceptions, and messages that speak of one, with what was done then.
    theirs
        Exceptions of which no line is ours: napari raises them by itself.
    stalls
        Times that the event loop was away for long.
    """

    doing: str = "start"
    faults: list[tuple[str, str]] = field(default_factory=list)
    theirs: list[tuple[str, str]] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)

    def fault(self, text: str) -> None:
        """Note a fault."""
        theirs = text.startswith("Traceback") and OURS not in text
        (self.theirs if theirs else self.faults).append((self.doing, text))


@contextmanager
def watched() -> Iterator[Watch]:
    """Watch the application: every exception that nobody caught, and the event loop's gaps."""
    watch = Watch()
    loop = LoopWatch(watch.stalls, lambda: watch.doing)

    def on_exception(
        kind: type[BaseException], value: BaseException, trace: TracebackType | None
    ) -> None:
        watch.fault("".join(traceback.format_exception(kind, value, trace)))

    def on_thread_exception(arguments: threading.ExceptHookArgs) -> None:
        if arguments.exc_value is not None:
            on_exception(arguments.exc_type, arguments.exc_value, arguments.exc_traceback)

    def on_notification(notification: Notification) -> None:
        text = str(notification.message)
        if isinstance(notification, ErrorNotification):
            kept = notification.exception
            on_exception(type(kept), kept, kept.__traceback__)
        elif any(word in text.lower() for word in OWN_FAULTS):
            watch.fault(text)

    timer = QTimer()
    timer.timeout.connect(loop.tick)
    before = sys.excepthook, threading.excepthook
    notification_manager.notification_ready.connect(on_notification)
    sys.excepthook, threading.excepthook = on_exception, on_thread_exception
    timer.start(TICK_MS)
    try:
        with loop:
            yield watch
    finally:
        timer.stop()
        sys.excepthook, threading.excepthook = before
        notification_manager.notification_ready.disconnect(on_notification)


@dataclass(frozen=True)
class Belongings:
    """What belongs to the plugin in this process.

    Attributes
    ----------
    threads
        Names of running threads.
    widgets
        Kinds of widgets of the package that are alive.
    """

    threads: tuple[str, ...]
    widgets: tuple[str, ...]


def belongings() -> Belongings:
    """Return what belongs to the plugin now, after everything that was to go has gone."""
    for _ in range(3):
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
        QApplication.processEvents()
        gc.collect()
    threads = [t.name for t in threading.enumerate() if t.name.startswith(OWN_THREADS)]
    kinds = [type(widget) for widget in QApplication.allWidgets()]
    widgets = [kind.__name__ for kind in kinds if kind.__module__.startswith("napari_unet")]
    return Belongings(tuple(sorted(threads)), tuple(sorted(widgets)))


def let_run(seconds: float) -> None:
    """Let the event loop run."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def settled(condition: object, seconds: float = 10.0) -> bool:
    """Let the event loop run until a callable returns true; whether it did in that time."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        if condition():  # type: ignore[operator]
            return True
        let_run(0.01)
    return False
