"""Files and folders that are written completely or not at all, and whether they can be."""

import ctypes
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from napari_unet.errors import UnwritableOutput, UserError

_BETWEEN_LOOKS = 0.01  # seconds
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2), RENAME_SWAP of renamex_np(2)
_QUIET_LOOKS, _MOST_LOOKS = 3, 50


def write_whole(path: Path, data: bytes) -> None:
    """Write a file beside its place, then move it there, so that no half file is left.

    ``UnwritableOutput`` if it cannot be written there; an existing file is then as before.
    """
    with placed(path) as temporary:
        temporary.write_bytes(data)


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """Give a hidden name beside a path; the file or folder made there takes the path's place.

    An existing file is replaced by a file, an existing folder by a folder. If the block ends by an
    exception of any kind, what is there is removed and what was at the path is as before; an error
    of the file system becomes ``UnwritableOutput``.
    """
    temporary = _hidden(path, "part")
    try:
        _sweep_once(path.parent.absolute())
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


def _hidden(path: Path, ending: str) -> Path:
    """Return a name beside a path that this process of this computer alone uses."""
    return path.with_name(f".{path.name}.{platform.node()[:40]}.{os.getpid()}.{ending}")


def remove_left_overs(folder: Path) -> None:
    """Remove what processes of this computer that were killed left of any path in a folder."""
    with suppress(OSError):
        _sweep(folder)


@cache
def _sweep_once(folder: Path) -> None:
    """Do the same once a process: what was killed before is gone, and to list takes long."""
    _sweep(folder)


def _sweep(folder: Path) -> None:
    """Remove what was begun, and put back what was moved away for what never came."""
    node = re.escape(platform.node()[:40])
    hidden = re.compile(rf"\.(.+)\.{node}\.(\d+)\.(part|old)")
    for other in list(folder.iterdir()):
        match = hidden.fullmatch(other.name)
        if match is None or _runs(int(match[2])):
            continue
        path = folder / match[1]
        if match[3] == "old" and not path.exists():
            os.replace(other, path)
        else:
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
    """Move a folder to where another may be; that one is put back if the move fails.

    Where the system cannot exchange the two, nothing is at the path between two moves; who is
    killed there leaves the old folder to be put back by :func:`_sweep`.
    """
    if not path.exists():
        os.replace(new, path)
        return
    if _exchanged(new, path):
        shutil.rmtree(new, ignore_errors=True)
        return
    old = _hidden(path, "old")
    os.replace(path, old)
    try:
        os.replace(new, path)
    except OSError:
        os.replace(old, path)
        raise
    shutil.rmtree(old, ignore_errors=True)


def _exchanged(one: Path, other: Path) -> bool:
    """Let two paths change places in one step; ``False`` where the file system cannot."""
    if os.name == "nt":
        return False
    library = ctypes.CDLL(None)
    names = os.fsencode(one.absolute()), os.fsencode(other.absolute())
    if hasattr(library, "renameat2"):  # Linux; the folder of an absolute path is not looked at
        return bool(library.renameat2(0, names[0], 0, names[1], _EXCHANGE) == 0)
    if hasattr(library, "renamex_np"):  # macOS
        return bool(library.renamex_np(*names, _EXCHANGE) == 0)
    return False


def make_folder(path: Path) -> Path:
    """Create a folder for results, and make sure that it can be written to."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableOutput(
            f"the folder {path} cannot be made ({error.strerror}); choose another."
        ) from None
    _try_writing(path, what=f"the folder {path}")
    return path


def check_writable(path: Path) -> None:
    """Make sure, before long work, that a file can be written."""
    if path.is_dir():
        raise UnwritableOutput(f"{path} is a folder; give the name of a file in it.")
    _try_writing(path.parent, what=str(path))


def _try_writing(folder: Path, *, what: str) -> None:
    try:
        # Its name, if it gets one at all, is nobody else's: another thread or computer tries too.
        with tempfile.TemporaryFile(dir=folder, prefix=".napari-unet."):
            pass
    except OSError as error:
        raise UnwritableOutput(
            f"{what} cannot be written ({error.strerror}); choose another folder."
        ) from None
