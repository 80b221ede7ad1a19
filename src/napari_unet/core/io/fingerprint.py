"""Telling whether an image is the one that was painted on, without reading all of a large one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.errors import UnreadableFile

_WHOLE_BYTES = 8 * 2**20
_BLOCK_BYTES = 64 * 2**10
_BLOCKS = 64
_MOST_FILES = 100_000
_ROWS = 64


@dataclass(frozen=True)
class Identity:
    """What an image is known by.

    Attributes
    ----------
    size
        Bytes of the file, or of all files of a folder.
    checksum
        32 hexadecimal digits.
    """

    size: int
    checksum: str


def identify_file(path: Path) -> Identity:
    """Return the size of a file and a checksum of a sample of it.

    Of a file of up to 8 MiB everything counts; of a larger one its size and 64 blocks of 64 KiB,
    evenly spaced, the first and the last of its bytes among them: at most 4 MiB are read, whatever
    its size. So a change of a few pixels of a large image may go unnoticed, another image does
    not. Of a folder, as Zarr is one, the names and sizes of its files count, and all of those that
    describe it (JSON); its chunks are not read.

    Parameters
    ----------
    path
        A file or a folder.

    Raises
    ------
    UnreadableFile
        It cannot be read.
    """
    try:
        return _identify_folder(path) if path.is_dir() else _identify_file(path)
    except (OSError, ValueError) as error:  # a name with a NUL, or with half a character
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFile(f"{path} cannot be read ({reason}); check the name.") from None


def identify_array(data: Any) -> Identity | None:
    """Return the same of an image in memory: its shape, type and 64 evenly spaced rows.

    Parameters
    ----------
    data
        Any array; ``None`` is returned for one that is not in memory, which is not computed.
    """
    if not isinstance(data, np.ndarray):
        return None
    rows = data.reshape(-1, data.shape[-1]) if data.ndim > 1 and data.size else data
    chosen = np.unique(np.linspace(0, max(len(rows) - 1, 0), _ROWS).astype(int))
    digest = _new()
    digest.update(f"{data.dtype.str} {list(data.shape)}".encode())
    if rows.size:
        digest.update(np.ascontiguousarray(rows[chosen]).tobytes())
    return Identity(int(data.nbytes), digest.hexdigest())


def _new() -> hashlib.blake2b:
    return hashlib.blake2b(digest_size=16)


def _identify_file(path: Path) -> Identity:
    size = path.stat().st_size
    digest = _new()
    digest.update(str(size).encode())
    with open(path, "rb") as file:
        if size <= _WHOLE_BYTES:
            digest.update(file.read())
        else:
            for start in np.linspace(0, size - _BLOCK_BYTES, _BLOCKS).astype(np.int64):
                file.seek(int(start))
                digest.update(file.read(_BLOCK_BYTES))
    return Identity(size, digest.hexdigest())


def _identify_folder(path: Path) -> Identity:
    total, digest = 0, _new()
    files = sorted(file for file in path.rglob("*") if file.is_file())[:_MOST_FILES]
    for file in files:
        size = file.stat().st_size
        total += size
        digest.update(f"{file.relative_to(path).as_posix()} {size}\n".encode())
        if file.name in ("zarr.json", ".zattrs", ".zarray", ".zgroup") and size <= _WHOLE_BYTES:
            digest.update(file.read_bytes())
    return Identity(total, digest.hexdigest())
