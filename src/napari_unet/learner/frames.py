"""Frames of pickled messages over the pipe between the window and its own child process.

Both ends are this program, on one machine, connected by an anonymous pipe that nobody else can
open; model files never travel as pickles, only as the bytes of a safetensors file.
"""

from __future__ import annotations

import pickle
import struct
from typing import Any, BinaryIO

_LENGTH = struct.Struct("<Q")


def send(stream: BinaryIO, message: object) -> None:
    """Write one message and flush it.

    Arrays travel outside the pickle, so that they are not copied first.
    """
    buffers: list[pickle.PickleBuffer] = []
    body = pickle.dumps(message, protocol=5, buffer_callback=buffers.append)
    views: list[bytes | memoryview] = [buffer.raw() for buffer in buffers]
    stream.write(_LENGTH.pack(len(views)))
    for part in [body, *views]:
        stream.write(_LENGTH.pack(memoryview(part).nbytes))
        stream.write(part)
    stream.flush()


def receive(stream: BinaryIO) -> Any:
    """Read one message.

    ``EOFError`` if the other end is gone.
    """
    (count,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
    parts = []
    for _ in range(count + 1):
        (length,) = _LENGTH.unpack(_read(stream, _LENGTH.size))
        parts.append(_read(stream, length))
    return pickle.loads(parts[0], buffers=parts[1:])


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
