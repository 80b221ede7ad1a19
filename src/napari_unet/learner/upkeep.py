"""One process of a learner after the other: started, heard, and replaced where one ends."""

import threading
from collections.abc import Callable
from contextlib import suppress

from napari_unet.learner.computer import HERE, Computer
from napari_unet.learner.messages import Failed, Notice, Reply
from napari_unet.learner.process import LearnerProcess

QUIET_SECONDS = 30.0  # without an answer, until it is told what there is instead
_STARTS_WITHOUT_SUCCESS = 2


class Upkeep:
    """Keeps a process running, here or elsewhere, unless it cannot start.

    Replies are read by a thread a process. Whoever keeps jobs in it takes them, and says what
    becomes of the jobs when it ends; all that changes is changed under ``_lock``.
    """

    def __init__(self, computer: Computer = HERE) -> None:
        self._computer = computer
        self._deliver: Callable[[Reply], None] = ignore
        self._lock = threading.RLock()
        self._process: LearnerProcess | None = None
        self._failed_starts = 0
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Process id of the running process, if there is one."""
        process = self._process
        return None if process is None else process.pid

    def warm_up(self) -> None:
        """Start the process now, so that the first request need not wait for it."""
        with self._lock:
            if self._process is None and not self._closed:
                self._start_or_tell()

    def use(self, computer: Computer) -> None:
        """Run the process elsewhere from now on; predictions under way are done there again."""
        with self._lock:
            self._computer = computer
            self._failed_starts = 0
            if self._process is not None:
                self._kill(self._process)
            elif not self._closed:
                self._start_or_tell()

    def listen(self, deliver: Callable[[Reply], None]) -> None:
        """Have replies delivered as they come, in the thread that receives them.

        ``deliver`` must not wait. The replies of jobs with an answer of their own go there instead.
        """
        self._deliver = deliver

    def _pass_on(self, process: LearnerProcess, reply: Reply) -> None:
        """Take a reply, in the thread that receives it."""
        raise NotImplementedError

    def _lose(self, reason: str, *, by_us: bool) -> tuple[bool, bool]:
        """Say what becomes of the jobs of a process that is gone.

        Returns whether its end was meant, and whether there were any.
        """
        raise NotImplementedError

    def _start_or_tell(self) -> None:
        reason = self._start()
        if reason is not None:
            self._deliver(Reply(0, Failed(reason)))

    def _start(self) -> str | None:
        """Start a process; return what is in the way, if anything."""
        try:
            process = LearnerProcess(self._computer)
        except (OSError, ValueError) as error:
            return f"the training process cannot start ({error})."
        self._process = process
        threading.Thread(
            target=self._receive_all, args=[process], name="learner-receive", daemon=True
        ).start()
        return None

    def _receive_all(self, process: LearnerProcess) -> None:
        quiet = later(QUIET_SECONDS, self._tell_if_quiet, process)
        with suppress(EOFError):
            while True:
                reply = process.receive()
                quiet.cancel()
                self._pass_on(process, reply)
        quiet.cancel()
        process.bury()
        self._bury(process)

    def _bury(self, process: LearnerProcess, *, by_us: bool = False) -> None:
        """Answer for a process that is gone or killed; start the next unless that is pointless."""
        with self._lock:
            if self._closed or process is not self._process:
                return
            self._process = None
            meant, some = self._lose(process.reason, by_us=by_us)
            self._failed_starts += 0 if meant else 1
            if self._failed_starts < _STARTS_WITHOUT_SUCCESS:
                self._start_or_tell()
            elif not some:
                text = f"the training process cannot start: {process.reason}"
                self._deliver(Reply(0, Failed(text)))

    def _tell_if_quiet(self, process: LearnerProcess) -> None:
        with self._lock:
            if process is self._process and not process.answered and not self._closed:
                self._deliver(Reply(0, Notice(self._computer.no_answer_yet())))

    def _kill(self, process: LearnerProcess) -> None:
        process.kill()
        self._bury(process, by_us=True)  # at once: a large process takes a while to end


def later(seconds: float, call: Callable[..., None], *arguments: object) -> threading.Timer:
    """Call something after a while, in a thread of its own."""
    timer = threading.Timer(seconds, call, arguments)
    timer.daemon = True
    timer.start()
    return timer


def ignore(_: object) -> None:
    """Take a reply that nobody waits for."""
