"""Looks for the place that the model is least sure of, and goes there."""

from collections.abc import Callable, Sequence
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_unet.core.images.box import Region, lies_within
from napari_unet.core.images.cutout import is_large
from napari_unet.core.models.header import header_of
from napari_unet.core.network.config import DeviceName
from napari_unet.core.prediction.uncertainty import WINDOW, Places, joined, next_place
from napari_unet.errors import InvalidInput
from napari_unet.session.sending import TOO_WIDE, is_too_wide
from napari_unet.session.state import State
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.planes import Index, plane_indices, spatial_shape
from napari_unet.widgets.layers.readiness import why_not_segment
from napari_unet.widgets.layers.strokes import paint_with
from napari_unet.widgets.layers.uncertainty import FoundPlaces
from napari_unet.widgets.layers.view import current_index, in_view, is_empty, jump_to
from napari_unet.widgets.qt.connections import Connections

_LOOKING = "Looking for the place that the model is least sure of…"
_NOTHING = (
    "Nothing is left: every place that the model is unsure of is painted or was shown. Train, or "
    "look for mistakes yourself."
)
_NOTHING_YET = "Nothing is left so far; the other planes are still being looked at."
_NOTHING_HERE = "Nothing is left in what was in view; move on, or train."


class PlaceFinder(QObject):
    """Knows where the model is unsure of the chosen image, and which of these places were shown.

    The current plane is predicted first, of a large one what is in view; then, while nothing is
    trained, the other planes, the nearest first. What an older model was unsure of is forgotten,
    which places were shown is not. Signals: ``said(sentence)`` and ``running_changed()``.
    """

    said = Signal(str)
    running_changed = Signal()

    def __init__(
        self, desk: Desk, device: Callable[[], DeviceName], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = desk.viewer, desk.session
        self._predictions, self._choice = desk.predictions, desk.choice
        self._device = device
        self._found: list[FoundPlaces] = []  # all by one model
        self._asked: list[tuple[Index, Region]] = []  # looked at with it, on request
        self._shown: WeakKeyDictionary[Image, dict[tuple[int, ...], list[Index]]]
        self._shown = WeakKeyDictionary()  # by image and by the shape that it was taken as
        self._first: tuple[int, Index, Region] | None = None  # a task, and what it looks at
        self._others: int | None = None
        links = Connections(self)
        links.add(desk.session.state_changed, self._on_state_changed)
        links.add(desk.session.model_changed, self._on_model_changed)
        desk.choice.image_changed.connect(self._start_over)
        desk.choice.image_retaken.connect(self._start_over)
        desk.predictions.places_found.connect(self._on_places_found)
        desk.predictions.progressed.connect(self._on_progressed)
        desk.predictions.ended.connect(self._on_ended)

    @property
    def looks_at_others(self) -> bool:
        """Whether planes that are not in view are looked at now."""
        return self._predictions.is_running(self._others)

    def go(self) -> None:
        """Go to the next place; say so if there is none.

        ``InvalidInput`` or ``UnwritableOutput`` if there is no model, image or view, or no room for
        the layers.
        """
        image, model = self._choice.image, self._session.newest_model
        reason = why_not_segment(image, None if model is None else header_of(model))
        if reason is not None or image is None:
            raise InvalidInput(reason or "open an image first.")
        if self._first is not None:
            return  # it goes there as soon as it is found
        index = current_index(image, self._viewer.dims.point)
        region, why_not = self._region(image)
        known = [found for found in self._found if found.model == model]
        if region is None:
            if not known:
                raise InvalidInput(why_not)
        elif not self._is_known(known, index, region):
            self._stop_others()
            number = self._predictions.start(
                image, [index], model=model, region=region, doubt=True, device=self._device()
            )
            self._first = number, index, region
            self.said.emit(_LOOKING)
            return
        self._show_next(image)

    def stop(self) -> None:
        """Look at no more planes."""
        self._stop_others()

    def _region(self, image: Image) -> tuple[Region | None, str]:
        """Return what to look at of a plane, and why if that is nothing."""
        rows, columns = spatial_shape(image)[-2:]
        if not is_large((rows, columns)):
            return (0, rows, 0, columns), ""
        region = in_view(image, self._viewer)[1]
        if is_too_wide((rows, columns), region):
            return None, TOO_WIDE
        return (None, "nothing of the image is in view.") if is_empty(region) else (region, "")

    def _is_known(self, known: Sequence[FoundPlaces], index: Index, region: Region) -> bool:
        asked = any(index == at and lies_within(region, within) for at, within in self._asked)
        return bool(known) and (asked or any(found.covers(index, region) for found in known))

    def _show_next(self, image: Image) -> None:
        shape = spatial_shape(image)
        found = [Places(known.places.scores, known.positions()) for known in self._found]
        places = joined(found, len(shape))
        shown = self._shown.setdefault(image, {}).setdefault(shape, [])
        visited = np.array(shown, np.int64).reshape(-1, len(shape))
        number = next_place(places, visited, self._is_painted)
        if number is None:
            ended = _NOTHING_HERE if is_large(shape) else _NOTHING
            self.said.emit(_NOTHING_YET if self.looks_at_others else ended)
            return
        position = tuple(places.positions[number].tolist())
        shown.append(position)
        jump_to(self._viewer, image, position)
        annotation = self._choice.annotation
        if annotation is not None:
            paint_with(self._viewer, annotation, annotation.selected_label)
        *plane, row, column = position
        where = f", plane {', '.join(map(str, plane))}" if plane else ""
        unsure = round(100 * float(places.scores[number]))
        self.said.emit(f"Row {row}, column {column}{where}: {unsure} % unsure. Paint what it is.")

    def _is_painted(self, position: tuple[int, ...]) -> bool:
        strokes, image = self._choice.annotation, self._choice.image
        if strokes is None or image is None or strokes.data.shape != spatial_shape(image):
            return False
        *plane, row, column = position
        reach = WINDOW // 2
        rows = slice(max(0, row - reach), row + reach + 1)
        columns = slice(max(0, column - reach), column + reach + 1)
        return bool(np.any(strokes.data[(*plane, rows, columns)]))

    def _look_at_others(self, image: Image, index: Index) -> None:
        """Look at the planes that are not known yet, the nearest first."""
        shape = spatial_shape(image)
        if self._session.state is not State.IDLE or is_large(shape) or self.looks_at_others:
            return
        whole = (0, shape[-2], 0, shape[-1])
        left = [at for at in plane_indices(shape) if not self._is_known(self._found, at, whole)]
        if left:
            left.sort(key=lambda at: sum(abs(a - b) for a, b in zip(at, index, strict=True)))
            self._others = self._predictions.start(
                image, left, model=self._found[0].model, doubt=True, device=self._device()
            )
            self.running_changed.emit()

    def _on_places_found(self, found: FoundPlaces) -> None:
        if found.image is not self._choice.image:
            return
        if self._found and self._found[0].model != found.model:
            if found.task < self._found[-1].task:
                return  # late: a newer model has told already
            self._found, self._asked = [], []
        self._found = [known for known in self._found if not known.is_within(found)] + [found]

    def _on_progressed(self, task: int, fraction: float) -> None:
        if task == self._others and self._first is None:
            self.said.emit(f"Looking at the other planes: {100 * fraction:.0f} %")

    def _on_ended(self, task: int, error: str, stopped: bool) -> None:
        if task == self._others:
            self._others = None
            self.running_changed.emit()
            self.said.emit(error[:1].upper() + error[1:])
        if self._first is None or task != self._first[0]:
            return
        (_, index, region), self._first = self._first, None
        image = self._choice.image
        if error or stopped or image is None:
            self.said.emit(error[:1].upper() + error[1:])
            return
        self._asked.append((index, region))
        if self._found:
            self._look_at_others(image, index)
            self._show_next(image)

    def _on_state_changed(self, state: State) -> None:
        if state is not State.IDLE:
            self._stop_others()

    def _on_model_changed(self) -> None:
        if self._found and self._found[0].model != self._session.newest_model:
            self._stop_others()

    def _start_over(self) -> None:
        self._stop_others()
        if self._first is not None:
            self._predictions.stop(self._first[0])
        self._found, self._asked, self._first = [], [], None
        self.said.emit("")

    def _stop_others(self) -> None:
        if self._others is not None:
            self._predictions.stop(self._others)
