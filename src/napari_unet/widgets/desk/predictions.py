"""Predictions of layers that are under way, and where their planes go."""

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_unet.core.diagnosis import Seen
from napari_unet.core.images.box import Part, Region, Tile
from napari_unet.core.images.cutout import is_large
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.models.header import ModelHeader, header_of
from napari_unet.core.network.config import DeviceName
from napari_unet.errors import InvalidInput, UserError
from napari_unet.learner.messages import PlanePredicted
from napari_unet.session.session import Session
from napari_unet.widgets.desk.prediction_order import parts_of
from napari_unet.widgets.layers.model_match import size_match
from napari_unet.widgets.layers.picture import Place, picture_of
from napari_unet.widgets.layers.planes import Index, spatial_shape
from napari_unet.widgets.layers.reading import reader
from napari_unet.widgets.layers.results import (
    add_segmentation,
    legend_of,
    segmentation_of,
    write_classes,
    write_probabilities,
)
from napari_unet.widgets.layers.uncertainty import FoundPlaces, uncertainty_of, write_uncertainty
from napari_unet.widgets.layers.view import in_view
from napari_unet.widgets.layers.volumes import has_place, sides_of, volumes_under
from napari_unet.widgets.qt.connections import Connections

_CHANGED = "the image was changed, or is taken as something else; segment it again."
_BYTES_AT_ONCE = 64 * 2**20


@dataclass
class _Task:
    """One layer to predict, a few planes or a block of a large plane at a time.

    So neither a stack nor a plane need fit into memory. With a model of volumes it is volumes
    instead, and a part of each where not all are asked for.
    """

    image: Image
    model: bytes
    header: ModelHeader
    waiting: list[tuple[Place, Part | None]]
    probabilities: bool
    doubt: bool
    device: DeviceName
    total: int
    meaning: tuple[object, ...]
    factors: tuple[float, float] | None  # by which the network sees it resampled
    seen: Seen | None  # of whole planes; a part of one may well show one class
    job: int = -1
    stopping: bool = False
    current: list[tuple[Place, Part | None]] = field(default_factory=list)
    read: tuple[Place, Callable[[], Sequence[Plane]]] | None = None  # of the last large plane


class Predictions(QObject):
    """Sends layers to the session, and what comes back to layers.

    Signals: ``progressed(task, fraction)``, ``judged(image, findings)`` once all of an image, or of
    the planes that were asked for, is predicted, and, last, ``ended(task, error, stopped)``, where
    ``error`` is a sentence or empty. ``places_found(FoundPlaces)`` where it was asked for.
    """

    places_found = Signal(object)
    progressed = Signal(int, float)
    judged = Signal(object, object)
    ended = Signal(int, str, bool)

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._session = session
        self._numbers = itertools.count(1)
        self._tasks: dict[int, _Task] = {}
        links = Connections(self)
        links.add(session.predictions.plane_predicted, self._on_plane_predicted)
        links.add(session.predictions.progressed, self._on_prediction_progressed)
        links.add(session.predictions.ended, self._on_prediction_ended)
        links.add(viewer.layers.events.removed, self._on_layer_removed)

    def start(
        self,
        image: Image,
        indices: Sequence[Index],
        *,
        model: bytes | None = None,
        region: Region | None = None,
        probabilities: bool = False,
        doubt: bool = False,
        device: DeviceName = "auto",
    ) -> int:
        """Predict planes of a layer; returns the number of the task that the signals carry.

        A task stays with its model, by default the one in use. The region is (row start, row stop,
        column start, column stop), ``None`` for all. Once an image has a layer of doubt, every task
        shows it. ``InvalidInput`` if there is no model; ``UnwritableOutput`` if there is no room
        for the result of a large image.
        """
        model = model if model is not None else self._session.model
        if model is None:
            raise InvalidInput("there is no model yet; train one or open a saved one.")
        header = header_of(model)
        shape = spatial_shape(image)
        view = None
        waiting: list[tuple[Place, Part | None]]
        if is_large(shape):
            view = in_view(image, self._viewer)[1]
            if segmentation_of(self._viewer, image) is None:  # refused now if it has no room
                legend = legend_of(header, self._session.classes)
                add_segmentation(self._viewer, image, legend)
        if header.network.ndim == 3:
            places, part = volumes_under(image, indices, region)
            waiting = [(place, part) for place in places]
        else:
            waiting = [*parts_of(shape, indices, region, view)]
        number = next(self._numbers)
        task = _Task(
            image=image,
            model=model,
            header=header,
            waiting=waiting,
            probabilities=probabilities,
            doubt=doubt or uncertainty_of(self._viewer, image) is not None,
            device=device,
            total=len(waiting),
            meaning=picture_of(image).meaning,
            factors=size_match(image, header)[0],
            seen=Seen(header) if region is None else None,
        )
        self._tasks[number] = task
        self._send_next(task)
        return number

    def stop(self, number: int) -> None:
        """End a task; planes that are ready stay."""
        task = self._tasks.get(number)
        if task is not None and not task.stopping:
            task.stopping = True
            self._session.predictions.stop(task.job)

    def is_running(self, number: int | None) -> bool:
        """Return whether a task has not ended."""
        return number in self._tasks

    def forget_all(self) -> None:
        """Drop every task without a word: nobody is left to listen."""
        self._tasks.clear()

    def _send_next(self, task: _Task) -> None:
        count = _pieces_at_once(task.image, task.waiting)
        task.current, task.waiting = task.waiting[:count], task.waiting[count:]
        task.job = self._session.predictions.start(
            _reader(task),
            task.model,
            region=task.current[0][1],
            factors=task.factors,
            probabilities=task.probabilities,
            doubt=task.doubt,
            device=task.device,
        )

    def _of_job(self, job: int) -> tuple[int, _Task] | None:
        return next((item for item in self._tasks.items() if item[1].job == job), None)

    def _on_plane_predicted(self, job: int, plane: PlanePredicted) -> None:
        found = self._of_job(job)
        if found is None:
            return
        number, task = found
        index, region = task.current[plane.plane]
        if not _fits(plane.classes, task, index, region):
            self._fail(number, _CHANGED)
            return
        if task.seen is not None:
            task.seen.add_classes(plane.classes)
            task.seen.add_intensities(plane.intensities)
        legend = legend_of(task.header, self._session.classes)
        target = (self._viewer, task.image, index, region)
        try:
            if plane.probabilities is not None:
                write_probabilities(*target, plane.probabilities, legend)
            write_classes(*target, plane.classes, legend)
            if plane.doubt is not None:
                write_uncertainty(*target, plane.doubt.percent)
        except UserError as error:  # a large result finds no room
            self._fail(number, str(error))
            return
        if plane.doubt is not None:
            where = (number, task.image, index, region)
            self.places_found.emit(FoundPlaces(*where, task.model, plane.doubt.places))

    def _on_prediction_progressed(self, job: int, done: int, total: int) -> None:
        found = self._of_job(job)
        if found is None:
            return
        number, task = found
        planes_before = task.total - len(task.waiting) - len(task.current)
        planes = planes_before + len(task.current) * done / max(total, 1)
        self.progressed.emit(number, planes / max(task.total, 1))

    def _on_prediction_ended(self, job: int, error: str | None, stopped: bool) -> None:
        found = self._of_job(job)
        if found is None:
            return
        number, task = found
        stopped = stopped or task.stopping
        if error is None and not stopped and task.waiting:
            self._send_next(task)
            return
        del self._tasks[number]
        if error is None and not stopped and task.seen is not None:
            self.judged.emit(task.image, task.seen.findings())
        self.ended.emit(number, error or "", stopped)

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        for number, task in list(self._tasks.items()):
            if task.image is removed:
                self._fail(number, "the layer was removed.")

    def _fail(self, number: int, error: str) -> None:
        """End a task; what is still predicted of it is not shown."""
        task = self._tasks.pop(number)
        self._session.predictions.stop(task.job)
        self.ended.emit(number, error, False)


def _reader(task: _Task) -> Callable[[], Sequence[Plane]]:
    """Return what reads the current planes; of a large one the grey range is found once."""
    places = [place for place, _ in task.current]
    if not is_large(spatial_shape(task.image)):
        return reader(task.image, places)
    if task.read is None or [task.read[0]] != places:
        task.read = (places[0], reader(task.image, places))
    return task.read[1]


def _fits(ids: np.ndarray, task: _Task, place: Place, part: Part | None) -> bool:
    """Return whether the image still is what these predicted ids, (Y, X) or (Z, Y, X), are of."""
    try:
        picture = picture_of(task.image)
    except InvalidInput:
        return False
    if picture.meaning != task.meaning or not has_place(picture.shape, place):
        return False
    tile = Tile.whole(sides_of(picture.shape, place)) if part is None else Tile.of(part)
    return ids.shape == tile.sides


def _pieces_at_once(image: Image, places: Sequence[tuple[Place, Part | None]]) -> int:
    """Return how many planes, volumes, or blocks of large planes one request may carry."""
    picture = picture_of(image)
    if is_large(picture.shape):
        return 1
    pixels = prod(sides_of(picture.shape, places[0][0])) if places else 1
    size = pixels * len(picture.channels) * picture.source.dtype.itemsize
    return max(1, _BYTES_AT_ONCE // max(size, 1))
