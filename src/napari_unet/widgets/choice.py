"""Which layers the user works on."""

from __future__ import annotations

from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal


class Choice(QObject):
    """The image and the annotation layer that the panels act on.

    Notes
    -----
    Signals: ``image_changed(image | None)`` and ``annotation_changed(annotation | None)``.
    """

    image_changed = Signal(object)
    annotation_changed = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._image: Image | None = None
        self._annotation: Labels | None = None

    @property
    def image(self) -> Image | None:
        """The image to train on and to segment."""
        return self._image

    @image.setter
    def image(self, image: Image | None) -> None:
        if image is not self._image:
            self._image = image
            self.image_changed.emit(image)

    @property
    def annotation(self) -> Labels | None:
        """The layer with the strokes."""
        return self._annotation

    @annotation.setter
    def annotation(self, annotation: Labels | None) -> None:
        if annotation is not self._annotation:
            self._annotation = annotation
            self.annotation_changed.emit(annotation)
