"""Telling whether an image is the same as before, without reading all of a large one."""

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.stacked_channels import StackedChannels
from napari_unet.errors import UnreadableFile

_WHOLE_BYTES = 64 * 2**20
_BLOCK_BYTES = 64 * 2**10
_BLOCKS = 64
_MOST_FILES = 100_000
_ROWS = 64  # of an array in memory
_LAZY_ROWS = 16  # of one that is not, where each may need a chunk to be read or computed


@dataclass(frozen=True)
class Identity:
    """What an image is known by.

    ``size`` is in bytes, of a folder of all its files; the checksum has 32 hexadecimal digits.
    """

    size: int
    checksum: str


def identify_file(path: Path) -> Identity:
    """Return the size of a file and a checksum of a sample of it.

    Of a file of up to 64 MiB everything counts; of a larger one its size and 64 blocks of 64 KiB,
    evenly spaced, the first and the last of its bytes among them: 4 MiB are read, whatever its
    size. So a change of a few pixels of a large image may go unnoticed, another image does not. Of
    a folder, as Zarr is one, the names and sizes of its files count, and all of those that describe
    it (JSON); its chunks are not read.
    """
    try:
        return _identify_folder(path) if path.is_dir() else _identify_file(path)
    except (OSError, ValueError) as error:  # a name with a NUL, or with half a character
        reason = getattr(error, "strerror", None) or error
        raise UnreadableFile(f"{path} cannot be read ({reason}); check the name.") from None


def identify_array(data: Any) -> Identity | None:
    """Return the same of an image in memory: its shape, type and pixels.

    Of an array of up to 64 MiB every pixel counts, of a larger one those of 64 evenly spaced rows.
    ``None`` for one that is not in memory, which is not computed.
    """
    return Identity(int(data.nbytes), _of_pixels(data)) if isinstance(data, np.ndarray) else None


def fingerprint(source: ImageSource) -> str:
    """Return what tells the pixels of an image from others, 32 hexadecimal digits.

    Of a file or an array of up to 64 MiB everything counts. A larger file, and an OME-Zarr, is
    known by a sample, see :func:`identify_file`, and by when it was last changed; a larger array by
    64 evenly spaced rows, and by 16 of one that is not in memory, and by when the file that it is
    read from was last changed. Axes and pixel size do not count.
    """
    finest = source.levels[0]
    if isinstance(finest, StackedChannels):
        digest = _new()
        digest.update(" ".join(map(fingerprint, finest.parts)).encode())
        return digest.hexdigest()
    if source.file is None:
        return _of_pixels(finest)
    if source.kind == "array":
        pixels = _of_pixels(finest)
        return pixels if _is_small(finest) else _with_date(pixels, source.file)
    identity = identify_file(source.file)
    if source.file.is_file() and identity.size <= _WHOLE_BYTES:
        return identity.checksum
    return _with_date(identity.checksum, source.file)


def _with_date(known: str, file: Path) -> str:
    """Return the digest of what is known and of when a file, or one of a folder, was changed."""
    files = (path for path in _files(file) if path.exists())
    changed = max((path.stat().st_mtime_ns for path in files), default=0)
    digest = _new()
    digest.update(f"{known} {changed}".encode())
    return digest.hexdigest()


def _is_small(data: Any) -> bool:
    """Return whether every pixel of an array counts."""
    return prod(map(int, data.shape)) * np.dtype(data.dtype).itemsize <= _WHOLE_BYTES


def _of_pixels(data: Any) -> str:
    """Return the digest of an array of any kind."""
    shape, dtype = tuple(map(int, data.shape)), np.dtype(data.dtype)
    lead = shape[:-1]
    digest = _new()
    digest.update(f"{dtype.str} {list(shape)}".encode())
    if _is_small(data):
        digest.update(np.ascontiguousarray(data[...]).tobytes())
        return digest.hexdigest()
    count = _ROWS if isinstance(data, np.ndarray) else _LAZY_ROWS
    for row in np.unique(np.linspace(0, prod(lead) - 1, count).astype(np.int64)):
        where = tuple(int(at) for at in np.unravel_index(row, lead))
        digest.update(np.ascontiguousarray(data[where]).tobytes())
    return digest.hexdigest()


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
    for file in _files(path):
        size = file.stat().st_size
        total += size
        digest.update(f"{file.relative_to(path).as_posix()} {size}\n".encode())
        if file.name in ("zarr.json", ".zattrs", ".zarray", ".zgroup") and size <= _WHOLE_BYTES:
            digest.update(file.read_bytes())
    return Identity(total, digest.hexdigest())


def _files(path: Path) -> Iterator[Path]:
    """Iterate over a file, or over the files of a folder in a fixed order, not all if too many."""
    return islice(_below(path), _MOST_FILES) if path.is_dir() else iter([path])


def _below(folder: Path) -> Iterator[Path]:
    for root, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            yield Path(root) / name
