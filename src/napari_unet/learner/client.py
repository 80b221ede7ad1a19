"""The window's side of the learner: the jobs that its process is given, and their answers."""

import logging
import queue
import threading
from collections.abc import Hashable

from napari_unet.errors import InvalidInput
from napari_unet.learner.computer import HERE, Computer
from napari_unet.learner.jobs import (
    NO_MEMORY,
    Addition,
    Answer,
    Job,
    Prepare,
    PrepareMessages,
    last_replies,
    said_of,
)
from napari_unet.learner.messages import (
    Content,
    Failed,
    Forget,
    Improved,
    LiveMessage,
    Notice,
    Predicted,
    Ready,
    Reply,
    Request,
    StopRequest,
    Trained,
)
from napari_unet.learner.process import LearnerProcess
from napari_unet.learner.upkeep import Upkeep, ignore, later
from napari_unet.log import with_log

_LOG = logging.getLogger(__name__)
STOP_SECONDS = 0.4
STOP_SECONDS_ELSEWHERE = 2.0  # a model may take that long on its way here
KILL_SECONDS = 10.0  # for a tile that nobody waits for; a large one on a slow computer takes some
_JOIN_SECONDS = 0.3
_CLOSED = "the window was closed."
_NOBODY = "nothing trains any more, since the dock was closed; open it again."


class Learner(Upkeep):
    """A process that trains and predicts on request.

    Requests are prepared and sent by a thread of their own and replies are read by another, so no
    method but :meth:`close` waits for anything. Each job gets exactly one last reply, ``Trained``,
    ``Predicted`` or ``Failed``, also when its process dies: then the process is replaced, and a
    training that had found a model keeps it.
    """

    def __init__(self, computer: Computer = HERE) -> None:
        super().__init__(computer)
        self._outbox: queue.SimpleQueue[int | Addition | StopRequest | Forget | None] = (
            queue.SimpleQueue()
        )
        self._jobs: dict[int, Job] = {}
        self._additions: dict[Addition, PrepareMessages] = {}  # that wait
        self._ignored: set[int] = set()  # stopped predictions that the process may be at still
        self._sender = threading.Thread(target=self._send_all, name="learner-send", daemon=True)
        self._sender.start()

    def submit(
        self, job: int, prepare: Prepare, *, training: bool, answer: Answer | None = None
    ) -> None:
        """Queue a job.

        ``job`` is a number not used before; a training keeps its best weights when it ends early.
        ``prepare`` makes the request, called in the sending thread, so it may read large layers;
        what it raises becomes the job's :class:`Failed` reply. ``answer`` takes the job's replies,
        at once and in the thread that receives them, instead of :meth:`listen`; it must not wait.
        Refused if it is a training and the learner was closed.
        """
        with self._lock:
            if self._closed and training:
                raise InvalidInput(_NOBODY)
            if self._closed and answer is not None:
                answer(Failed(_CLOSED))
                return
            self._jobs[job] = Job(training, prepare, answer)
        self._outbox.put(job)

    def add(self, job: int, key: Hashable, prepare: PrepareMessages) -> None:
        """Queue messages for a live job, in order; none are sent once it has ended.

        They take the place of those of that key that wait. ``prepare`` is called in the sending
        thread, so it may read large layers. What it raises becomes a :class:`Notice`; the job goes
        on.
        """
        addition = Addition(job, key)
        with self._lock:
            waits = addition in self._additions
            self._additions[addition] = prepare
        if not waits:
            self._outbox.put(addition)

    def stop(self, job: int) -> None:
        """End a job within half a second: politely first, then by replacing the process.

        The process is spared where a prediction is stopped, since a warm one is worth more than
        the rest of a tile, which is ignored; unless it goes on for seconds, with no training beside
        it. So is one elsewhere, which may have waited in a queue, and has some more time to answer.
        """
        with self._lock:
            if job not in self._jobs:
                return
            self._jobs[job].stopping = True
        self._outbox.put(StopRequest(job))
        seconds = STOP_SECONDS if self._computer.is_here else STOP_SECONDS_ELSEWHERE
        later(seconds, self._kill_if_running, job)

    def drop(self, job: int) -> None:
        """Say that nobody waits for a prediction any more; its process is spared."""
        with self._lock:
            if job not in self._jobs:
                return
            self._jobs[job].answer = ignore
            self._jobs[job].stopping = True
        self._outbox.put(StopRequest(job))

    def close(self) -> None:
        """End the process and the threads; of waiting jobs only those with an answer are told."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            for job in self._jobs.values():
                if job.answer is not None:
                    job.answer(Failed(_CLOSED))
            self._jobs.clear()
            process = self._process
        self._outbox.put(None)
        if process is not None:
            process.kill()  # the receiving thread waits for its end, which may take a while
        self._sender.join(_JOIN_SECONDS)  # it may be in the middle of a layer that is slow to read

    def _send_all(self) -> None:
        while (item := self._outbox.get()) is not None:
            if isinstance(item, int):
                self._prepare_and_send(item)
            elif isinstance(item, Addition):
                self._add(item)
            else:
                self._send(item)

    def _prepare_and_send(self, job: int) -> None:
        with self._lock:
            if job not in self._jobs:
                return
            prepare = self._jobs[job].prepare
        try:
            request = prepare()
        except Exception as error:  # a layer's reader may raise anything
            self._fail(job, said_of(error))
            return
        with self._lock:
            if self._closed or job not in self._jobs:
                return
            if self._process is None and (reason := self._start()) is not None:
                self._fail(job, reason)
                return
            self._jobs[job].sent = True
        self._send(request)

    def _add(self, addition: Addition) -> None:
        with self._lock:
            prepare = self._additions.pop(addition)
            if addition.job not in self._jobs or not self._jobs[addition.job].sent:
                return
        try:
            messages = prepare()
        except Exception as error:  # a layer's reader may raise anything
            self._deliver(Reply(addition.job, Notice(said_of(error))))
            return
        for message in messages:
            self._send(message)

    def _fail(self, job: int, text: str) -> None:
        with self._lock:
            known = self._jobs.pop(job, None)
            if known is not None:
                self._tell(job, known, Failed(text))

    def _tell(self, number: int, job: Job, content: Content) -> None:
        if isinstance(content, Failed) and content.details:
            _LOG.error("job %d of the learner failed:\n%s", number, content.details)
            content = Failed(with_log(content.text))
        if job.answer is None:
            self._deliver(Reply(number, content))
            return
        try:
            job.answer(content)
        except Exception:  # the others wait for this thread
            _LOG.exception("what job %d was answered could not be taken", number)

    def _send(self, request: Request) -> None:
        process = self._process
        if process is None:
            return
        try:
            process.send(request)
        except (OSError, ValueError):
            return  # the process is gone: the receiving thread tells the jobs
        except MemoryError:  # before anything was written
            if isinstance(request, LiveMessage):
                self._deliver(Reply(request.job, Notice(NO_MEMORY)))
            else:
                self._fail(request.job, NO_MEMORY)

    def _pass_on(self, process: LearnerProcess, reply: Reply) -> None:
        if process.keeps_too_much:
            self._outbox.put(Forget())
        with self._lock:
            if process is not self._process:
                return  # it was killed, and its jobs were told
            if reply.job != 0 and reply.job not in self._jobs:
                if isinstance(reply.content, Predicted | Trained | Failed):
                    self._ignored.discard(reply.job)
                return  # its last reply has been given
            if reply.job in self._jobs:
                self._tell(reply.job, self._jobs[reply.job], reply.content)
            else:
                self._deliver(reply)
            match reply.content:
                case Ready():
                    self._failed_starts = 0
                case Improved():
                    self._jobs[reply.job].best = reply.content
                case Trained() | Predicted() | Failed():
                    self._jobs.pop(reply.job, None)

    def _lose(self, reason: str, *, by_us: bool) -> tuple[bool, bool]:
        self._ignored.clear()
        lost = {number: job for number, job in self._jobs.items() if job.sent}
        meant = by_us or any(job.stopping for job in lost.values())
        for number, job in lost.items():
            if meant and not job.stopping and not job.training:
                job.sent = False  # this one was not: the next process does it again
                self._outbox.put(number)
            else:
                self._end(number, reason)
        return meant, bool(lost)

    def _end(self, number: int, reason: str) -> None:
        """Give a job the last replies that its process cannot give."""
        job = self._jobs.pop(number)
        for content in last_replies(job, reason):
            self._tell(number, job, content)

    def _kill_if_running(self, number: int) -> None:
        with self._lock:
            job, process = self._jobs.get(number), self._process
            if job is None or self._closed:
                return
            may_die = job.training and self._computer.is_here
            if job.sent and may_die and process is not None:
                self._kill(process)
                return
            self._end(number, "")  # its layer is still being read, or its process is spared
            if job.sent and process is not None:
                self._ignored.add(number)
                later(KILL_SECONDS, self._kill_if_deaf, number, process)

    def _kill_if_deaf(self, number: int, process: LearnerProcess) -> None:
        """Replace a process that is still at what nobody waits for."""
        with self._lock:
            if not process.answered:
                return  # it waits in a queue, and will be told to stop
            learning = any(job.training and job.sent for job in self._jobs.values())
            if number in self._ignored and process is self._process and not learning:
                self._kill(process)
