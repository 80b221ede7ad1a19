"""Work beside the window: in a thread, with a process that finds and measures objects."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from napari_unet.errors import Stopped, UserError, reason_of
from napari_unet.learner.object_finder import ObjectFinder
from napari_unet.log import with_log
from napari_unet.widgets.qt.main_thread import MainThread


@dataclass(frozen=True)
class _Job:
    work: Callable[[Worker], Any]
    then: Callable[[Any], None]
    failed: Callable[[str], None]
    kind: str


class Worker:
    """One thread with its finder; what it tells is dropped once it was stopped.

    ``finder``: finds and measures objects in a process of its own.
    """

    def __init__(self, name: str, main: MainThread) -> None:
        self.finder = ObjectFinder()
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._main = main
        self._stopped = threading.Event()
        self._jobs: deque[_Job | None] = deque()
        self._there = threading.Condition()
        self._farewells: list[Callable[[], None]] = []
        self.thread.start()

    @property
    def stopped(self) -> bool:
        """Whether nobody waits for it any more."""
        return self._stopped.is_set()

    def check(self) -> None:
        """Raise :class:`Stopped` if it was stopped."""
        if self.stopped:
            raise Stopped

    def on_stop(self, call: Callable[[], None]) -> None:
        """Have something called when it is stopped, in the main thread; at once if it was."""
        self._farewells.append(call)
        if self.stopped:
            call()

    def put(self, job: _Job | None) -> None:
        """Queue a job, in place of one of the same kind that waits; ``None`` ends the thread."""
        with self._there:
            if job is not None:
                waiting = self._jobs
                self._jobs = deque(j for j in waiting if not j or j.kind != job.kind or not j.kind)
            self._jobs.append(job)
            self._there.notify()

    def interrupt(self) -> None:
        """Have what is under way end as soon as can be."""
        self.finder.stop()
        for farewell in self._farewells:
            farewell()

    def stop(self) -> None:
        """End the thread and its process as soon as can be; what it still tells is not heard."""
        self._stopped.set()
        self.interrupt()
        self.put(None)

    def tell(self, call: Callable[[], None]) -> None:
        """Have something called in the main thread, unless it was stopped by then."""
        self._main.call(lambda: None if self.stopped else call())

    def _run(self) -> None:
        while (job := self._next()) is not None and not self.stopped:
            try:
                result = job.work(self)
            except Stopped:
                continue
            except UserError as error:
                self.tell(partial(job.failed, str(error)))
            except MemoryError:
                said = "memory ran out; close other programs, or do it with fewer planes at a time."
                self.tell(partial(job.failed, said))
            except Exception as error:  # of whatever a lazy layer or a damaged file is read with
                logging.getLogger(__name__).exception("work beside the window failed")
                said = with_log(
                    f"it could not be done ({reason_of(error)}); look whether images and files can "
                    "still be read."
                )
                self.tell(partial(job.failed, said))
            else:
                self.tell(partial(job.then, result))
        self.finder.close()

    def _next(self) -> _Job | None:
        with self._there:
            self._there.wait_for(lambda: bool(self._jobs))
            return self._jobs.popleft()


class Bench:
    """Does jobs one after the other, until they are dropped; none of them holds up the window."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._main = MainThread()
        self._worker: Worker | None = None
        self._left: list[Worker] = []

    @property
    def closed(self) -> bool:
        """Whether nothing is done any more."""
        return self._main.closed

    def do(
        self,
        work: Callable[[Worker], Any],
        then: Callable[[Any], None],
        failed: Callable[[str], None],
        *,
        kind: str = "",
    ) -> None:
        """Queue a job.

        ``work`` is called in the thread, and in the main thread ``then`` with what it returned or
        ``failed`` with a sentence. A job takes the place of one of its kind that still waits.
        """
        if self._main.closed:
            return
        if self._worker is None:
            self._worker = Worker(self._name, self._main)
        self._worker.put(_Job(work, then, failed, kind))

    def interrupt(self) -> None:
        """Have what is under way end as soon as can be; it is told how."""
        if self._worker is not None:
            self._worker.interrupt()

    def drop(self) -> None:
        """Forget all jobs at once; the thread ends when what it reads is through."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            self._left = [left for left in (*self._left, worker) if left.thread.is_alive()]

    def close(self, wait: float = 0.0) -> None:
        """Do nothing any more; wait some seconds for what would leave something half written."""
        self._main.close()
        self.drop()
        for worker in self._left if wait else ():
            worker.thread.join(wait)
