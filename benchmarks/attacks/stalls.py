"""Where the main thread is while the window's event loop is away."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

SHORTEST = 0.5  # seconds that are a stall
SAMPLE_EVERY = 0.1
OURS = "/napari_unet/"
_LOOP = "let_draw"  # of ours, but a turn of the event loop: what napari does in it is its own
_ROOTS = ("/site-packages/", "/src/", "/lib/")


@dataclass(frozen=True)
class Stall:
    """A time that the event loop was away.

    Attributes
    ----------
    seconds, cpu
        By the clock, and of the main thread's own work; where that is much less, it waited, for a
        lock, a disk or for other programs.
    doing
        What was done.
    where
        The place where the main thread was found most often: of the program's own lines that are
        called the innermost, or if none is, ``""``.
    inner
        The innermost line then.
    """

    seconds: float
    cpu: float
    doing: str
    where: str
    inner: str

    @property
    def ours(self) -> bool:
        """Whether the program's own lines were being called."""
        return bool(self.where)

    def __str__(self) -> str:
        whose = f"in {self.where}" if self.ours else "none of ours is called"
        times = f"{self.seconds:.2f} s, {self.cpu:.2f} s of work"
        return f"{times}; {self.doing}; {whose}; at {self.inner}"


class LoopWatch:
    """Notes stalls; while one lasts, the main thread is asked again and again where it is.

    It is asked by a signal, since the frames of a thread that runs cannot be looked at by another
    one without harm; so what is told is the line that follows a long call into a library.

    Parameters
    ----------
    stalls
        Where to note them.
    doing
        Says what is done now.
    """

    def __init__(self, stalls: list[Stall], doing: Callable[[], str]) -> None:
        self._stalls, self._doing = stalls, doing
        self._main = threading.get_ident()
        self._found: Counter[tuple[str, str]] = Counter()
        self._ended = threading.Event()
        self._last, self._work = time.perf_counter(), time.thread_time()
        self._thread = threading.Thread(target=self._ask, name="stall-watch", daemon=True)

    def __enter__(self) -> LoopWatch:
        self._last, self._work = time.perf_counter(), time.thread_time()
        if hasattr(signal, "pthread_kill"):
            self._before = signal.signal(signal.SIGUSR1, self._on_asked)
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if hasattr(signal, "pthread_kill"):
            self._thread.join()
            signal.signal(signal.SIGUSR1, self._before)

    def tick(self) -> None:
        """Say that the event loop runs; called by a timer of the main thread."""
        now, work = time.perf_counter(), time.thread_time()
        if now - self._last > SHORTEST:
            (where, inner), _ = (self._found.most_common(1) or [(("", "not seen"), 0)])[0]
            self._stalls.append(
                Stall(now - self._last, work - self._work, self._doing(), where, inner)
            )
        self._last, self._work = now, work
        self._found.clear()

    def _ask(self) -> None:
        while not self._ended.wait(SAMPLE_EVERY):
            if time.perf_counter() - self._last > SAMPLE_EVERY:
                signal.pthread_kill(self._main, signal.SIGUSR1)

    def _on_asked(self, _number: int, frame: FrameType | None) -> None:
        inner = "" if frame is None else _named(frame)
        while frame is not None and OURS not in frame.f_code.co_filename:
            frame = frame.f_back
        where = "" if frame is None or frame.f_code.co_name == _LOOP else _named(frame)
        self._found[where, inner] += 1


def _named(frame: FrameType) -> str:
    path = frame.f_code.co_filename
    for root in _ROOTS:
        path = path.rsplit(root, 1)[-1]
    return f"{path}:{frame.f_lineno} {frame.f_code.co_name}"
