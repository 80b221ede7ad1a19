"""A disk that is full, or a process that dies, at any operation of a save."""

from __future__ import annotations

import errno
import os
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import tifffile

_CHANGES = {"os.mkdir", "os.rename", "os.truncate"}
_REMOVALS = {"os.remove", "os.rmdir"}  # these succeed on a full disk


class _Operations:
    """Counts what Python does to files in a folder, and does something at one of them."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.left = 0
        self.happen: Callable[[], None] = lambda: None
        self.happened = False
        self.hooked = False

    def hook(self, event: str, arguments: tuple) -> None:
        if self.folder is None or not self._counts(event, arguments):
            return
        if self.left == 0 and not self.happened:
            self.happened = True
            self.happen()
        self.left -= 1

    def _counts(self, event: str, arguments: tuple) -> bool:
        if event == "open":
            path, mode, flags = arguments
            writes = flags & (os.O_WRONLY | os.O_RDWR) if mode is None else set(mode) & set("wax+")
            return bool(writes) and str(path).startswith(self.folder)
        changes = _CHANGES if self.happen is no_room else _CHANGES | _REMOVALS
        return event in changes and str(arguments[0]).startswith(self.folder)


_operations = _Operations()


@contextmanager
def at_operation(number: int, folder: Path, happen: Callable[[], None]) -> Iterator[_Operations]:
    """Let something happen before an operation that changes a folder, counted from 0."""
    if not _operations.hooked:  # an audit hook stays for as long as the process
        sys.addaudithook(_operations.hook)
        _operations.hooked = True
    _operations.folder, _operations.left = str(folder), number
    _operations.happen, _operations.happened = happen, False
    try:
        yield _operations
    finally:
        _operations.folder = None


def no_room() -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def died() -> None:
    os._exit(9)


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """Let writing more than so many bytes to a file fail, whoever writes, as a full disk does."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def contents(folder: Path) -> dict[str, bytes]:
    """Return what every file below a folder says, hidden ones too, by its path in it."""
    return {
        path.relative_to(folder).as_posix(): _said(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _said(path: Path) -> bytes:
    """Return a file's content without what is another each time, as ids and times."""
    if path.suffix == ".tif":
        return tifffile.imread(path).tobytes()
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as package:
            return b"".join(package.read(n) for n in package.namelist() if n.endswith(".onnx"))
    return path.read_bytes()
