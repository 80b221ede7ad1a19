"""Which image's cells are worked on."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtWidgets import QWidget

from napari_unet.session.session import Session
from napari_unet.widgets.common.layer_combo import LayerCombo
from napari_unet.widgets.common.picture_row import PictureRow
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.showing import show_chosen
from napari_unet.widgets.layers.channels_last import bring_channels_first
from napari_unet.widgets.layers.picture import is_picture
from napari_unet.widgets.qt.build import form_layout


class CellImageRow(QWidget):
    """Lets the user choose the image, and says what it is taken as."""

    def __init__(
        self, viewer: ViewerModel, session: Session, choice: Choice, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._choice = viewer, choice
        self.images = LayerCombo(viewer, is_picture)
        self.images.setObjectName("cells_image_combo")
        self.images.setPlaceholderText("open an image")
        form = form_layout(self)
        form.addRow("Image", self.images)
        form.addRow(PictureRow(viewer, session, choice))
        self.images.chosen.connect(self._on_chosen)
        self.images.activated.connect(self._on_activated)
        self.images.offer_changed.connect(self._choose_missing)
        self._choose_missing()

    def _choose_missing(self) -> None:
        if self.images.layer is None and self.images.offered:
            active = self._viewer.layers.selection.active
            offered = self.images.offered
            self.images.choose(active if active in offered else offered[-1])

    def _on_chosen(self, image: Image | None) -> None:
        if image is not None:
            bring_channels_first(self._viewer, image)
        self._choice.image = image

    def _on_activated(self, _index: int) -> None:
        if self._choice.image is not None:
            show_chosen(self._viewer, self._choice.image)
