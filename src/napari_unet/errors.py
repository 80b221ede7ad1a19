"""What a user is told: errors that somebody can do something about, and how loud a message is.

Each message is one sentence that says what is wrong and what to do; the shell prints it without a
traceback and the window shows it as a notification.
"""

import errno
from enum import Enum


class Level(Enum):
    """How loud a message is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class UserError(Exception):
    """Something outside the program must change before the request can be met."""


class InvalidInput(UserError, ValueError):
    """An image, a label array or a setting cannot be used as it is."""


class InvalidModel(UserError, ValueError):
    """A model file cannot be read, or does not fit the image."""


class UnreadableFile(UserError, OSError):
    """A file cannot be read as an image."""


class UnwritableOutput(UserError, OSError):
    """A result cannot be written where it should go."""


class DeviceUnavailable(UserError, RuntimeError):
    """The device that was asked for is not there, or has no memory left."""


class SchedulerUnavailable(UserError, ConnectionError):
    """No Dask scheduler answers, it went away, or its workers cannot do the work."""


def reason_of(error: BaseException) -> str:
    """Return the first line of what an error of some library says, or else its kind."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def why_unreadable(error: BaseException) -> str:
    """Return in a few words why a library could not read a file or a part of it.

    What it lacks, or the system refused, is said in its own words; how it stumbles over damaged
    bytes, as in "list index out of range", tells nobody anything.
    """
    if isinstance(error, OSError) and error.strerror and error.errno != errno.EINVAL:
        return error.strerror
    text = reason_of(error)
    lacks = any(word in text for word in ("requires", "not supported", "not available"))
    if isinstance(error, ImportError) or (lacks and isinstance(error, RuntimeError | ValueError)):
        return text
    return "damaged, or no image at all"


class Stopped(Exception):
    """Somebody asked to stop; nothing is left of what was under way."""
