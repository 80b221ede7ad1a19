"""Files and folders that are written completely or not at all."""

from __future__ import annotations

import os
import platform
import re
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_unet.errors import UnwritableOutput, UserError

_BETWEEN_LOOKS = 0.01  # seconds
_QUIET_LOOKS, _MOST_LOOKS = 3, 50


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, then move it there, so that no half file is left.

    Parameters
    ----------
    path
        Where to; an existing file is replaced.
    data
        The whole content.

    Raises
    ------
    UnwritableOutput
        It cannot be written there; an existing file is as before.
    """
    with placed(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """Give a hidden name beside a path; the file or folder made there takes the path's place.

    Parameters
    ----------
    path
        Where to; an existing file is replaced by a file, an existing folder by a folder.

    Yields
    ------
    Path
        Where to write. If the block ends by an exception of any kind, what is there is removed.

    Raises
    ------
    UnwritableOutput
        The block, or the move, raised an error of the file system; what was at the path is as
        before.
    """
    temporary = path.with_name(f".{path.name}.{_mark(os.getpid())}")
    try:
        _remove_left_over(path)
        yield temporary
        if temporary.is_dir():
            _replace_folder(temporary, path)
        else:
            with open(temporary, "rb+") as file:
                os.fsync(file.fileno())
            os.replace(temporary, path)
    except BaseException as error:
        _remove_for_good(temporary)
        if isinstance(error, OSError) and not isinstance(error, UserError):
            raise UnwritableOutput(
                f"{path} cannot be written ({error.strerror or error}); choose another folder."
            ) from None
        raise


def _mark(process: int) -> str:
    """Return how the hidden names of a process of this computer end."""
    return f"{platform.node()[:40]}.{process}.part"


def remove_left_overs(folder: Path) -> None:
    """Remove what processes of this computer that were killed left of any path in a folder."""
    with suppress(OSError):
        _remove_hidden(folder, ".+")


def _remove_left_over(path: Path) -> None:
    """Remove what a process of this computer that was killed left of a path."""
    _remove_hidden(path.parent, re.escape(path.name))


def _remove_hidden(folder: Path, name: str) -> None:
    hidden = re.compile(rf"\.{name}\.{re.escape(platform.node()[:40])}\.(\d+)\.part")
    for other in folder.iterdir():
        match = hidden.fullmatch(other.name)
        if match is not None and not _runs(int(match[1])):
            _remove(other)


def _runs(process: int) -> bool:
    """Tell whether another process runs; where that cannot be asked, it is taken to."""
    if process == os.getpid():
        return False
    if os.name == "nt":  # there signal 0 would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_for_good(path: Path) -> None:
    """Remove what was begun; of a folder also what other threads write a moment later.

    zarr writes several files at once, and goes on with the others when one of them fails.
    """
    is_folder = path.is_dir()
    with suppress(OSError):
        _remove(path)
    quiet = 0
    for _ in range(_MOST_LOOKS if is_folder else 0):
        time.sleep(_BETWEEN_LOOKS)
        quiet = 0 if path.exists() else quiet + 1
        if quiet == _QUIET_LOOKS:
            break
        with suppress(OSError):
            _remove(path)


def _replace_folder(new: Path, path: Path) -> None:
    """Move a folder to where another may be; that one is put back if the move fails."""
    if not path.exists():
        os.replace(new, path)
        return
    old = path.with_name(f".{path.name}.{os.getpid()}.old")
    os.replace(path, old)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)
