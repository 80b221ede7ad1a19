"""A file that one running process holds; the system lets go of it when the process ends."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


class Lock:
    """A held lock.

    Parameters
    ----------
    path
        The file; made where it is missing.

    Raises
    ------
    OSError
        Another process, or this one, holds it, or it cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT)
        try:
            _lock(self._file)
        except OSError:
            os.close(self._file)
            raise

    def release(self) -> None:
        """Let go, and remove the file."""
        with suppress(OSError):
            self._path.unlink()  # before it is closed, so that nobody else's is removed
        with suppress(OSError):
            os.close(self._file)
        with suppress(OSError):
            self._path.unlink()  # Windows removes no file that is open


def _lock(file: int) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
