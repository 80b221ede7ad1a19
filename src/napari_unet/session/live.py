"""The live loop as a session sees it: what was sent, what came back. Neither Qt nor napari."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from psygnal import Signal

from napari_unet.core.events import Corrective, LiveScore, Settled, Shown
from napari_unet.core.images.box import Region
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.learner.client import Learner
from napari_unet.learner.messages import (
    LiveClasses,
    LiveMessage,
    LivePlane,
    LiveStrokes,
    LiveTile,
    LiveView,
    Waiting,
)
from napari_unet.session.sending import for_view, sendable, suffices
from napari_unet.session.state import Curve

Read = Callable[[], np.ndarray]
ReadPlane = Callable[[], Plane]


@dataclass
class _Sent:
    """What the learner knows; touched by the learner's sending thread only.

    ``labels`` are the strokes as they were sent, of each plane that ever had some; ``viewed`` is
    the plane that was looked at last, ``part`` what of it was sent, if it is a large one.
    """

    labels: dict[str, np.ndarray] = field(default_factory=dict)
    viewed: str | None = None
    part: Cutout | None = None


@dataclass
class _Run:
    """One live job; ``version`` is the newest that a tile came with."""

    job: int
    learner: Learner
    generation: int = 0
    key: str | None = None
    version: int = 0
    sent: _Sent = field(default_factory=_Sent)
    scores: list[tuple[float, float]] = field(default_factory=list)
    corrective: list[tuple[float, float]] = field(default_factory=list)


class Live:
    """What a session's live job is told and tells; a job begins and ends with the session.

    Signals: ``tile_predicted(LiveTile)``, never of another view than the last one, nor of an older
    version than the newest; ``status_changed(sentence)``, empty while it learns.
    """

    tile_predicted = Signal(LiveTile)
    status_changed = Signal(str)

    def __init__(self) -> None:
        self._run: _Run | None = None
        self.status = ""

    @property
    def job(self) -> int | None:
        """Number of the running or last job, until it is forgotten."""
        return None if self._run is None else self._run.job

    @property
    def curve(self) -> Curve | None:
        """Scores of the running or last job against seconds; ``None`` if there is none."""
        run = self._run
        if run is None:
            return None
        return Curve(scores=tuple(run.scores), corrective=tuple(run.corrective), live=True)

    def begin(self, job: int, learner: Learner) -> None:
        """Take a new job up, which has been submitted."""
        self._run = _Run(job, learner)
        self._set_status("")

    def forget(self) -> None:
        """Drop the last job and its curve."""
        self._run = None
        self._set_status("")

    def paint(self, key: str, read_image: ReadPlane, read_labels: Read, **known: Any) -> None:
        """Send what changed of a plane's strokes, and, the first time, the plane.

        ``key`` names the plane of this image and no other. The plane, (C, Y, X), or a part of a
        large one, which is told of under a key of its own, and its strokes, (Y, X), as they are
        then, are read in another thread. ``known`` are ``pixel_size``, ``pixel_unit``, ``channels``
        and ``place`` of a :class:`LivePlane`.
        """
        run = self._run
        if run is not None:
            run.learner.add(
                run.job,
                ("strokes", key),
                lambda: _stroke_messages(run, key, read_image, read_labels, **known),
            )

    def erase(self, key: str) -> None:
        """Forget the strokes of a plane whose layer is gone; what is on the layer stays."""
        run = self._run
        if run is None:
            return

        def prepare() -> list[LiveMessage]:
            before = run.sent.labels.get(key)
            if before is None:
                return []
            return _stroke_messages(run, key, _no_image, lambda: np.zeros_like(before))

        run.learner.add(run.job, ("strokes", key), prepare)

    def look_at(
        self, key: str, read_image: ReadPlane, region: Region | None, *, afresh: bool = False
    ) -> None:
        """Have a part of a plane predicted before anything else.

        The region is (row start, row stop, column start, column stop); ``None`` for all.
        ``afresh``: all that was predicted of the plane before is gone.
        """
        run = self._run
        if run is None:
            return
        if key != run.key or afresh:
            run.generation += 1
            run.key = key
        generation = run.generation

        def prepare() -> list[LiveMessage]:
            image = _unknown_of_view(run.sent, key, read_image, region)
            run.sent.viewed = key
            return [LiveView(run.job, generation, key, region, image)]

        run.learner.add(run.job, "view", prepare)

    def look_away(self) -> None:
        """Drop what may still come of the last view."""
        run = self._run
        if run is not None:
            run.generation += 1
            run.key = None
            run.learner.add(run.job, "view", lambda: [])

    def tell_classes(self, classes: tuple[ClassInfo, ...]) -> None:
        """Send the classes' names and colours."""
        run = self._run
        if run is not None:
            run.learner.add(run.job, "classes", lambda: [LiveClasses(run.job, classes)])

    def apply(self, content: object) -> None:
        """Take in what the learner says about the running job."""
        run = self._run
        if run is None:
            return
        match content:
            case LiveTile():
                if content.generation == run.generation and content.version >= run.version:
                    run.version = content.version
                    self.tile_predicted.emit(content)
            case LiveScore():
                run.scores.append((content.elapsed, content.value))
                self._set_status("")
            case Corrective():
                run.corrective.append((content.elapsed, content.score))
                self._set_status("")
            case Shown():
                self._set_status("")
            case Settled() | Waiting():
                self._set_status(content.text)

    def _set_status(self, status: str) -> None:
        if status != self.status:
            self.status = status
            self.status_changed.emit(status)


def changed_box(before: np.ndarray, now: np.ndarray) -> Region | None:
    """Return the smallest box that holds every pixel that differs; ``None`` if none does."""
    changed = before != now
    rows, columns = np.flatnonzero(changed.any(axis=1)), np.flatnonzero(changed.any(axis=0))
    if not len(rows):
        return None
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _unknown_of_view(
    sent: _Sent, key: str, read: ReadPlane, region: Region | None
) -> np.ndarray | Cutout | None:
    """Return what of a plane in view was not sent yet; ``None`` if all that is needed was."""
    seen = key == sent.viewed and (sent.part is None or suffices(sent.part, region))
    if seen or key in sent.labels:
        return None
    image = for_view(read(), region)
    sent.part = image if isinstance(image, Cutout) else None
    return image


def _stroke_messages(
    run: _Run, key: str, read_image: ReadPlane, read_labels: Read, **known: Any
) -> list[LiveMessage]:
    labels = np.array(read_labels())  # a copy: painting goes on meanwhile
    before = run.sent.labels.get(key)
    box = changed_box(np.zeros_like(labels) if before is None else before, labels)
    if box is None:
        return []
    messages: list[LiveMessage] = []
    if before is None:
        messages.append(LivePlane(run.job, key, sendable(read_image()), **known))
    run.sent.labels[key] = labels
    top, bottom, left, right = box
    return [*messages, LiveStrokes(run.job, key, box, labels[top:bottom, left:right].copy())]


def _no_image() -> np.ndarray:
    raise LookupError("a plane that was never sent has no strokes to erase")
