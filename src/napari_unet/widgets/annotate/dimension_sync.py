"""Keeps the choice between planes and volumes in step with the image and the model in use."""

from __future__ import annotations

from napari.layers import Image
from qtpy.QtCore import QObject

from napari_unet.core.models.header import ModelHeader
from napari_unet.widgets.annotate.settings_panel import AdvancedPanel
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.volumes import has_slices
from napari_unet.widgets.qt.connections import Connections

_WHY_NOT = "Volumes need an image with slices; this one has none."


class Dimensions(QObject):
    """Offers volumes where the image has slices, and follows a model of another kind."""

    def __init__(self, desk: Desk, panel: AdvancedPanel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._panel = panel
        self._of_model: int | None = None
        Connections(self).add(desk.session.model_changed, self._on_model_changed)
        desk.choice.image_changed.connect(self._on_image_changed)
        desk.choice.image_retaken.connect(self._on_image_changed)
        self._on_model_changed(desk.session.header)
        self._on_image_changed(desk.choice.image)

    def _on_image_changed(self, image: Image | None) -> None:
        self._panel.offer_volumes(None if has_slices(image) else _WHY_NOT)

    def _on_model_changed(self, header: ModelHeader | None) -> None:
        """Choose what a model is trained further with; better weights of it change nothing."""
        found = None if header is None else header.network.ndim
        if found is not None and found != self._of_model:
            self._panel.dimensions = found
        self._of_model = found
