"""Arrays of zeros that may be larger than memory."""

import os
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from math import prod
from pathlib import Path

import numpy as np
import numpy.typing as npt

from napari_unet.errors import UnwritableOutput

MOST_IN_MEMORY = 2**30  # bytes
_ON_DISK = "/var/tmp"  # where it exists; /tmp often is a part of memory


def zeros(shape: Sequence[int], dtype: npt.DTypeLike, *, sparse: bool = False) -> np.ndarray:
    """Return zeros that can be written to.

    Above 1 GiB they are mapped from a sparse temporary file, so that only what is written takes
    room, and that on a disk. It is in ``TMPDIR`` or else ``/var/tmp``, and goes with the array.
    Where little will ever be written, as of strokes, ``sparse`` keeps it in memory, where the pages
    of zeros take nothing, if the system allows. ``UnwritableOutput`` if the disk has no room for
    all of it.
    """
    shape, dtype = tuple(shape), np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    if size <= MOST_IN_MEMORY:
        return np.zeros(shape, dtype=dtype)
    if sparse:
        with suppress(MemoryError):
            return np.zeros(shape, dtype=dtype)
    return on_disk(shape, dtype)


def on_disk(
    shape: Sequence[int], dtype: npt.DTypeLike, folder: Path | None = None, *, reserve: bool = False
) -> np.ndarray:
    """Return zeros that are mapped from a temporary file without a name, gone with the array.

    The folder is ``TMPDIR`` or else ``/var/tmp`` if none is given. Where all of it will be written,
    ``reserve`` takes its room now if the system can; ``UnwritableOutput`` if there is none.
    """
    shape, dtype = tuple(shape), np.dtype(dtype)
    size = prod(shape) * dtype.itemsize
    folder = folder or _folder()
    try:
        # A page that finds no room when it is written would end the program.
        free = shutil.disk_usage(folder).free
        if free < size:
            raise UnwritableOutput(
                f"a result of this size takes {size / 2**30:.1f} GiB and {folder} has "
                f"{free / 2**30:.1f} GiB left; make room there, or set TMPDIR to another folder."
            )
        with tempfile.TemporaryFile(dir=folder) as file:
            file.truncate(size)
            if reserve and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=dtype, mode="r+", shape=shape)
    except OSError as error:
        if isinstance(error, UnwritableOutput):
            raise
        raise UnwritableOutput(
            f"{folder} cannot take a result of {size / 2**30:.1f} GiB ({error.strerror}); set "
            "TMPDIR to another folder."
        ) from None


def _folder() -> Path:
    if "TMPDIR" not in os.environ and os.access(_ON_DISK, os.W_OK):
        return Path(_ON_DISK)
    return Path(tempfile.gettempdir())
