"""A predictor whose network is in the learner's process."""

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain, product
from typing import Protocol

from napari_unet.core.events import Notice
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Cutout, Measured, cut
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.models.header import ModelHeader, digest_of
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.core.network.tile_size import best_sides
from napari_unet.core.network.tiling import tile_side
from napari_unet.core.prediction.context import surroundings
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.errors import DeviceUnavailable, Stopped
from napari_unet.learner.messages import Content, Failed, Predicted, PredictRequest

_SIDE = 1024  # pixels of a piece's output
_SIDE_WITH_FOREST = 2048  # its answers are shared within a piece only
_AHEAD = 1  # pieces that are on their way while another is predicted


class Asks(Protocol):
    """What passes requests on to the learner; any thread may call it."""

    def ask(
        self, prepare: Callable[[int], PredictRequest], answer: Callable[[Content], None]
    ) -> int:
        """Queue a request; returns its job."""

    def drop(self, job: int) -> None:
        """Say that nobody waits for a job any more."""


@dataclass(eq=False)
class _Asked:
    """A piece that was asked for, and what was answered and not looked at yet."""

    piece: Cutout
    region: Tile
    tile: int | None
    job: int = 0
    answers: deque[Content] = field(default_factory=deque)


class RemotePredictor:
    """Predicts planes piece by piece; a :data:`prediction.tile_probabilities.Predictor`.

    It reads in the thread that iterates and waits there, except for :meth:`stop`, which any thread
    may call. Of a plane only the pieces under way are in memory. ``check`` is called now and then;
    what it raises ends the prediction.
    """

    def __init__(
        self,
        learner: Asks,
        header: ModelHeader,
        model: bytes,
        *,
        device: DeviceName = "auto",
        check: Callable[[], None] = lambda: None,
    ) -> None:
        self.header = header
        self._learner = learner
        self._model, self.digest = model, digest_of(model)
        self._device = device
        self._check = check
        self._noticed: set[str] = set()
        self._stopped = threading.Event()
        self._inbox: queue.SimpleQueue[tuple[_Asked, Content] | None] = queue.SimpleQueue()

    def stop(self) -> None:
        """Let whoever waits for a tile go at once, by :class:`Stopped`, and for ever."""
        self._stopped.set()
        self._inbox.put(None)

    @property
    def stopped(self) -> bool:
        """Whether :meth:`stop` was called."""
        return self._stopped.is_set()

    def __call__(self, plane: Plane, tile: int | None) -> Iterator[TileProbabilities | Notice]:
        """Predict a plane.

        (C, Y, X), or a volume, (C, Z, Y, X); any real dtype; need not be in memory. ``tile`` is the
        largest side of a tile's output in pixels; ``None`` takes the fastest known. ``Stopped`` if
        somebody called :meth:`stop`, ``DeviceUnavailable`` if the learner could not do it.
        """
        if isinstance(self.header.network, ForeignNetwork):
            plane = Measured(plane)
        shape = tuple(plane.shape[1:])
        total, ready = Tile.whole(shape).pixels, 0
        waiting: deque[_Asked] = deque()
        try:
            for region in _regions(self.header, shape, tile):
                self._look()
                waiting.append(_Asked(self._cut(plane, region), region, tile))
                self._ask(waiting[-1])
                if len(waiting) > _AHEAD:
                    yield from self._tiles(waiting[0], ready, total)
                    ready += waiting.popleft().region.pixels
            while waiting:
                yield from self._tiles(waiting[0], ready, total)
                ready += waiting.popleft().region.pixels
        finally:
            for asked in waiting:
                self._learner.drop(asked.job)

    def _cut(self, plane: Plane, region: Tile) -> Cutout:
        shape, classifier = tuple(plane.shape[1:]), self.header.network_share < 1
        needed = surroundings(self.header.network, region, shape, classifier=classifier)
        return cut(plane, needed, sampled=isinstance(plane, Measured))

    def _ask(self, asked: _Asked) -> None:
        asked.job = self._learner.ask(
            lambda job: PredictRequest(
                job=job,
                images=(asked.piece,),
                model=self._model,
                device=self._device,
                region=tuple(chain(*asked.region.ranges)),
                tile=asked.tile,
                exact=True,
                tiles=True,
            ),
            lambda content: self._inbox.put((asked, content)),
        )

    def _tiles(self, asked: _Asked, ready: int, total: int) -> Iterator[TileProbabilities | Notice]:
        """Yield what comes of a piece; ``ready`` of the plane's pixels were before it."""
        while True:
            match self._next(asked):
                case TileProbabilities() as part:
                    share = (ready + part.fraction * asked.region.pixels) / total
                    yield TileProbabilities(part.tile, part.probabilities, share)
                case Notice() as notice if notice.text not in self._noticed:
                    self._noticed.add(notice.text)
                    yield notice
                case Failed(text=text):
                    raise DeviceUnavailable(text)
                case Predicted():
                    return

    def _next(self, asked: _Asked) -> Content:
        self._look()
        while not asked.answers:
            item = self._inbox.get()
            self._look()
            if item is not None:
                item[0].answers.append(item[1])
        return asked.answers.popleft()

    def _look(self) -> None:
        if self._stopped.is_set():
            raise Stopped
        self._check()


def _regions(header: ModelHeader, shape: tuple[int, ...], tile: int | None) -> Iterator[Tile]:
    """Cut a plane into pieces of whole tiles, so that each chunk of a result is written once.

    A piece of a volume is one tile, whose input is large already.
    """
    config = header.network
    sides = best_sides(config, Tile.whole(shape), None) if tile is None else (tile,) * config.ndim
    largest = _SIDE_WITH_FOREST if header.network_share < 1 else _SIDE
    spans = []
    for axis, (size, wanted) in enumerate(zip(shape, sides, strict=True)):
        side = tile_side(config, size, wanted, axis)
        step = max(1, largest // side) * side if config.ndim == 2 else side
        spans.append([(start, min(start + step, size)) for start in range(0, size, step)])
    for ranges in product(*spans):
        yield Tile(*ranges)
