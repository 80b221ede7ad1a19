"""The log: a file in the user's log folder, in which every error of ours has its traceback.

Modules log to ``logging.getLogger(__name__)``; window and shell open the file. In a script that
opens none, Python's own rule holds: errors go to standard error.
"""

import logging
import os
from contextlib import suppress
from logging.handlers import RotatingFileHandler
from pathlib import Path

_LOGGER = logging.getLogger("napari_unet")
_NAME = "napari-unet.log"
_BYTES, _OLDER = 2**20, 2  # of a file, and how many older ones are kept
_FORMAT = "%(asctime)s %(process)d %(levelname)s %(name)s: %(message)s"


def log_folder() -> Path:
    """Return the folder of the user's log files."""
    from platformdirs import user_log_path  # only who opens a log needs it

    return user_log_path("napari-unet", appauthor=False)


def open_log() -> Path | None:
    """Log to a file from now on; ``None`` where there can be none. Repeated calls do no harm."""
    path = log_folder() / _NAME
    if (opened := log_file()) is not None:
        if opened == path and path.exists():
            return path
        close_log()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handler = RotatingFileHandler(path, maxBytes=_BYTES, backupCount=_OLDER, encoding="utf-8")
    except OSError:  # a disk that is full or read-only: work goes on without a log
        return None
    handler.rotator = _rotate
    handler.setFormatter(logging.Formatter(_FORMAT))
    _LOGGER.addHandler(handler)
    _LOGGER.setLevel(logging.INFO)
    return path


def close_log() -> None:
    """Log to no file any more."""
    for handler in _files():
        _LOGGER.removeHandler(handler)
        handler.close()


def log_file() -> Path | None:
    """Return the file that is logged to, if there is one."""
    return next((Path(handler.baseFilename) for handler in _files()), None)


def last_lines(count: int) -> list[str]:
    """Return the newest lines of the log, the oldest first."""
    path = log_file()
    if path is None:
        return []
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    return []


def with_log(sentence: str) -> str:
    """Say beside a sentence about an error of ours where its traceback is."""
    path = log_file()
    return sentence if path is None else f"{sentence} Its traceback is in {path}."


def _files() -> list[RotatingFileHandler]:
    return [h for h in _LOGGER.handlers if isinstance(h, RotatingFileHandler)]


def _rotate(source: str, target: str) -> None:
    """Move a full file away, unless another process has it open and the system minds."""
    with suppress(OSError):
        os.replace(source, target)
