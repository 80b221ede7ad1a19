"""Files that are written completely or not at all."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from napari_unet.errors import UnwritableOutput


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
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        with suppress(OSError):
            temporary.unlink()
        raise UnwritableOutput(
            f"{path} cannot be written ({error.strerror}); choose another folder."
        ) from None
