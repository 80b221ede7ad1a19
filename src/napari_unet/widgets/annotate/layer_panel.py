"""Which image, and which layer the strokes are on."""

from napari.layers import Image, Labels, Layer
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_unet.widgets.annotate.keys import with_key
from napari_unet.widgets.annotate.strokes_note import StrokesNote
from napari_unet.widgets.common.image_combo import ImageCombo
from napari_unet.widgets.common.layer_combo import LayerCombo
from napari_unet.widgets.common.picture_row import PictureRow
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.strokes import (
    FIRST_CLASS,
    can_be_painted,
    find_annotation,
    fit_to,
    new_annotation,
    paint_with,
    prefer,
)
from napari_unet.widgets.qt.build import form_layout, push_button


class LayerPanel(QWidget):
    """Lets the user choose the image and the annotation layer, and make the latter.

    An image comes with its own strokes, or with none; those of another image, and labels that are
    not the plugin's own, are chosen by the user alone. A newly opened image is chosen while nothing
    is painted on the one before. ``beside`` is a button that stands beside the image.
    """

    def __init__(self, desk: Desk, beside: QWidget | None = None) -> None:
        super().__init__()
        self._viewer, self._session = desk.viewer, desk.session
        self._choice, self._watch = desk.choice, desk.watch
        self._seen: set[Layer] = set()
        self.images = ImageCombo(desk.viewer, desk.choice, "image_combo")
        self.annotations = LayerCombo(desk.viewer, can_be_painted)
        self.annotations.setObjectName("annotation_combo")
        self.annotations.setAccessibleName("Strokes")
        self.annotations.setPlaceholderText("press New strokes")
        self.new_button = push_button("&New strokes", "new_annotation_button", self._on_new_clicked)
        self.picture = PictureRow(desk.viewer, desk.session, desk.choice)
        self.note = StrokesNote(desk)
        self._lay_out(beside)
        self.images.chosen.connect(self._on_image_chosen)
        self.annotations.chosen.connect(self._on_annotation_chosen)
        desk.choice.image_retaken.connect(self._on_image_retaken)
        self.images.offer_changed.connect(self._on_images_offered)
        self.annotations.offer_changed.connect(self._choose_missing)
        self._on_images_offered()
        self._update_new_button()

    def _lay_out(self, beside: QWidget | None) -> None:
        form = form_layout(self)
        form.addRow("Image", _row(self.images, beside))
        form.addRow(self.picture)
        form.addRow("Strokes", _row(self.annotations, self.new_button))
        form.addRow(self.note)

    def _on_images_offered(self) -> None:
        """Choose a newly opened image, unless something is painted on the one before."""
        offered = self.images.offered
        new = [layer for layer in offered if layer not in self._seen]
        painted = self._choice.annotation is not None and (
            bool(self._watch.counts) or not self._watch.settled
        )
        if self._seen and new and not painted:
            self.images.choose(new[-1])
        self._seen = set(offered)
        self._choose_missing()

    def _choose_missing(self) -> None:
        """Choose what is not chosen yet, where there is something that fits."""
        self.images.choose_missing()
        image = self._choice.image
        if self.annotations.layer is None and image is not None:
            self._choose_strokes(image)

    def _choose_strokes(self, image: Image) -> None:
        strokes = find_annotation(self._viewer.layers, image)
        self.annotations.choose(strokes if strokes in self.annotations.offered else None)

    def _on_image_chosen(self, _image: Image | None) -> None:
        self._update_new_button()
        if self._choice.image is not None:
            self._choose_strokes(self._choice.image)

    def _on_image_retaken(self, image: Image) -> None:
        """Change to strokes that fit what the image is taken as now, where there are some."""
        annotation = self._choice.annotation
        fits = annotation is not None and spatial_shape(annotation) == spatial_shape(image)
        if not fits and find_annotation(self._viewer.layers, image) is not None:
            self._choose_strokes(image)

    def _on_annotation_chosen(self, annotation: Layer | None) -> None:
        if isinstance(annotation, Labels) and self._choice.image is not None:
            fit_to(annotation, self._choice.image)
        self._choice.annotation = annotation
        if self._choice.image is not None and annotation is not None:
            prefer(self._choice.image, annotation)

    def _on_new_clicked(self) -> None:
        image = self._choice.image
        if image is None:
            return
        layer = new_annotation(image, self._session.classes)
        self._viewer.add_layer(layer)
        self.annotations.choose(layer)
        paint_with(self._viewer, layer, FIRST_CLASS)

    def _update_new_button(self) -> None:
        ready = self._choice.image is not None
        self.new_button.setEnabled(ready)
        self.new_button.setToolTip(
            with_key("Make an empty layer on the image and start to paint", "new_strokes")
            if ready
            else "Open an image and choose it first."
        )


def _row(wide: QWidget, beside: QWidget | None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(wide, 1)
    if beside is not None:
        row.addWidget(beside)
    return row
