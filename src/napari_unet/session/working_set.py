"""The images of a folder that are worked on, one after the other. Neither Qt nor napari.

A list of paths, what is known of each, and which one is shown; none is open but that.
"""

from collections.abc import Mapping, Sequence
from enum import Flag, auto
from pathlib import Path
from typing import Protocol

from psygnal import Signal

from napari_unet.session.state import PaintedPlanes


class Mark(Flag):
    """What was done to an image, and what is wrong with it; several at once."""

    NONE = 0
    PAINTED = auto()
    SEGMENTED = auto()
    CORRECTED = auto()
    UNREADABLE = auto()
    GONE = auto()

    @property
    def text(self) -> str:
        """In words."""
        words = {Mark.UNREADABLE: "cannot be read", Mark.GONE: "not found"}
        said = [words.get(mark, (mark.name or "").lower()) for mark in self]
        return ", ".join(said) or "untouched"


class Elsewhere(Protocol):
    """Strokes on an image that is not open, to be learnt from."""

    @property
    def channels(self) -> int:
        """How many channels of it a model is given."""

    @property
    def has_slices(self) -> bool:
        """Whether it can be learnt as volumes."""

    def read(self, reach: int) -> PaintedPlanes:
        """Read what is around the strokes, ``reach`` pixels; in any thread.

        ``UserError`` if the image or the strokes are not as they were, or cannot be read.
        """

    def read_volumes(self) -> PaintedPlanes:
        """Read the volumes that the strokes lie in, likewise."""


class WorkingSet:
    """Knows the images of a folder.

    ``folder``: ``None`` if there is none. ``files``: its images, as people count them, and after
    them those that were painted on and are gone; ``listed``: without these, in that order.
    ``positions``: at which place in ``files`` each is.
    ``marks``: what is known of images; nothing of one that is not among them. ``shown``: the image
    that is open. ``elsewhere``: the strokes on images that are not open. Signals: ``changed()``,
    when anything of it may be another; ``batch_wanted()``, when the rest is to be segmented;
    ``segmented_into(folder)``, when a batch over it has ended.
    """

    changed = Signal()
    batch_wanted = Signal()
    segmented_into = Signal(Path)

    def __init__(self) -> None:
        self.folder: Path | None = None
        self.files: tuple[Path, ...] = ()
        self.listed: Mapping[Path, None] = {}
        self.marks: Mapping[Path, Mark] = {}
        self.shown: Path | None = None
        self.elsewhere: tuple[Elsewhere, ...] = ()
        self.positions: Mapping[Path, int] = {}
        self._unreadable: dict[Path, tuple[int, ...] | None] = {}  # as the files were

    def use(self, folder: Path | None, files: Sequence[Path] = ()) -> None:
        """Take the images of a folder, or of none."""
        if folder != self.folder:
            self.shown = None
        self.folder = folder
        self._unreadable = {p: was for p, was in self._unreadable.items() if was == _stamp(p)}
        self.listed = dict.fromkeys(files)
        self._set_files(files)
        self.changed.emit()

    def know(self, marks: Mapping[Path, Mark], elsewhere: Sequence[Elsewhere]) -> None:
        """Take in what was done to the images, of which some may be gone."""
        self._set_files((*self.listed, *(path for path in marks if path not in self.listed)))
        self.marks, self.elsewhere = dict(marks), tuple(elsewhere)
        self.changed.emit()

    def show(self, path: Path | None) -> None:
        """Say which image is open."""
        self.shown = path
        if path is not None:
            self._unreadable.pop(path, None)
        self.changed.emit()

    def refuse(self, path: Path) -> None:
        """Say that an image cannot be read, until it is shown or its file is another."""
        self._unreadable[path] = _stamp(path)
        self.changed.emit()

    def _set_files(self, files: Sequence[Path]) -> None:
        if tuple(files) != self.files:
            self.files = tuple(files)
            self.positions = {path: at for at, path in enumerate(self.files)}

    def mark(self, path: Path) -> Mark:
        """Return what is known of an image."""
        bad = Mark.UNREADABLE if path in self._unreadable else Mark.NONE
        return self.marks.get(path, Mark.NONE) | bad

    def beside(self, path: Path | None, step: int) -> Path | None:
        """Return the next image after one, or before it if ``step`` is -1; ``None`` at the end.

        What cannot be read is passed over. Without a path it is the first, or the last.
        """
        start = -1 if step > 0 else len(self.files)
        at = start if path is None else self.positions.get(path, start)
        bad = Mark.UNREADABLE | Mark.GONE
        at += step
        while 0 <= at < len(self.files):
            if not self.mark(self.files[at]) & bad:
                return self.files[at]
            at += step
        return None

    @property
    def rest(self) -> tuple[Path, ...]:
        """The images that nobody painted on or corrected."""
        done = Mark.PAINTED | Mark.CORRECTED | Mark.GONE
        known = {path for path, mark in self.marks.items() if mark & done}
        return tuple(path for path in self.files if path not in known)

    @property
    def painted(self) -> int:
        """How many images were painted on."""
        return sum(bool(mark & Mark.PAINTED) for mark in self.marks.values())

    def name(self, path: Path) -> str:
        """Return an image's name, as seen from the folder."""
        inside = self.folder is not None and path.is_relative_to(self.folder)
        return path.relative_to(self.folder or path).as_posix() if inside else str(path)


def _stamp(path: Path) -> tuple[int, ...] | None:
    """Return what tells that a file was written again; ``None`` if it is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_mode
