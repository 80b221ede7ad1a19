"""The first words of a learner: that it is one, and of which version.

They come before any message, as a line of text that all versions can read; what a login shell or
a container prints before them is skipped.
"""

from typing import BinaryIO

from napari_unet import __version__

VERSION = str(__version__)
_MARK = b"\x01napari-unet learner "
_MOST = 2**16  # bytes of chatter before it
_SHOWN = 80  # characters of it in a sentence


class NoLearner(Exception):
    """Something else answers; the text is the end of what it says."""


def greet(stream: BinaryIO) -> None:
    """Say that a learner answers from now on."""
    stream.write(_MARK + VERSION.encode() + b"\n")
    stream.flush()


def await_greeting(stream: BinaryIO) -> str:
    """Return the version of the learner that answers on a stream.

    ``EOFError`` if the stream ends before, ``NoLearner`` if something else answers.
    """
    line, heard = b"", 0
    while heard < _MOST:
        line = stream.readline(_MOST)
        heard += len(line)
        if not line:
            raise EOFError
        _, mark, version = line.partition(_MARK)
        if mark:
            return version.decode(errors="replace").strip()
    raise NoLearner(line.decode(errors="replace").strip()[-_SHOWN:])
