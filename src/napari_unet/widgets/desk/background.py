"""A thread that works on cells beside the window, with a process that finds and measures them."""

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

    Attributes
    ----------
    finder
        Finds and measures objects in a process of its own.
    """

    def __init__(self, name: str, main: MainThread) -> None:
        self.finder = ObjectFinder()
        self._main = main
        self._stopped = threading.Event()
        self._jobs: deque[_Job | None] = deque()
        self._there = threading.Condition()
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._farewells: list[Callable[[], None]] = []
        self.pending = 0  # of the main thread
        thread.start()

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
                kept = deque(j for j in self._jobs if j is None or j.kind != job.kind or not j.kind)
                self.pending += 1 + len(kept) - len(self._jobs)
                self._jobs = kept
            self._jobs.append(job)
            self._there.notify()

    def stop(self) -> None:
        """End the thread and its process as soon as can be."""
        self._stopped.set()
        self.finder.stop()
        for farewell in self._farewells:
            farewell()
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
                self.tell(partial(self._end, job.failed, str(error)))
            except MemoryError:
                said = "memory ran out while cells were looked for; find them on fewer planes."
                self.tell(partial(self._end, job.failed, said))
            except Exception as error:  # of whatever a lazy layer reads with
                logging.getLogger(__name__).exception("work on cells failed")
                said = with_log(
                    f"the image cannot be worked on ({reason_of(error)}); look whether it can "
                    "still be read."
                )
                self.tell(partial(self._end, job.failed, said))
            else:
                self.tell(partial(self._end, job.then, result))
        self.finder.close()

    def _next(self) -> _Job | None:
        with self._there:
            self._there.wait_for(lambda: bool(self._jobs))
            return self._jobs.popleft()

    def _end(self, call: Callable[[Any], None], result: object) -> None:
        self.pending -= 1
        call(result)


class Bench:
    """Does jobs one after the other, until they are dropped; none of them holds up the window."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._main = MainThread()
        self._worker: Worker | None = None

    @property
    def busy(self) -> bool:
        """Whether a job waits or is under way."""
        return self._worker is not None and self._worker.pending > 0

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

    def drop(self) -> None:
        """Forget all jobs at once; the thread ends when what it reads is through."""
        worker = self._worker
        if worker is None or not worker.pending:
            return
        self._worker = None
        worker.stop()

    def close(self) -> None:
        """Do nothing any more, without waiting for what is under way: nothing half is left."""
        self._main.close()
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
