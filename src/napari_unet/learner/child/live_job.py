"""A live job in the learner's process: learns from strokes as they come, predicts what is seen."""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np

from napari_unet.core.events import Corrective, Step
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.images.check_array import check_array
from napari_unet.core.live.live_trainer import LiveTrainer
from napari_unet.core.prediction.tile_probabilities import TileProbabilities, ids_of
from napari_unet.errors import UserError
from napari_unet.learner.child.coverage import Cover
from napari_unet.learner.child.live_view import View
from napari_unet.learner.child.turns import Pace
from napari_unet.learner.messages import (
    Content,
    Failed,
    Improved,
    LiveClasses,
    LiveMessage,
    LivePlane,
    LiveRequest,
    LiveStrokes,
    LiveTile,
    LiveView,
    Notice,
    Trained,
    Waiting,
)

SECONDS_BETWEEN_MODELS = 5.0
_NOTHING = "nothing was learnt yet; nothing was changed."


@dataclass
class LiveJob:
    """Takes messages in, and does one bounded piece of work at a time.

    What is in view comes first, then learning and the rest of the plane by turns. New strokes are
    learnt before the view is predicted again, so that the next prediction knows them; but where
    nothing was predicted yet, there is an answer first.
    """

    request: LiveRequest
    stopping: threading.Event
    _messages: deque[LiveMessage] = field(default_factory=deque)
    _planes: dict[str, int] = field(default_factory=dict)
    _view: View | None = None
    _problem: str | None = ""
    _new_strokes: bool = False
    _view_is_next: bool = False
    _rest_is_next: bool = False
    _resting: bool = False
    _first: LivePlane | None = None
    _kept: Improved | None = None
    _kept_version: int = 0

    def __post_init__(self) -> None:
        self._started = time.monotonic()
        self._pace = Pace(time.monotonic, SECONDS_BETWEEN_MODELS)
        self._trainer = LiveTrainer(
            device=self.request.device, seed=self.request.seed, classes=self.request.classes
        )

    def take(self, message: LiveMessage) -> None:
        """Note a message; it is looked at before the next piece of work."""
        self._messages.append(message)
        self._resting = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do until a message comes."""
        return self._resting and not self.stopping.is_set()

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for what is in view."""
        return bool(self._messages) or self._outdated_view() is not None

    def contents(self) -> Iterator[Content | None]:
        """Yield what is to be told, or ``None`` after work without news; the last reply last."""
        try:
            yield from self._say_what_is_missing()
            while not self.stopping.is_set():
                yield from self._take_all()
                yield from self._work()
                yield None
            yield self._last()
        finally:
            self._trainer.close()

    def _take_all(self) -> Iterator[Content]:
        if not self._messages:
            return
        while self._messages:
            message = self._messages.popleft()
            try:
                self._take(message)
            except UserError as error:
                yield Notice(str(error))
        yield from self._say_what_is_missing()

    def _say_what_is_missing(self) -> Iterator[Waiting]:
        if (problem := self._trainer.problem) != self._problem:
            self._problem = problem
            yield Waiting(problem or "")

    def _take(self, message: LiveMessage) -> None:
        match message:
            case LivePlane():
                self._add(message)
            case LiveStrokes():
                self._paint(message)
            case LiveClasses():
                self._trainer.set_classes(message.classes)
            case LiveView():
                self._look(message)

    def _add(self, message: LivePlane) -> None:
        self._planes[message.key] = self._trainer.add_image(message.image, message.place)
        self._first = self._first or message

    def _paint(self, message: LiveStrokes) -> None:
        index = self._planes.get(message.key)
        if index is not None:  # else the plane was refused, which has been said
            self._trainer.set_labels(index, message.labels, message.box)
            self._new_strokes = True

    def _look(self, message: LiveView) -> None:
        key, before = message.key, self._view
        self._view = None
        features = None
        image = message.image
        if isinstance(image, np.ndarray):  # a part of a plane was looked at when it was cut out
            image = check_array(image, may_be_constant=True)
        if image is not None:
            features = PixelFeatures(image, self._trainer.scaling)
        elif before is not None and before.key == key:
            features = before.features
        if features is not None:
            shape = features.shape
        elif key in self._planes:
            shape = self._trainer.shape(self._planes[key])
        else:
            return  # the plane was refused, which has been said
        box = message.region
        region = None if box is None else Tile.of(box)
        same = before is not None and before.generation == message.generation
        cover = before.cover if before is not None and same else Cover(shape)
        self._view = View(message.generation, key, region, cover, features)
        self._view_is_next = self._view_is_next or not same

    def _work(self) -> Iterator[Content | None]:
        self._resting = False
        may_learn = self._problem is None and not self._trainer.settled
        block = self._outdated_view()
        self._view_is_next = self._view_is_next and block is not None
        if may_learn and self._new_strokes and not self._view_is_next:
            # To the end: else somebody who never stops painting would never see what it taught.
            while self._new_strokes and not self.stopping.is_set():
                yield from self._learn()
                yield None
            self._view_is_next = True
        elif block is not None:
            yield from self._predict(block)
        else:
            rest = self._outdated_rest()
            if rest is not None and (self._rest_is_next or not may_learn):
                yield from self._predict(rest)
            elif may_learn:
                yield from self._learn()
            else:
                self._resting = True
            self._rest_is_next = not self._rest_is_next
        yield from self._keep()

    def _outdated_view(self) -> Tile | None:
        view = self._view
        return None if view is None else view.cover.outdated(self._trainer.version, view.region)

    def _outdated_rest(self) -> Tile | None:
        view = self._view
        if view is None or view.is_part:
            return None
        return view.cover.outdated(self._trainer.version)

    def _learn(self) -> Iterator[Content]:
        """Do a piece of the trainer's work; its steps are too many to be told."""
        events = self._trainer.advance()
        if not all(isinstance(event, Corrective) for event in events):
            self._new_strokes = False
        yield from (event for event in events if not isinstance(event, Step))

    def _predict(self, block: Tile) -> Iterator[Content]:
        view, version = self._view, self._trainer.version
        if view is None:
            return
        ids = self._trainer.model().class_ids
        index = self._planes.get(view.key)
        try:
            for part in view.tiles(self._trainer, index, block):
                if isinstance(part, TileProbabilities):
                    box = (*part.tile.rows, *part.tile.columns)
                    classes = ids_of(part.probabilities, ids)
                    yield LiveTile(view.generation, version, view.key, box, classes)
                else:
                    yield part
        except UserError as error:
            self._view = None  # not again, until something else is looked at
            yield Notice(str(error))
        view.cover.mark(block, version)

    def _keep(self) -> Iterator[Improved]:
        """Send what is shown as a model now and then, so that little is lost with the process.

        The first at once, before anything is predicted with it: what was seen is never lost.
        """
        if self._trainer.version == self._kept_version or self._problem is not None:
            return
        if self._resting or self._pace.is_due:
            model = self._model()
            with self._pace.sending():
                yield model

    def _model(self) -> Improved:
        if self._kept is None or self._trainer.version != self._kept_version:
            self._kept_version = self._trainer.version
            model = self._trainer.model()
            record = model.header.history[-1]
            score = float("nan") if record.score is None else record.score
            if self._first is not None:
                names = ("pixel_size", "pixel_unit", "channels")
                known = {name: getattr(self._first, name) for name in names}
                model = replace(model, header=model.header.model_copy(update=known))
            self._kept = Improved(record.steps, score, model.to_bytes())
        return self._kept

    def _last(self) -> Content:
        if self._trainer.version == 0:
            return Failed(_NOTHING)
        best = self._model() if self._problem is None else self._kept
        if best is None:
            return Failed(_NOTHING)
        elapsed = time.monotonic() - self._started
        return Trained(best.step, elapsed, "stopped", best.score, best.model)
