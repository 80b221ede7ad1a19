"""The learner's process: one thread computes, one reads requests; it ends with its parent."""

import errno
import os
import queue
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import BinaryIO

import numpy as np

from napari_unet.core.events import Best, Done, Step
from napari_unet.core.live.live_trainer import warm_up
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import (
    NO_MEMORY,
    describe,
    fast_dtype,
    is_out_of_memory,
    pick_device,
)
from napari_unet.core.training.train import train_events
from napari_unet.errors import UserError
from napari_unet.learner import frames
from napari_unet.learner.child.live_job import LiveJob
from napari_unet.learner.child.predicting import Models, predictions
from napari_unet.learner.child.turns import Pace, Stopwatch, Turns
from napari_unet.learner.messages import (
    Content,
    Failed,
    Improved,
    LiveClasses,
    LivePlane,
    LiveRequest,
    LiveStrokes,
    LiveView,
    Predicted,
    PredictRequest,
    Ready,
    Reply,
    Request,
    StopRequest,
    Trained,
    TrainRequest,
)
from napari_unet.learner.shelf import LearnersShelf

_SECONDS_BETWEEN_STEP_REPLIES = 0.1


@dataclass(frozen=True, eq=False)
class _Work:
    """A job under way; ``live`` is what messages of a live one go to.

    ``watch`` counts the seconds that it had itself.
    """

    job: int
    training: bool
    contents: Iterator[Content | None]
    stopping: threading.Event
    watch: Stopwatch
    live: LiveJob | None = None

    @property
    def idle(self) -> bool:
        return self.live is not None and self.live.idle


@dataclass
class Loop:
    """Does one tile or one step at a time and listens in between.

    What shall stop comes first, then what is looked at live, then by turns predictions and
    trainings. ``clock`` gives the seconds that turns and budgets are counted in, ``shelf`` is what
    it keeps of what crossed the line, which is slow if ``packed``.
    """

    inbox: queue.SimpleQueue[Request]
    stream: BinaryIO
    clock: Callable[[], float] = time.monotonic
    shelf: LearnersShelf | None = None
    packed: bool = False
    _turns: Turns = field(default_factory=Turns)
    _models: Models = field(default_factory=Models)
    _works: list[_Work] = field(default_factory=list)

    def run(self) -> None:
        """Work for ever; the reading thread ends the process."""
        while True:
            self._take_requests(wait=all(work.idle for work in self._works))
            if self._works:
                self._advance(min(self._works, key=self._turn))

    def _take_requests(self, *, wait: bool) -> None:
        with suppress(queue.Empty):
            while True:
                self._take(self.inbox.get(block=wait))
                wait = False

    def _take(self, request: Request) -> None:
        stopping, watch = threading.Event(), Stopwatch(self.clock)
        match request:
            case TrainRequest():
                events = self._train(request, stopping, watch)
                self._works.append(_Work(request.job, True, events, stopping, watch))
            case PredictRequest():
                found = predictions(request, self._models, stopping)
                self._works.append(_Work(request.job, False, found, stopping, watch))
            case LiveRequest():
                self._start_live(request, stopping, watch)
            case LivePlane() | LiveStrokes() | LiveClasses() | LiveView():
                for work in self._works:
                    if work.live is not None and work.job == request.job:
                        work.live.take(request)
            case StopRequest():
                for work in self._works:
                    if work.job == request.job:
                        work.stopping.set()

    def _start_live(
        self, request: LiveRequest, stopping: threading.Event, watch: Stopwatch
    ) -> None:
        try:
            live = LiveJob(request, stopping)
        except Exception as error:
            self._say(Reply(request.job, _failure(error)))
            return
        self._works.append(_Work(request.job, True, live.contents(), stopping, watch, live))

    def _advance(self, work: _Work) -> None:
        before = work.watch()
        try:
            with work.watch.running():
                content = next(work.contents)
        except Exception as error:
            content = _failure(error)
        if work.training or any(other.training and not other.idle for other in self._works):
            self._turns.note(training=work.training, seconds=work.watch() - before)
        if content is not None:
            self._say(Reply(work.job, content))
        if isinstance(content, Failed | Trained | Predicted):
            self._works.remove(work)

    def _say(self, reply: Reply) -> None:
        frames.send(self.stream, reply, self.shelf, keep=False, packed=self.packed)

    def _turn(self, work: _Work) -> tuple[bool, bool, bool, bool]:
        """Sort key of what comes first; equal ones come in the order of their requests."""
        urgent = work.live is not None and work.live.urgent
        later = work.training is self._turns.predictions_first
        return work.idle, not work.stopping.is_set(), not urgent, later

    def _train(
        self, request: TrainRequest, stopping: threading.Event, clock: Callable[[], float]
    ) -> Iterator[Content | None]:
        model = None if request.model is None else Model.from_bytes(request.model)
        last_sent = -np.inf
        pace = Pace(time.monotonic)
        better: Best | None = None
        for event in train_events(
            request.images,
            request.labels,
            newest=request.newest,
            places=request.places,
            classes=request.classes,
            model=model,
            pixel_size=request.pixel_size,
            pixel_unit=request.pixel_unit,
            should_stop=stopping.is_set,
            clock=clock,
            **dict(request.settings),
        ):
            if isinstance(event, Best):
                better = event
            if better is not None and (pace.is_due or not self.packed):
                data = self._remember(better.model, request)
                with pace.sending():
                    yield Improved(better.step, better.score, data)
                better = None
            match event:
                case Step() as step:
                    now = time.monotonic()
                    if now - last_sent >= _SECONDS_BETWEEN_STEP_REPLIES:
                        last_sent = now
                        yield step
                    else:
                        yield None
                case Best():
                    pass  # sent above, where the line lets it
                case Done():
                    data = self._remember(event.model, request)
                    yield Trained(event.step, event.elapsed, event.reason, event.score, data)
                case _:
                    yield event

    def _remember(self, model: Model, request: TrainRequest) -> bytes:
        header = model.header.model_copy(update={"channels": request.channels})
        model = replace(model, header=header)
        data = model.to_bytes()
        self._models.keep(data, model)
        return data


def _failure(error: Exception) -> Failed:
    """Return what ends the job that an error came from."""
    if isinstance(error, UserError):
        return Failed(str(error))
    if is_out_of_memory(error):
        return Failed(NO_MEMORY)
    if isinstance(error, OSError) and error.errno == errno.ENOSPC:
        return Failed("the disk is full where the learner runs; free some space there.")
    return Failed(
        f"something went wrong inside napari-unet ({type(error).__name__}: {error}); "
        "please report it.",
        details="".join(traceback.format_exception(error)),
    )


def serve(requests: BinaryIO, replies: BinaryIO, *, packed: bool) -> None:
    """Answer requests until their stream ends, and the process with it.

    The line is slow if ``packed``.
    """
    shelf = LearnersShelf()
    inbox: queue.SimpleQueue[Request] = queue.SimpleQueue()

    def read() -> None:
        try:
            while True:
                inbox.put(frames.receive(requests, shelf))
        except (EOFError, OSError):
            os._exit(0)  # the parent is gone: nobody would hear the end of a running step
        except BaseException:  # a process that hears nothing more must not live on
            traceback.print_exc()
            os._exit(1)

    threading.Thread(target=read, daemon=True).start()
    device = pick_device("auto")
    fast_dtype(device)  # measured once, now, rather than in the first training
    frames.send(replies, Reply(0, Ready(describe(device))))
    warm_up()  # so that the first strokes need not wait for libraries
    with suppress(BrokenPipeError):
        Loop(inbox, replies, shelf=shelf, packed=packed).run()
