"""One process of a learner and the line to it, from its greeting to its last words."""

import logging
import subprocess
import tempfile
import threading

from napari_unet.learner import frames
from napari_unet.learner.computer import Computer
from napari_unet.learner.greeting import VERSION, NoLearner, await_greeting
from napari_unet.learner.messages import PredictRequest, Reply, Request
from napari_unet.learner.shelf import WindowsLedger
from napari_unet.learner.spawn import (
    close_streams,
    kill_all,
    last_words,
    log_of,
    replies_of,
    requests_of,
    spawn,
)

_LOG = logging.getLogger(__name__)
_SECONDS_TO_END = 5.0  # after its last word


class LearnerProcess:
    """A learner that was started, here or elsewhere.

    ``answered``: a learner of this version has answered; ``reason`` is why it ended, empty before
    :meth:`bury`. ``OSError`` or ``ValueError`` if it cannot be started, or its command cannot be
    read.
    """

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  (closed in bury())
        self._refused = ""
        self._ledger = WindowsLedger()
        self._decided = threading.Event()  # whether it is a learner, or that it has ended
        self.answered = False
        self.reason = ""
        try:
            self._popen = spawn(computer.argv, self._log)
        except (OSError, ValueError):
            self._log.close()
            raise

    @property
    def pid(self) -> int | None:
        """Process id, while it runs."""
        return self._popen.pid if self._popen.poll() is None else None

    def send(self, request: Request) -> None:
        """Send a request; waits while the line is full, and until a learner has answered.

        Before that it could be a shell, which would take it for commands. ``OSError`` or
        ``ValueError`` if the process is gone; after ``MemoryError`` nothing was sent.
        """
        self._decided.wait()
        if not self.answered:
            raise OSError
        of_tiles = isinstance(request, PredictRequest) and request.tiles
        keep = not of_tiles  # pieces of a batch come once
        packed = not self._computer.is_here
        frames.send(requests_of(self._popen), request, self._ledger, keep=keep, packed=packed)

    def receive(self) -> Reply:
        """Wait for a reply. ``EOFError`` if there will be none."""
        try:
            if not self.answered:
                self._await_greeting()
                self._decided.set()
            reply: Reply = frames.receive(replies_of(self._popen), self._ledger)
        except (EOFError, OSError):
            raise EOFError from None
        except Exception:  # no message of ours, as when something else prints there
            _LOG.exception("the learner said what is no message")
            self.kill()
            raise EOFError from None
        return reply

    def _await_greeting(self) -> None:
        try:
            version = await_greeting(replies_of(self._popen))
        except NoLearner as error:
            self._refused = self._computer.no_learner(str(error))
        else:
            self.answered = version == VERSION
            if not self.answered:
                self._refused = self._computer.other_version(version)
        if not self.answered:
            self.kill()
            raise EOFError

    @property
    def keeps_too_much(self) -> bool:
        """Whether it keeps parts of messages that the next request has it drop."""
        return self._ledger.is_behind

    def kill(self) -> None:
        """End it now, with what it started; this does not wait."""
        kill_all(self._popen)

    def bury(self) -> None:
        """Wait for its end, after the last reply, and learn the reason."""
        self._decided.set()
        code = self._code()
        close_streams(self._popen)
        if self._computer.is_here:
            self.reason = self._refused or last_words(self._log, code)
        else:
            lines = log_of(self._log, code)
            self.reason = self._refused or self._computer.why(code, lines, answered=self.answered)
        self._log.close()

    def _code(self) -> int:
        try:
            return self._popen.wait(_SECONDS_TO_END)
        except subprocess.TimeoutExpired:  # it says nothing more, but does not end by itself
            self.kill()
            return self._popen.wait()
