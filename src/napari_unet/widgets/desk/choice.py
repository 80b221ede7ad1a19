"""Which layers the user works on, and when one of them is taken as something else."""

from collections.abc import Callable
from typing import Any

from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.picture import is_taken_as, picture_of
from napari_unet.widgets.layers.roles import details
from napari_unet.widgets.qt.connections import Connections


class Choice(QObject):
    """The image and the annotation layer that the panels act on.

    Signals: ``image_changed(image | None)`` and ``annotation_changed(annotation | None)``, and
    ``image_retaken(image)`` when other axes, channels or another level of the image are chosen or
    napari is told other names of its axes, or when it, or a layer that lends it channels, gets
    other data. ``image_measured(image)`` when its pixels have another size or unit.
    """

    image_changed = Signal(object)
    annotation_changed = Signal(object)
    image_retaken = Signal(object)
    image_measured = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._image: Image | None = None
        self._annotation: Labels | None = None
        self.problem = ""  # why the layer that should be the image cannot be
        self._links = Connections(self)
        self._followed: tuple[Image, ...] = ()
        self._meaning: tuple[object, ...] | None = None
        self._links.add(details.changed, self._on_details_changed)

    @property
    def image(self) -> Image | None:
        """The image to train on and to segment."""
        return self._image

    @image.setter
    def image(self, image: Image | None) -> None:
        before = self._image, self.problem
        self._image, self.problem = image, ""
        try:
            self._follow()
        except InvalidInput as error:
            self._image, self.problem = None, f"{image.name if image else ''}: {error}"
            self._follow()
        if before != (self._image, self.problem):
            self.image_changed.emit(self._image)

    @property
    def annotation(self) -> Labels | None:
        """The layer with the strokes."""
        return self._annotation

    @annotation.setter
    def annotation(self, annotation: Labels | None) -> None:
        if annotation is not self._annotation:
            self._annotation = annotation
            self.annotation_changed.emit(annotation)

    def _follow(self) -> None:
        """Listen to the image, and to the layers that lend it channels.

        ``InvalidInput`` if it is no image that can be worked on.
        """
        picture = None if self._image is None else picture_of(self._image)
        self._meaning = None if picture is None else picture.meaning
        before, self._followed = self._followed, () if picture is None else picture.layers
        for layer in set(before) - set(self._followed):
            for emitter, slot in self._events(layer):
                self._links.remove(emitter, slot)
        for layer in set(self._followed) - set(before):
            for emitter, slot in self._events(layer):
                self._links.add(emitter, slot)

    def _events(self, layer: Image) -> list[tuple[Any, Callable[..., None]]]:
        events = layer.events
        return [
            (events.axis_labels, self._on_named),
            (events.data, self._on_data_replaced),
            (events.scale, self._on_measured),
            (events.units, self._on_measured),
        ]

    def _on_details_changed(self, layer: Layer) -> None:
        if layer in self._followed:
            self._on_named()

    def _on_named(self) -> None:
        if self._image is not None and not is_taken_as(self._image, self._meaning):
            self._on_data_replaced()

    def _on_measured(self) -> None:
        if self._image is not None:
            self.image_measured.emit(self._image)

    def _on_data_replaced(self) -> None:
        image = self._image
        self.image = image  # looked at anew; it may be no image any more
        if image is not None and self._image is image:
            self.image_retaken.emit(image)
