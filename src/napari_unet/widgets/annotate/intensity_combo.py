"""How grey values of images are scaled: one choice, of the model in use."""

from __future__ import annotations

from qtpy.QtWidgets import QComboBox, QWidget

from napari_unet.core.images.intensity import Way
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.session.session import Session
from napari_unet.widgets.qt.connections import Connections

_NAMES: dict[Way, str] = {
    "automatic": "automatic",
    "image": "each image by itself",
    "training": "as the training",
    "stack": "the whole stack",
}
_TIP = (
    "Which grey values count as dark and bright when images are segmented. Automatic undoes what "
    "differs between exposures, and leaves an empty image empty"
)
_FOREIGN = "The model is of another program and says itself how images are scaled."


class IntensityCombo(QComboBox):
    """Shows how the model in use scales images, and changes it."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.setObjectName("intensities_setting")
        for way, name in _NAMES.items():
            self.addItem(name, way)
        self.activated.connect(self._on_activated)
        Connections(self).add(session.model_changed, self._on_model_changed)
        self._on_model_changed(session.header)

    def _on_activated(self, _index: int) -> None:
        self._session.use_way(self.currentData())

    def _on_model_changed(self, header: ModelHeader | None) -> None:
        self.setCurrentIndex(self.findData(self._session.way))
        foreign = header is not None and isinstance(header.network, ForeignNetwork)
        self.setEnabled(not foreign)
        self.setToolTip(_FOREIGN if foreign else _TIP)
