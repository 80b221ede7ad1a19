"""A batch on the workers of a Dask cluster, each with a device of its own."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from napari_unet.core.batch.cluster.workers import Workers
from napari_unet.core.batch.find_images import OpenFile
from napari_unet.core.batch.plan import BatchPlan, PlannedItem
from napari_unet.core.batch.run import (
    BatchEvent,
    ItemEnded,
    ItemNotice,
    ItemProgress,
    ItemStarted,
    Status,
    run_batch,
    said_of,
)
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.segmentation.pieces import nothing_to_find
from napari_unet.errors import SchedulerUnavailable

if TYPE_CHECKING:
    from distributed import Client, Future

    from napari_unet.core.batch.cluster.worker_tasks import Written

_LOOK = 0.5  # seconds between two questions whether to stop
_LEAVE = 30.0  # seconds that workers have to end the tile that they are at
_IN_FLIGHT = 3  # tasks a thread of a worker, so that it never waits for the next


def run_batch_on(
    client: Client | None,
    model: Model,
    plan: BatchPlan,
    *,
    device: DeviceName = "auto",
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[BatchEvent]:
    """Segment the images of a plan on the workers of a Dask cluster, or here.

    The model is sent to each worker once. Workers read images and write results at the same paths
    as this process, so they share a file system with it. What a worker that dies was doing is done
    again by another. ``ItemEnded`` comes once for each item, in the order in which they end.
    Without a client this process segments, see :func:`napari_unet.core.batch.run.run_batch`.
    ``stop`` is asked twice a second; nothing is left of images that are then being segmented, and
    what is ready stays. To close the generator does the same. Raises ``SchedulerUnavailable`` or
    ``DeviceUnavailable`` if a worker cannot take the model or has no such device.
    """
    if client is None:
        yield from run_batch(model, plan, device=pick_device(device), stop=stop)
        return
    for number, item in enumerate(plan.items):
        if item.action != "run":
            status: Status = "skipped" if item.action == "done" else "failed"
            yield ItemEnded(number, item, status, " ".join(item.sentences))
    if not plan.to_run:
        return
    workers = Workers(client, model, device)
    run = _Run(workers, model, plan)
    try:
        while not run.finished:
            try:
                run.go_on(stop=stop())
            except SchedulerUnavailable as error:
                run.fail(error)
            yield from run.events()
    finally:
        run.leave()
        workers.leave()


@dataclass(eq=False)
class _Image:
    """An image that the workers are segmenting."""

    number: int
    item: PlannedItem
    key: str
    tasks: Generator[Future | None, None, None]
    start: float = field(default_factory=time.monotonic)
    in_flight: int = 0
    all_submitted: bool = False
    pixels: int = 0
    constants: set[float | None] = field(default_factory=set)  # what each task says of its plane
    notices: set[str] = field(default_factory=set)
    failure: Exception | None = None
    stopped: bool = False

    @property
    def takes_tasks(self) -> bool:
        return not (self.all_submitted or self.stopped or self.failure)


class _Run:
    """What is on the workers, what comes next, and what came back."""

    def __init__(self, workers: Workers, model: Model, plan: BatchPlan) -> None:
        self._workers, self._model, self._options = workers, model, plan.options
        numbered = enumerate(plan.items)
        self._waiting = deque((n, item) for n, item in numbered if item.action == "run")
        self._images: list[_Image] = []
        self._futures: dict[Future, _Image] = {}
        self._events: list[BatchEvent] = []
        self._total = max(1, sum(item.pixels for item in plan.to_run))
        self._ready = 0
        self._side = plan.options.tile
        self._asked: Future | None = None  # for the side of a tile
        self._is_said = False  # that there is no worker

    @property
    def finished(self) -> bool:
        """Whether every image has ended."""
        return not self._waiting and not self._images

    def events(self) -> list[BatchEvent]:
        """Return what happened since the last call."""
        events, self._events = self._events, []
        return events

    def go_on(self, *, stop: bool) -> None:
        """Give the workers something to do, and take in what they did."""
        if stop:
            self._stop()
        else:
            self._fill()
        ready = self.finished or any(
            not image.in_flight and not image.takes_tasks for image in self._images
        )
        for future in self._workers.done(0.0 if ready else _LOOK):
            self._take_in(future)
        for image in [image for image in self._images if not image.in_flight]:
            if not image.takes_tasks:
                self._end(image)

    def fail(self, error: Exception) -> None:
        """End everything: nobody answers any more."""
        self._futures.clear()
        for image in list(self._images):
            image.failure = error
            self._end(image)
        while self._waiting:
            self._events.append(ItemEnded(*self._waiting.popleft(), "failed", str(error)))

    def leave(self) -> None:
        """Let the workers end what they are at, so that nobody writes to what is then removed."""
        with suppress(SchedulerUnavailable):
            self._stop()  # does nothing where all is done
            until = time.monotonic() + _LEAVE
            while self._futures and time.monotonic() < until:
                for future in self._workers.done(_LOOK):
                    self._futures.pop(future, None)
        for image in self._images:
            image.tasks.close()

    def _fill(self) -> None:
        threads = self._workers.threads
        if not threads and not self._is_said:
            number = self._images[0].number if self._images else self._waiting[0][0]
            text = "there is no worker; waiting until one comes."
            self._events.append(ItemNotice(number, text))
        self._is_said = not threads
        if self._side is None:
            if self._asked is None:
                self._asked = self._workers.best_side()
            return
        while len(self._futures) < _IN_FLIGHT * threads:
            image = self._next_image(threads)
            if image is None:
                break
            try:
                future = next(image.tasks)
            except SchedulerUnavailable:
                raise
            except Exception as error:  # whatever it is, the others must go on
                self._give_up(image, error)
                continue
            if future is None:
                image.all_submitted = True
                continue
            self._futures[future] = image
            image.in_flight += 1
            self._workers.follow(future)

    def _next_image(self, threads: int) -> _Image | None:
        """Return the image to submit tasks of."""
        from napari_unet.core.batch.cluster.image_tasks import tasks_of
        from napari_unet.core.batch.cluster.worker_tasks import Work

        for image in self._images:
            if image.takes_tasks:
                return image
        if not self._waiting:
            return None
        number, item = self._waiting.popleft()
        assert self._side is not None
        outputs = {what: path.absolute() for what, path in item.outputs.items()}
        opener = item.candidate.open
        if isinstance(opener, OpenFile):
            opener = opener.absolute()
        candidate = replace(item.candidate, open=opener)
        there = replace(item, candidate=candidate, outputs=outputs)
        work = Work(self._workers.model, str(number), there, self._options)
        submit = self._workers.submit
        tasks = tasks_of(work, self._model, submit, side=self._side, threads=threads)
        self._images.append(_Image(number, item, work.key, tasks))
        self._events.append(ItemStarted(number))
        return self._images[-1]

    def _take_in(self, future: Future) -> None:
        if future is self._asked:
            self._asked, self._side = None, self._workers.result(future)
            return
        image = self._futures.pop(future)
        image.in_flight -= 1
        try:
            written: Written = self._workers.result(future)
        except SchedulerUnavailable:
            raise
        except Exception as error:  # of any library, on any worker
            self._give_up(image, error)
            return
        image.pixels += written.pixels
        image.constants.add(written.constant)
        for text in set(written.notices) - image.notices:
            self._events.append(ItemNotice(image.number, text))
        image.notices |= set(written.notices)
        overall = (self._ready + sum(other.pixels for other in self._images)) / self._total
        fraction = image.pixels / image.item.pixels
        self._events.append(ItemProgress(image.number, fraction, overall))

    def _give_up(self, image: _Image, error: Exception) -> None:
        """Let an image fail as soon as nobody is at it any more."""
        if image.failure is None:
            image.failure = error
            self._workers.give_up(image.key)

    def _stop(self) -> None:
        while self._waiting:
            said = "the run was stopped before it."
            self._events.append(ItemEnded(*self._waiting.popleft(), "stopped", said))
        for image in self._images:
            if not image.stopped:
                image.stopped = True
                self._workers.give_up(image.key)

    def _end(self, image: _Image) -> None:
        """Move an image's results to their places if all is well; else remove them."""
        status: Status = "done"
        said = " ".join(image.item.sentences)
        try:
            if image.failure is not None:
                raise image.failure
            if image.pixels < image.item.pixels:
                status, said = "stopped", "the run was stopped in it."
            elif None not in image.constants:
                raise nothing_to_find(image.constants.pop() or 0)
            else:
                deque(image.tasks, maxlen=0)
        except Exception as error:  # whatever it is, the others must go on
            status, said = "failed", said_of(error, image.item)
        image.tasks.close()
        self._images.remove(image)
        self._ready += image.item.pixels
        seconds = time.monotonic() - image.start
        self._events.append(ItemEnded(image.number, image.item, status, said, seconds))
