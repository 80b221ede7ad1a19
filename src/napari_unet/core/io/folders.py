"""Images and labels from files, and folders to write to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from napari_unet.errors import UnwritableOutput


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
