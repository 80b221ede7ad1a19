"""Keeps the session's classes and the annotation layer's in step."""

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.image_marks import mark_in
from napari_unet.widgets.layers.readiness import why_not_paint
from napari_unet.widgets.layers.results import recolor
from napari_unet.widgets.layers.strokes import classes_of, dress, is_dressed, take_over, too_many
from napari_unet.widgets.qt.connections import Connections


class ClassSync(QObject):
    """Lets names and colours travel with the layer that they were given to.

    A chosen annotation layer brings its classes along; a change of the classes is written to it;
    an id that is painted without a class gets one. A layer that is not the plugin's own is left
    as it is until its ids have been counted and look like classes of strokes; it then belongs to
    the chosen image.
    """

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._session = desk.viewer, desk.session
        self._choice, self._watch = desk.choice, desk.watch
        self._layer: Labels | None = None
        self._links = Connections(self)
        self._links.add(desk.session.classes_changed, self._on_classes_changed)
        desk.choice.annotation_changed.connect(self._on_annotation_changed)
        desk.watch.changed.connect(self._on_counted)
        self._on_annotation_changed(desk.choice.annotation)

    def _on_annotation_changed(self, layer: Labels | None) -> None:
        if self._layer is not None:
            self._links.remove(self._layer.events.selected_label, self._on_label_selected)
        self._layer = layer
        if layer is None:
            return
        self._links.add(layer.events.selected_label, self._on_label_selected)
        self._session.use_classes(classes_of(layer) or self._session.classes)

    def _on_classes_changed(self, classes: tuple[ClassInfo, ...]) -> None:
        if self._layer is not None and is_dressed(self._layer):
            dress(self._layer, classes)
        recolor(self._viewer, classes)

    def _on_counted(self) -> None:
        ids, image, layer = self._watch.counts, self._choice.image, self._layer
        if layer is None or too_many(ids):
            return
        new = not is_dressed(layer) or mark_in(layer) is None
        if image is not None and new and self._is_fine(image, layer):
            take_over(layer, image, self._session.classes)
        if is_dressed(layer):
            self._session.know_ids(ids)

    def _is_fine(self, image: Image, layer: Labels) -> bool:
        return why_not_paint(image, layer, self._watch.counts, self._watch.doubt) is None

    def _on_label_selected(self) -> None:
        """Show the next stroke even where its id has no class yet."""
        layer = self._layer
        if layer is None or not is_dressed(layer):
            return
        if layer.selected_label not in layer.colormap.color_dict:
            dress(layer, self._session.classes)
