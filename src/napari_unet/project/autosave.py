"""Saves a project in a thread of its own, soon after each change. Neither Qt nor napari."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from napari_unet.errors import UserError, reason_of
from napari_unet.log import with_log
from napari_unet.project.changes import Changes, Facts, NewVersion, PlaneStrokes
from napari_unet.project.index import ProjectIndex
from napari_unet.project.store import ProjectStore

PAUSE_SECONDS = 2.0
LONGEST_SECONDS = 8.0  # so that with the time of writing no more than 10 s of painting are lost
RETRY_SECONDS = 5.0
_CLOSE_SECONDS = 30.0

Part = tuple[str, tuple[int, ...], tuple[int, int]]
Read = Callable[[], np.ndarray]


@dataclass(frozen=True, eq=False)
class Saved:
    """All that there was to save is saved."""

    folder: Path
    index: ProjectIndex


@dataclass(frozen=True)
class NotSaved:
    """It could not be saved, for now: ``text`` says why and what to do. It is tried again."""

    text: str


@dataclass
class _Waiting:
    """What is to be saved; ``first`` and ``last`` are the times of its changes."""

    facts: Facts | None = None
    planes: dict[Part, Read] = field(default_factory=dict)
    versions: dict[int, NewVersion] = field(default_factory=dict)
    first: float | None = None
    last: float = 0.0
    urgent: bool = False

    @property
    def anything(self) -> bool:
        return self.first is not None

    def under(self, newer: _Waiting) -> _Waiting:
        """Return this with what came later, which counts."""
        return _Waiting(
            facts=newer.facts if newer.facts is not None else self.facts,
            planes=self.planes | newer.planes,
            versions=self.versions | newer.versions,
            first=self.first,
            last=max(self.last, newer.last),
            urgent=newer.urgent,
        )


def when_due(first: float, last: float) -> float:
    """Return when to save what first changed and last changed then: after a pause, but soon."""
    return min(last + PAUSE_SECONDS, first + LONGEST_SECONDS)


class Autosave:
    """A thread that writes what changed to a project, and tells when it has.

    ``make_store`` and ``tell``, which hears :class:`Saved` and :class:`NotSaved`, are called in the
    thread.
    """

    def __init__(
        self, make_store: Callable[[], ProjectStore], tell: Callable[[Saved | NotSaved], None]
    ) -> None:
        self._make_store = make_store
        self._tell = tell
        self._store: ProjectStore | None = None
        self._changed = threading.Condition()
        self._waiting = _Waiting()
        self._saving = False
        self._failures = 0
        self._not_before = 0.0
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="project-save", daemon=True)
        self._thread.start()

    def paint(
        self, key: str, index: tuple[int, ...], read: Read, at: tuple[int, int] = (0, 0)
    ) -> None:
        """Save the strokes on a plane, or on a part of it, as they will be then.

        ``read``, called in the thread, gives the strokes, (Y, X), of what begins at row and column
        ``at``.
        """
        with self._changing() as waiting:
            waiting.planes[key, index, at] = read

    def know(self, facts: Facts) -> None:
        """Save classes, settings, and which layers there are."""
        with self._changing() as waiting:
            waiting.facts = facts

    def keep(self, version: NewVersion) -> None:
        """Save a version of the model, at once."""
        with self._changing(urgent=True) as waiting:
            waiting.versions[version.number] = version

    def save(self, timeout: float = _CLOSE_SECONDS) -> bool:
        """Save what there is, now; tell whether all of it is saved."""
        with self._changed:
            failures = self._failures
            self._waiting.urgent, self._not_before = True, 0.0
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._idle or self._failures > failures, timeout)
            return self._idle

    def close(self) -> bool:
        """Save what there is and end the thread; tell whether all of it is saved."""
        saved = self.save()
        with self._changed:
            self._closing = True
            self._changed.notify_all()
        self._thread.join(_CLOSE_SECONDS)
        return saved

    @property
    def index(self) -> ProjectIndex | None:
        """What was saved last; ``None`` if nothing was."""
        return None if self._store is None else self._store.index

    @property
    def unsaved_versions(self) -> tuple[NewVersion, ...]:
        """The versions that could not be saved so far."""
        with self._changed:
            return tuple(self._waiting.versions.values())

    @property
    def _idle(self) -> bool:
        return not self._waiting.anything and not self._saving

    @contextmanager
    def _changing(self, *, urgent: bool = False) -> Iterator[_Waiting]:
        """Give what is waiting, to add something to it; then the thread is woken."""
        with self._changed:
            waiting = self._waiting
            waiting.last = time.monotonic()
            waiting.first = waiting.last if waiting.first is None else waiting.first
            waiting.urgent = waiting.urgent or urgent
            yield waiting
            self._changed.notify_all()

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._closing and (left := self._seconds_left()) != 0:
                    self._changed.wait(left)
                if self._closing:
                    return
                taken, self._waiting = self._waiting, _Waiting()
                self._saving = True
            try:
                said = self._write(taken)
            except Exception as error:  # whatever goes wrong, the strokes are tried again
                said = NotSaved(_sentence(error))
            self._end(taken, said)
            self._tell(said)

    def _seconds_left(self) -> float | None:
        """Return how long to wait; ``None`` for as long as nothing changes."""
        waiting, now = self._waiting, time.monotonic()
        if waiting.first is None:
            return None
        due = now if waiting.urgent else when_due(waiting.first, waiting.last)
        return max(0.0, due - now, self._not_before - now)

    def _write(self, taken: _Waiting) -> Saved | NotSaved:
        """Save what can be read; only what cannot is left in ``taken``."""
        if self._store is None:
            self._store = self._make_store()
        planes, unread, problem = [], {}, ""
        for (key, index, at), read in taken.planes.items():
            try:
                labels = np.array(read())  # a copy: painting goes on meanwhile
            except Exception as error:  # a layer's reader may raise anything
                unread[key, index, at], problem = read, _sentence(error)
            else:
                planes.append(PlaneStrokes(key, index, labels, at))
        changes = Changes(
            taken.facts, tuple(planes), tuple(v.with_planes() for v in taken.versions.values())
        )
        saved = self._store.commit(changes)
        if not unread:
            return Saved(self._store.folder, saved)
        taken.facts, taken.planes, taken.versions = None, unread, {}
        return NotSaved(problem)

    def _end(self, taken: _Waiting, said: Saved | NotSaved) -> None:
        with self._changed:
            self._saving = False
            if isinstance(said, NotSaved):
                self._waiting = taken.under(self._waiting)
                self._waiting.urgent = False
                self._not_before = time.monotonic() + RETRY_SECONDS
                self._failures += 1
            self._changed.notify_all()


def _sentence(error: Exception) -> str:
    """Return what to say of an error; call it where it is handled."""
    if isinstance(error, UserError):
        return str(error)
    logging.getLogger(__name__).exception("a project could not be saved")
    return with_log(
        f"the project could not be saved ({reason_of(error)}); choose Save as… to go on."
    )
