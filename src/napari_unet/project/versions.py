"""The versions of a session's model: each training adds one. Neither Qt nor napari.

A session tells what becomes of its model; this listens and has each version kept.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from psygnal import Signal

from napari_unet.core.models.header import ModelHeader
from napari_unet.project.changes import NewVersion, PlaneStrokes
from napari_unet.project.files import digest_of
from napari_unet.project.index import ProjectIndex, UsedPlane, VersionEntry
from napari_unet.session.session import Session
from napari_unet.session.state import State

SECONDS_BETWEEN_DRAFTS = 20.0


@dataclass
class _Training:
    """A training under way: the version that it will be, and when a draft was last kept.

    Its number is 0 until something of it is kept, so that none is left out.
    """

    version: NewVersion
    before: bytes | None
    drafted: float


class History:
    """Has the model of a session kept: best ones of a running training, and each that it ends with.

    ``keep`` keeps a version, of one number the last one; ``used`` gives what copies the strokes
    that a training which begins now, or Live, which ends now, has learnt from, and ``kept``
    those of images that are not open, which such a training learns from too. Signals:
    ``versions_changed(versions)``, those that are kept, and ``in_use_changed(number)``, ``None`` if
    the model in use is none of them.
    """

    versions_changed = Signal(tuple)
    in_use_changed = Signal(object)

    def __init__(
        self,
        session: Session,
        keep: Callable[[NewVersion], None],
        used: Callable[[], Callable[[], tuple[PlaneStrokes, ...]]],
        kept: Callable[[], tuple[UsedPlane, ...]] = tuple,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._keep = keep
        self._used = used
        self._kept = kept
        self._clock = clock
        self._training: _Training | None = None
        self._current: bytes | None = None  # the model whose number is in_use
        self._last = 0
        self.in_use: int | None = None
        self.versions: tuple[VersionEntry, ...] = ()
        session.state_changed.connect(self._on_state_changed)
        session.improved.connect(self._on_improved)
        session.model_changed.connect(self._on_model_changed)

    def stop_listening(self) -> None:
        """Forget the session."""
        session = self._session
        session.state_changed.disconnect(self._on_state_changed)
        session.improved.disconnect(self._on_improved)
        session.model_changed.disconnect(self._on_model_changed)

    def begin(self, index: ProjectIndex, *, keep_model: bool) -> None:
        """Go on with the versions of a project.

        ``keep_model`` says whether the model in use belongs to it, and is kept if it is none of
        them.
        """
        self._last = max((entry.number for entry in index.versions), default=0)
        self.show(index)
        self._set_in_use(None, self._session.model)
        if keep_model:
            self._current = None
            self._take_up()

    def show(self, index: ProjectIndex) -> None:
        """Take in what was saved."""
        if index.versions != self.versions:
            self.versions = index.versions
            self.versions_changed.emit(self.versions)

    def _take_up(self) -> None:
        """Find the model in use among the versions, or keep it as one that was opened."""
        model = self._session.model
        if model is None or model is self._current or model == self._current:
            return
        digest = digest_of(model)
        number = next((x.number for x in self.versions if x.digest == digest), None)
        if number is None:
            number = self._next()
            self._keep(NewVersion(number, _now(), "opened", True, model))
        self._set_in_use(number, model)

    def _next(self) -> int:
        self._last += 1
        return self._last

    def _set_in_use(self, number: int | None, model: bytes | None) -> None:
        self._current, self.in_use = model, number
        self.in_use_changed.emit(number)

    def _on_state_changed(self, state: State) -> None:
        if state in (State.TRAINING, State.LIVE):
            live = state is State.LIVE
            version = NewVersion(
                number=0,
                made=_now(),
                kind="live" if live else "train",
                ended=False,
                model=b"",
                parent=None if live else self.in_use,
                planes=() if live else self._used()(),
                kept=() if live else self._kept(),
            )
            self._training = _Training(version, self._session.model, self._clock())
        elif state is State.IDLE and self._training is not None:
            training, self._training = self._training, None
            model = self._session.model
            if model is None or model is training.before:
                return  # it ended without a model
            self._keep_of(training, model, ended=True)
            self._set_in_use(training.version.number, model)

    def _keep_of(self, training: _Training, model: bytes, *, ended: bool) -> None:
        version = training.version
        training.version = replace(
            version,
            number=version.number or self._next(),
            made=_now(),
            ended=ended,
            model=model,
            read_planes=self._used() if version.kind == "live" else None,
        )
        self._keep(training.version)

    def _on_improved(self, model: bytes) -> None:
        training = self._training
        if training is None or self._clock() - training.drafted < SECONDS_BETWEEN_DRAFTS:
            return
        training.drafted = self._clock()
        self._keep_of(training, model, ended=False)

    def _on_model_changed(self, header: ModelHeader | None) -> None:
        if self._training is not None:
            model = self._session.model
            if self._training.version.kind == "live" and model not in (None, self._current):
                self._on_improved(model or b"")
        elif header is None:
            self._set_in_use(None, None)
        else:
            self._take_up()


def _now() -> datetime:
    return datetime.now(UTC)
