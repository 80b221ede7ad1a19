"""The learner's process: one thread computes, one reads requests; it ends with its parent."""

from __future__ import annotations

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

from napari_unet.core.events import Best, Done, Progress, Step
from napari_unet.core.images.box import Tile
from napari_unet.core.images.check_array import check_array
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.lazy_plane import intensities_of
from napari_unet.core.live.live_trainer import warm_up
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import (
    NO_MEMORY,
    describe,
    fast_dtype,
    is_out_of_memory,
    pick_device,
)
from napari_unet.core.prediction.own_pixels import predict_own_pixels
from napari_unet.core.prediction.tile_probabilities import TileProbabilities, ids_of
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.core.prediction.uncertainty import doubt_of, uncertainty
from napari_unet.core.training.train import train_events
from napari_unet.errors import InvalidInput, UserError
from napari_unet.learner import frames
from napari_unet.learner.child.live_job import LiveJob
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
    PieceRequest,
    PlanePredicted,
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
    trainings.

    Attributes
    ----------
    inbox
        Requests as they come.
    stream
        Where replies go.
    clock
        Gives the seconds that turns and budgets are counted in.
    shelf
        What it keeps of what crossed the line.
    packed
        Whether the line is slow.
    """

    inbox: queue.SimpleQueue[Request]
    stream: BinaryIO
    clock: Callable[[], float] = time.monotonic
    shelf: LearnersShelf | None = None
    packed: bool = False
    _turns: Turns = field(default_factory=Turns)
    _models: dict[bytes, Model] = field(default_factory=dict)
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
            case PredictRequest() | PieceRequest():
                found = self._predicted(request, stopping)
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

    def _predicted(
        self, request: PredictRequest | PieceRequest, stopping: threading.Event
    ) -> Iterator[Content]:
        if isinstance(request, PieceRequest):
            return self._predict_piece(request, stopping)
        return self._predict(request, stopping)

    def _predict(self, request: PredictRequest, stopping: threading.Event) -> Iterator[Content]:
        model = self._recall(request.model)
        ids = model.class_ids
        device = pick_device(request.device)
        channels = model.header.network.in_channels
        for number, plane in enumerate(request.images):
            if stopping.is_set():
                break
            if plane.shape[0] != channels:
                raise InvalidInput(
                    f"the model was trained on {channels} channels and this image has "
                    f"{plane.shape[0]}; choose an image like those it was trained on."
                )
            if isinstance(plane, np.ndarray):
                plane = check_array(plane, may_be_constant=len(request.images) > 1)
            whole = Tile.whole(plane.shape[1:])
            region = whole if request.region is None else Tile.of(request.region)
            classes = np.empty(region.sides, dtype=ids.dtype)
            probabilities = (len(ids), *region.sides)
            kept = np.empty(probabilities, np.float32) if request.probabilities else None
            unsure = np.empty(region.sides, np.float32) if request.doubt else None
            parts = predict_own_pixels(model, plane, request.factors, device=device, region=region)
            for part in parts:
                if not isinstance(part, TileProbabilities):
                    yield part
                    continue
                where = part.tile.within(region)
                classes[where] = ids_of(part.probabilities, ids)
                if kept is not None:
                    kept[:, *where] = part.probabilities
                if unsure is not None:
                    unsure[where] = uncertainty(part.probabilities)
                done = int(1000 * (number + part.fraction))
                yield Progress(done, 1000 * len(request.images))
                if stopping.is_set():
                    yield Predicted(stopped=True)
                    return
            doubt = None if unsure is None else doubt_of(unsure)
            # Of one plane a request, since it takes some milliseconds; of a cutout it is known.
            wanted = isinstance(plane, Cutout) or (number == 0 and request.region is None)
            seen = intensities_of(plane) if wanted else ()
            yield PlanePredicted(number, classes, kept, doubt, seen)
        yield Predicted(stopped=stopping.is_set())

    def _predict_piece(self, request: PieceRequest, stopping: threading.Event) -> Iterator[Content]:
        for part in predict_tiles(
            self._recall(request.model),
            request.piece,
            device=pick_device(request.device),
            tile=request.tile,
            region=request.region,
        ):
            yield part
            if stopping.is_set():
                break
        yield Predicted(stopped=stopping.is_set())

    def _remember(self, model: Model, request: TrainRequest) -> bytes:
        header = model.header.model_copy(update={"channels": request.channels})
        model = replace(model, header=header)
        data = model.to_bytes()
        self._models = {data: model}
        return data

    def _recall(self, data: bytes) -> Model:
        """Return the model of a file's content; the last two used are kept ready."""
        if data not in self._models:
            self._models = dict([*self._models.items()][-1:])
            self._models[data] = Model.from_bytes(data)
        return self._models[data]


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

    Parameters
    ----------
    packed
        Whether the line is slow.
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
