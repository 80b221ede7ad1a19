"""What is unusual about the layer that was chosen as strokes, said below it."""

from collections.abc import Iterable

from napari.layers import Image, Labels, Layer
from qtpy.QtWidgets import QWidget

from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.image_marks import id_of, image_of, mark_in
from napari_unet.widgets.layers.roles import details
from napari_unet.widgets.layers.strokes import take_over
from napari_unet.widgets.qt.build import column, push_button
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.sections import wrapped_label


class StrokesNote(QWidget):
    """Says that strokes are of another image, or asks whether labels are strokes at all.

    Labels that may be something else are left as they are until a button says that they are
    strokes.
    """

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._viewer, self._session = desk.viewer, desk.session
        self._choice, self._watch = desk.choice, desk.watch
        self.label = wrapped_label("strokes_note")
        self.button = push_button("&Use as strokes", "use_as_strokes_button", self._on_clicked)
        self.button.setToolTip("Take the labels as they are: each number is a class")
        column(self, self.label, self.button)
        links = Connections(self)
        links.add(details.changed, self._on_details_changed)
        links.add(desk.viewer.layers.events.removed, self._update)
        desk.choice.image_changed.connect(self._update)
        desk.choice.annotation_changed.connect(self._update)
        desk.watch.changed.connect(self._update)
        self._update()

    def _update(self, *_: object) -> None:
        image, strokes, doubt = self._choice.image, self._choice.annotation, self._watch.doubt
        text = doubt
        if image is not None and strokes is not None and doubt is None:
            text = of_another_image(self._viewer.layers, strokes, image)
        self.label.setText(text or "")
        self.button.setVisible(doubt is not None and image is not None)
        self.setVisible(text is not None)

    def _on_details_changed(self, layer: Layer) -> None:
        if layer in (self._choice.image, self._choice.annotation):
            self._update()

    def _on_clicked(self) -> None:
        image, strokes = self._choice.image, self._choice.annotation
        if image is not None and strokes is not None:
            take_over(strokes, image, self._session.classes)
            self._watch.changed.emit()  # what was in doubt is not any more


def of_another_image(layers: Iterable[Layer], strokes: Labels, image: Image) -> str | None:
    """Say that strokes belong to another image; ``None`` if they do not, or nobody knows."""
    mark = mark_in(strokes)
    if mark is None or mark.id == id_of(image):
        return None
    other = image_of(layers, strokes)
    whose = f"“{mark.name}”, which is not open" if other is None else f"“{other.name}”"
    return f"These are strokes of {whose}; Train learns them on “{image.name}”."
