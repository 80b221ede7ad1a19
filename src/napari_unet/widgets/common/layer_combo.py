"""A box to choose one of the viewer's layers."""

from collections.abc import Callable

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QComboBox

from napari_unet.widgets.qt.connections import Connections


class LayerCombo(QComboBox):
    """Offers the layers of one kind, and follows what is added, removed, moved and renamed.

    Signals: ``chosen(layer | None)`` when another layer is chosen, by the user or because the last
    one is gone, and ``offer_changed()`` when the choice of layers is another one.
    """

    chosen = Signal(object)
    offer_changed = Signal()

    def __init__(self, viewer: ViewerModel, accepts: Callable[[Layer], bool]) -> None:
        super().__init__()
        self._viewer = viewer
        self._accepts = accepts
        self._offered: list[Layer] = []
        self._layer: Layer | None = None
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(10)
        self._links = Connections(self)
        events = viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered):
            self._links.add(emitter, self._on_layers_changed)
        self.currentIndexChanged.connect(self._on_index_changed)
        self._on_layers_changed()

    @property
    def layer(self) -> Layer | None:
        """The chosen layer."""
        return self._layer

    @property
    def offered(self) -> tuple[Layer, ...]:
        """The layers that can be chosen, the topmost last."""
        return tuple(self._offered)

    def choose(self, layer: Layer | None) -> None:
        """Choose a layer that is on offer, or none."""
        index = self._offered.index(layer) if layer is not None else -1
        with QSignalBlocker(self):
            self.setCurrentIndex(index)
        self._on_index_changed(index)

    def _on_layers_changed(self) -> None:
        offered = [layer for layer in self._viewer.layers if self._accepts(layer)]
        for layer in offered:
            if layer not in self._offered:
                self._links.add(layer.events.name, self._on_renamed)
        for layer in self._offered:
            if layer not in offered:
                self._links.remove(layer.events.name, self._on_renamed)
        self._offered = offered
        index = offered.index(self._layer) if self._layer in offered else -1
        with QSignalBlocker(self):
            self.clear()
            self.addItems([layer.name for layer in offered])
            self.setCurrentIndex(index)
        self._on_index_changed(index)
        self.offer_changed.emit()

    def _on_renamed(self) -> None:
        for index, layer in enumerate(self._offered):
            self.setItemText(index, layer.name)

    def _on_index_changed(self, index: int) -> None:
        layer = self._offered[index] if index >= 0 else None
        self.setToolTip(layer.name if layer is not None else "")
        if layer is not self._layer:
            self._layer = layer
            self.chosen.emit(layer)
