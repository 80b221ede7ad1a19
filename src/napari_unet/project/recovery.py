"""Where strokes and models are kept until there is a project folder for them.

Each run of the program has a folder of its own, which it locks; one that nobody locks was left by
a run that ended, or was killed, and can be restored.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from filelock import FileLock

from napari_unet.core.io.atomic import make_folder
from napari_unet.errors import InvalidInput, UnwritableOutput
from napari_unet.project.files import INDEX_NAME
from napari_unet.project.index import ProjectIndex, parse_index


@dataclass(frozen=True)
class Recoverable:
    """What a run left: where, and when it last saved."""

    folder: Path
    saved: datetime
    index: ProjectIndex | None

    @property
    def text(self) -> str:
        """What is in it, in a few words."""
        when = f"{self.saved.astimezone():%Y-%m-%d %H:%M}"
        if self.index is None:
            return f"strokes of {when}"
        layers = [layer for layer in self.index.annotations if layer.planes and not layer.removed]
        what = [layer.name for layer in layers[:2]]
        count = len(self.index.versions)
        if count:
            what.append(f"{count} version{'s' * (count > 1)} of a model")
        return f"{', '.join(what) or 'strokes'}, {when}"


class Recovery:
    """The folder of a run: locked while it is held.

    ``UnwritableOutput`` if another running napari has it.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self._lock = _locked(folder)
        except OSError:
            raise UnwritableOutput(
                f"{folder} is in use by another napari; close that one first."
            ) from None

    @classmethod
    def begin(cls, root: Path) -> Recovery:
        """Make a new one below a folder; ``UnwritableOutput`` if it cannot be made there."""
        make_folder(root)
        name = f"{datetime.now():%Y%m%d-%H%M%S}-{os.getpid()}"
        number = 1
        while (root / f"{name}-{number}").exists():
            number += 1
        folder = root / f"{name}-{number}"
        recovery = cls(folder)
        folder.mkdir()
        return recovery

    def leave(self) -> None:
        """Let go of it; what is in it can be restored."""
        if self.folder.is_dir() and not any(self.folder.iterdir()):
            self.folder.rmdir()
        _release(self._lock, self.folder)

    def discard(self) -> None:
        """Remove it with all that is in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        _release(self._lock, self.folder)


def recoverable(root: Path) -> list[Recoverable]:
    """Return what runs that have ended left below a folder, the newest first."""
    if not root.is_dir():
        return []
    found = []
    for folder in root.iterdir():
        if not folder.is_dir() or not any(folder.iterdir()):
            continue
        try:
            _release(_locked(folder), folder)
        except OSError:
            continue
        when = datetime.fromtimestamp(folder.stat().st_mtime).astimezone()
        try:
            index = parse_index((folder / INDEX_NAME).read_bytes())
            found.append(Recoverable(folder, index.saved, index))
        except (OSError, InvalidInput):
            found.append(Recoverable(folder, when, None))
    return sorted(found, key=lambda item: item.saved, reverse=True)


def _locked(folder: Path) -> FileLock:
    """Return the lock of a run's folder, held; another thread may release it.

    ``OSError`` if somebody holds it, or it cannot be made.
    """
    lock = FileLock(folder.with_name(f"{folder.name}.lock"), thread_local=False)
    lock.acquire(blocking=False)
    return lock


def _release(lock: FileLock, folder: Path) -> None:
    """Let go; the file goes only with the folder, since who waits for it may have it open."""
    lock.release()
    if not folder.exists():
        with suppress(OSError):
            Path(lock.lock_file).unlink()
