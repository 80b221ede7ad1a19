"""A process of our own and the pipes to it."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import IO, BinaryIO, cast

_NICENESS = 10
_LINES = 200  # of what a process wrote that are logged


def spawn(command: Sequence[str], log: IO[bytes]) -> subprocess.Popen[bytes]:
    """Start a process that listens on its standard input and answers on its standard output.

    It has no window of its own, and a Ctrl-C in the shell does not reach it. Its standard error
    goes to ``log``; ``OSError`` if it cannot be started.
    """
    options: dict[str, object] = (
        {"creationflags": subprocess.CREATE_NO_WINDOW}  # type: ignore[attr-defined]
        if os.name == "nt"
        else {"start_new_session": True}
    )
    return subprocess.Popen(  # type: ignore[call-overload]
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, **options
    )


def own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Return the requests and replies of this process, which :func:`spawn` started.

    It then runs at a low priority, as the window's process comes first.
    """
    requests = os.fdopen(os.dup(0), "rb", buffering=0)
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints must not get between the replies
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(_NICENESS)
    return cast(BinaryIO, requests), replies


def requests_of(process: subprocess.Popen[bytes]) -> BinaryIO:
    """Return the stream that a process of :func:`spawn` listens to."""
    return cast(BinaryIO, process.stdin)


def replies_of(process: subprocess.Popen[bytes]) -> BinaryIO:
    """Return the stream that a process of :func:`spawn` answers on."""
    return cast(BinaryIO, process.stdout)


def close_streams(process: subprocess.Popen[bytes]) -> None:
    """Close both streams; what is still on its way to a process that is gone is dropped."""
    for stream in (requests_of(process), replies_of(process)):
        with suppress(OSError):
            stream.close()


def kill_all(process: subprocess.Popen[bytes]) -> None:
    """End a process of :func:`spawn` and those that it started; this does not wait."""
    if os.name == "nt":
        process.kill()
    elif process.poll() is None:  # else its number may be another's
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)


def log_of(log: IO[bytes], code: int) -> list[str]:
    """Return what a process that ended wrote on its standard error; all is logged."""
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()
    logging.getLogger(__name__).error(
        "a process of ours ended with %d; it had written:\n%s", code, "\n".join(lines[-_LINES:])
    )
    return lines


def last_words(log: IO[bytes], code: int) -> str:
    """Return why a process ended, from its standard error and its exit code; all is logged."""
    lines = log_of(log, code)
    if code == -9:  # its last words, if any, are of something else
        return "the system ended it, most likely because memory ran out; use fewer planes."
    return f"{lines[-1] if lines else f'exit code {code}'}."
