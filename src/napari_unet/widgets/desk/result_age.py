"""Whether an image still has the pixels that its results were made from."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Image, Layer
from napari.utils.events import Event
from qtpy.QtCore import QObject, Signal

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.fingerprint import fingerprint
from napari_unet.core.io.result import MadeFrom
from napari_unet.errors import InvalidInput
from napari_unet.widgets.desk.background import Bench, Worker
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.file_changes import State, is_in_memory, states_of
from napari_unet.widgets.layers.image_marks import file_of, image_of
from napari_unet.widgets.layers.origin import note_origin, origin_of
from napari_unet.widgets.layers.picture import is_taken_as, picture_of
from napari_unet.widgets.layers.results import own_layers
from napari_unet.widgets.layers.roles import Role, details, role_of
from napari_unet.widgets.qt.connections import Connections

RESULTS = (Role.SEGMENTATION, Role.PROBABILITY, Role.INSTANCES, Role.UNCERTAINTY, Role.CELLS)


@dataclass(frozen=True, eq=False)
class _Seen:
    """An image's fingerprint, what it was taken as then, and how its file was."""

    meaning: tuple[object, ...]
    image: str
    file: dict[Path, State]


class ResultAge(QObject):
    """Compares images with what their results say that they were made from, beside the window.

    A result layer that is new, and says nothing, is of the pixels that its image has then.

    Notes
    -----
    Signal: ``changed()``, when :meth:`outdated` may be another.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, choice: Choice) -> None:
        super().__init__()
        self._viewer, self._choice = viewer, choice
        self._bench = Bench("fingerprints")
        self._seen: WeakKeyDictionary[Image, _Seen] = WeakKeyDictionary()
        self._outdated: WeakKeyDictionary[Image, tuple[Role, ...]] = WeakKeyDictionary()
        links = Connections(self)
        links.add(viewer.layers.events.inserted, self._on_layer_inserted)
        links.add(viewer.layers.events.removed, self._on_layer_removed)
        links.add(details.changed, self._on_details_changed)
        choice.image_changed.connect(self.look)
        choice.image_retaken.connect(self.look)

    def outdated(self, image: Image) -> tuple[Role, ...]:
        """Return which results of an image are of other pixels than it has now."""
        return self._outdated.get(image, ())

    def look(self, image: Image | None = None, *, only_at_file: bool = False) -> None:
        """Look at an image, by default the chosen one, again; ``changed`` says when it is known.

        ``only_at_file`` takes pixels in memory for the same as long as they are the same array.
        Others count as the same while their file is; nothing is fetched from another computer.
        """
        image = image or self._choice.image
        layers = [] if image is None else self._results_of(image)
        if image is None or not layers or "://" in (file_of(image) or ""):
            self.changed.emit()
            return
        try:
            picture = picture_of(image)
        except InvalidInput:
            return
        seen = self._seen.get(image) if only_at_file or not is_in_memory(image) else None
        work = partial(_look, picture.source, picture.meaning, seen)
        then = partial(self._on_looked, image, layers)
        self._bench.do(work, then, _ignore, kind=f"{image.unique_id}")

    def close(self) -> None:
        """Look at nothing any more."""
        self._bench.close()

    def _on_looked(self, image: Image, layers: Sequence[Layer], seen: _Seen) -> None:
        for layer in layers:
            if origin_of(layer) is None:
                note_origin(layer, MadeFrom(seen.image, "", ""))
        if is_taken_as(image, seen.meaning):
            self._seen[image] = seen
            self._compare(image)

    def _compare(self, image: Image) -> None:
        now, old = self._seen[image].image, []
        for layer in self._results_of(image):
            made_from, role = origin_of(layer), role_of(layer)
            if role is not None and made_from is not None and made_from.image != now:
                old.append(role)
        self._outdated[image] = tuple(dict.fromkeys(old))
        self.changed.emit()

    def _results_of(self, image: Image) -> list[Layer]:
        return [layer for role in RESULTS for layer in own_layers(self._viewer, role, image)]

    def _on_layer_inserted(self, event: Event) -> None:
        if role_of(event.value) in RESULTS:
            image = image_of(self._viewer.layers, event.value)
            if image is not None:
                self.look(image)

    def _on_layer_removed(self, event: Event) -> None:
        image = self._choice.image
        if role_of(event.value) in RESULTS and image in self._seen:
            self._compare(image)

    def _on_details_changed(self, layer: Layer) -> None:
        image = image_of(self._viewer.layers, layer) if role_of(layer) in RESULTS else None
        seen = None if image is None else self._seen.get(image)
        if image is not None and seen is not None and is_taken_as(image, seen.meaning):
            self._compare(image)


def _look(
    source: ImageSource, meaning: tuple[object, ...], seen: _Seen | None, _worker: Worker
) -> _Seen:
    file = {} if source.file is None else states_of(source.file)
    if seen is not None and seen.meaning == meaning and seen.file == file:
        return seen
    return _Seen(meaning, fingerprint(source), file)


def _ignore(_text: str) -> None:
    """Say nothing: who segments an image that cannot be read is told so."""
