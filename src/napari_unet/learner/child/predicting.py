"""A prediction in the learner's process, and the models that it keeps for the next one."""

import threading
from collections.abc import Iterator

import numpy as np

from napari_unet.core.events import Progress
from napari_unet.core.images.box import Tile
from napari_unet.core.images.check_array import check_array
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.lazy_plane import Plane, intensities_of
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import pick_device
from napari_unet.core.prediction.own_pixels import predict_own_pixels
from napari_unet.core.prediction.tile_probabilities import TileProbabilities, ids_of
from napari_unet.core.prediction.uncertainty import doubt_of, uncertainty
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import Content, PlanePredicted, Predicted, PredictRequest

_KEPT = 2  # models: what is shown, and what a batch or *Cells* predicts with


class Models:
    """The models that were used last, by the content of their files."""

    def __init__(self) -> None:
        self._kept: dict[bytes, Model] = {}

    def keep(self, file: bytes, model: Model) -> None:
        """Keep a model, and forget the one that was not used for longest."""
        self._kept.pop(file, None)
        self._kept[file] = model
        if len(self._kept) > _KEPT:
            del self._kept[next(iter(self._kept))]

    def of(self, file: bytes) -> Model:
        """Return the model of a file's content."""
        model = self._kept.get(file) or Model.from_bytes(file)
        self.keep(file, model)
        return model


def predictions(
    request: PredictRequest, models: Models, stopping: threading.Event
) -> Iterator[Content]:
    """Predict what is asked for, and say what is ready; the last reply last."""
    model = models.of(request.model)
    channels = model.header.network.in_channels
    count = len(request.images)
    for number, plane in enumerate(request.images):
        if stopping.is_set():
            break
        if plane.shape[0] != channels:
            raise InvalidInput(
                f"the model was trained on {channels} channels and this image has "
                f"{plane.shape[0]}; choose an image like those it was trained on."
            )
        if isinstance(plane, np.ndarray):
            plane = check_array(plane, may_be_constant=count > 1)
        answer = _Answer(request, model, plane)
        for part in predict_own_pixels(
            model,
            plane,
            request.factors,
            device=pick_device(request.device),
            region=answer.region,
            tile=request.tile,
            fast=not request.exact,
        ):
            if request.tiles or not isinstance(part, TileProbabilities):
                yield part
            else:
                answer.add(part)
                yield Progress(int(1000 * (number + part.fraction)), 1000 * count)
            if stopping.is_set():
                yield Predicted(stopped=True)
                return
        if not request.tiles:
            yield answer.of_plane(number)
    yield Predicted(stopped=stopping.is_set())


class _Answer:
    """What is wanted of a plane, put together from its tiles."""

    def __init__(self, request: PredictRequest, model: Model, plane: Plane) -> None:
        whole = Tile.whole(tuple(plane.shape[1:]))
        self.region = whole if request.region is None else Tile.of(request.region)
        self._plane, self._ids = plane, model.class_ids
        self._is_cutout = isinstance(plane, Cutout)
        sides = self.region.sides
        self._classes = np.empty(sides, self._ids.dtype)
        shape = (len(self._ids), *sides)
        self._kept = np.empty(shape, np.float32) if request.probabilities else None
        self._unsure = np.empty(sides, np.float32) if request.doubt else None
        self._is_part = request.region is not None

    def add(self, part: TileProbabilities) -> None:
        """Take a tile in."""
        where = part.tile.within(self.region)
        self._classes[where] = ids_of(part.probabilities, self._ids)
        if self._kept is not None:
            self._kept[:, *where] = part.probabilities
        if self._unsure is not None:
            self._unsure[where] = uncertainty(part.probabilities)

    def of_plane(self, number: int) -> PlanePredicted:
        """Return the answer for the plane of that number."""
        doubt = None if self._unsure is None else doubt_of(self._unsure)
        # Of one plane a request, since it takes some milliseconds; of a cutout it is known.
        wanted = self._is_cutout or (number == 0 and not self._is_part)
        seen = intensities_of(self._plane) if wanted else ()
        return PlanePredicted(number, self._classes, self._kept, doubt, seen)
