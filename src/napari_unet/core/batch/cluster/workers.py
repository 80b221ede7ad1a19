"""What a run asks of a Dask cluster: a few calls of its client, and their errors in sentences."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from napari_unet.core.io.optional import needed
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.errors import DeviceUnavailable, SchedulerUnavailable, UserError, reason_of

if TYPE_CHECKING:
    from distributed import Client, Future

_LOOK = 0.5  # seconds between two counts of the workers


class Workers:
    """The workers of a scheduler, each with a model that is sent to it once.

    ``model`` is the name under which they have it. ``UserError`` if one cannot load it or has no
    such device, or the scheduler is gone.
    """

    def __init__(self, client: Client, model: Model, device: DeviceName) -> None:
        needed("distributed", "cluster", "a Dask cluster")
        from napari_unet.core.batch.cluster.worker_tasks import SentModel

        self.model = f"napari-unet-{uuid4().hex}"
        self._client = client
        self._done: SimpleQueue[Future] = SimpleQueue()
        self._threads, self._looked = 0, float("-inf")
        self._is_gone = False
        try:
            client.register_plugin(SentModel(model.to_bytes(), device), name=self.model)
        except UserError:
            self.leave()
            raise
        except Exception as error:  # of any library that a worker lacks
            self.leave()
            raise SchedulerUnavailable(
                f"the workers of {self._address} cannot take the model ({type(error).__name__}: "
                f"{reason_of(error)}); install the same napari-unet for scheduler and workers."
            ) from None

    @property
    def threads(self) -> int:
        """Number of tasks that all workers do at a time, as it was half a second ago at most."""
        if time.monotonic() - self._looked > _LOOK:
            with self._answering():
                self._threads = sum(self._client.nthreads().values())
            self._looked = time.monotonic()
        return self._threads

    def submit(self, function: Callable[..., object], *arguments: Any) -> Future:
        """Have a function called by any worker."""
        with self._answering():
            return self._client.submit(function, *arguments, pure=False)

    def follow(self, future: Future) -> None:
        """Have a future returned by :meth:`done` some time."""
        future.add_done_callback(self._done.put)

    def done(self, seconds: float) -> list[Future]:
        """Return the followed futures that were done since; wait for one for some seconds."""
        found = []
        with suppress(Empty):
            found.append(self._done.get(timeout=seconds))
            while True:
                found.append(self._done.get_nowait())
        if any(future.cancelled() for future in found):
            raise self._gone()
        return found

    def result(self, future: Future) -> Any:
        """Return what a task returned, or raise what it raised.

        ``DeviceUnavailable`` if several workers died of it, ``SchedulerUnavailable`` if the
        scheduler is gone.
        """
        distributed = needed("distributed", "cluster", "a Dask cluster")
        killed = distributed.scheduler.KilledWorker
        cancelled = distributed.client.FutureCancelledError
        try:
            return future.result()
        except killed:
            raise DeviceUnavailable(
                "several workers died while they segmented it; give them more memory, or use "
                "smaller tiles."
            ) from None
        except cancelled:
            raise self._gone() from None

    def best_side(self) -> Future:
        """Have :meth:`done` return the side of a tile that is best on a worker, in pixels."""
        from napari_unet.core.batch.cluster.worker_tasks import best_side

        future = self.submit(best_side, self.model)
        self.follow(future)
        return future

    def give_up(self, key: str) -> None:
        """Let workers end what they do for an image after the tile that they are at."""
        from napari_unet.core.batch.cluster.worker_tasks import give_up

        with self._answering():
            self._client.run(give_up, self.model, key, on_error="ignore")

    def leave(self) -> None:
        """Take the model from the workers."""
        if self._is_gone:  # and the workers with it; to ask would take as long as a client waits
            return
        with suppress(Exception):
            self._client.unregister_worker_plugin(self.model)

    @property
    def _address(self) -> str:
        scheduler = self._client.scheduler
        return str(scheduler.address) if scheduler is not None else "the cluster"

    def _gone(self) -> SchedulerUnavailable:
        self._is_gone = True
        return SchedulerUnavailable(
            f"the Dask scheduler at {self._address} went away; what was done before is kept, so "
            "start it again and run the rest."
        )

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except UserError:
            raise
        except Exception:  # a client that is closed or closing has many kinds of errors
            raise self._gone() from None
