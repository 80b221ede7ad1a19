"""Frames of pickled messages over the line between the window and its own learner.

The learner may run on another computer, so a frame may name nothing but plain data of this program
and arrays: whoever answers there cannot have a command run here. Model files travel as the bytes
of a safetensors file.

A frame is a count of parts, digests that are to be forgotten, and the parts: first the pickle, then
what large arrays and models hold, outside it. A part that the other end has already is its digest
alone, see :mod:`napari_unet.learner.shelf`.
"""

import hashlib
import io
import pickle
import struct
import sys
import zlib
from collections.abc import Sequence
from dataclasses import is_dataclass
from enum import Enum
from typing import Any, BinaryIO

import numpy as np
from pydantic import BaseModel

from napari_unet.learner.shelf import DIGEST, LARGE, Shelf

_HEAD = struct.Struct("<QQ")  # parts after the first, bytes of digests to forget
_PART = struct.Struct("<BQ")  # flags, bytes
_PACKED, _KEPT, _KNOWN = 1, 2, 4
_SAMPLE, _WORTH_IT = 4096, 0.5  # bytes of a part that are tried, and the share to get below
_OURS = "napari_unet."
_ARRAYS = {  # found by name: their modules differ between versions of NumPy
    function.__name__: function
    for function in (
        np.zeros(1).__reduce_ex__(5)[0],
        np.zeros(1).__reduce__()[0],
        np.float64(0).__reduce__()[0],
        np.dtype,
        np.ndarray,
    )
    if callable(function)
}


def send(
    stream: BinaryIO,
    message: object,
    shelf: Shelf | None = None,
    *,
    keep: bool = True,
    packed: bool = False,
) -> None:
    """Write one message and flush it.

    Arrays travel outside the pickle, so that they are not copied first. ``shelf`` knows what the
    other end has. Large arrays may be asked for again if ``keep``, models always; what becomes half
    as small is compressed if ``packed``, for a slow line. After ``MemoryError`` nothing was
    written.
    """
    arrays: list[pickle.PickleBuffer] = []
    body = io.BytesIO()
    pickler = _Pickler(body, protocol=5, buffer_callback=arrays.append)
    pickler.dump(message)
    views = [memoryview(body.getvalue()), *(array.raw() for array in arrays)]
    parts = [_encoded(view, shelf if keep else None, packed) for view in views]
    parts += [_encoded(memoryview(blob), shelf, packed) for blob in reversed(pickler.blobs)]
    forgotten = b"" if shelf is None else shelf.to_forget()
    stream.write(_HEAD.pack(len(parts) - 1, len(forgotten)))
    stream.write(forgotten)
    for flags, pieces in parts:
        stream.write(_PART.pack(flags, sum(memoryview(piece).nbytes for piece in pieces)))
        for piece in pieces:
            stream.write(piece)
    stream.flush()


def receive(stream: BinaryIO, shelf: Shelf | None = None) -> Any:
    """Read one message.

    ``EOFError`` if the other end is gone, ``pickle.UnpicklingError`` if the message names what no
    message may.
    """
    count, forgotten = _HEAD.unpack(_read(stream, _HEAD.size))
    digests = bytes(_read(stream, forgotten))
    parts = [_decoded(stream, shelf) for _ in range(count + 1)]
    if shelf is not None:
        shelf.forget(digests)
    return _Unpickler(parts).load()


def _encoded(
    view: memoryview, shelf: Shelf | None, packed: bool
) -> tuple[int, Sequence[bytes | memoryview]]:
    """Return the flags of a part and what to write of it."""
    flags, digest = 0, b""
    if shelf is not None and view.nbytes >= LARGE:
        digest = hashlib.blake2b(view, digest_size=DIGEST).digest()
        if shelf.knows(digest):
            return _KNOWN, [digest]
        flags = _KEPT
        shelf.keep(digest, view)
    if packed and view.nbytes >= LARGE and _packs(view):
        return flags | _PACKED, [digest, zlib.compress(view, 1)]
    return flags, [digest, view]


def _packs(view: memoryview) -> bool:
    middle = view.cast("B")[view.nbytes // 2 :][:_SAMPLE]
    return len(zlib.compress(middle, 1)) < _WORTH_IT * _SAMPLE


def _decoded(stream: BinaryIO, shelf: Shelf | None) -> bytes | bytearray:
    flags, length = _PART.unpack(_read(stream, _PART.size))
    digest = bytes(_read(stream, DIGEST if flags & (_KEPT | _KNOWN) else 0))
    if flags & _KNOWN:
        if shelf is None:
            raise pickle.UnpicklingError("a part is said to be known that is not")
        return shelf.recall(digest)
    data = _read(stream, length - len(digest))
    if flags & _PACKED:
        data = bytearray(zlib.decompress(data))
    if flags & _KEPT and shelf is not None:
        return shelf.keep(digest, data)
    return data


def _read(stream: BinaryIO, length: int) -> bytearray:
    data = bytearray(length)
    view = memoryview(data)
    filled = 0
    while filled < length:
        count = stream.readinto(view[filled:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        filled += count
    return data


class _Pickler(pickle.Pickler):
    """Takes large ``bytes``, which are models, out of the pickle as arrays are."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.blobs: list[bytes] = []

    def persistent_id(self, thing: Any) -> int | None:
        if type(thing) is not bytes or len(thing) < LARGE:
            return None
        self.blobs.append(thing)
        return len(self.blobs)


class _Unpickler(pickle.Unpickler):
    """Makes plain data of this program and arrays, and refuses all else."""

    def __init__(self, parts: list[bytes | bytearray]) -> None:
        arrays = (bytearray(part) if isinstance(part, bytes) else part for part in parts[1:])
        super().__init__(io.BytesIO(parts[0]), buffers=arrays)
        self._parts = parts

    def persistent_load(self, number: int) -> bytes:
        return bytes(self._parts[-number])

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("numpy.") or module == "numpy":
            if name in _ARRAYS:
                return _ARRAYS[name]
        elif module == "builtins" and name in ("Ellipsis", "slice"):
            return super().find_class(module, name)
        elif module.startswith(_OURS):
            found = vars(sys.modules.get(module, object())).get(name)
            plain = isinstance(found, type) and (
                is_dataclass(found) or issubclass(found, Enum | BaseModel)
            )
            if plain:
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no part of a message")
