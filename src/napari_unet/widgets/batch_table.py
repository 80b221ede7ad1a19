"""The open images, which of them to segment, and what became of each."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_unet.session import Session
from napari_unet.widgets.connections import Connections
from napari_unet.widgets.levels import follow_model
from napari_unet.widgets.readiness import why_not_segment
from napari_unet.widgets.said import sizes_said
from napari_unet.widgets.sources import is_picture

_NAME, _SIZE, _FATE = range(3)
WILL_RUN = "will be segmented"
LEFT_OUT = "left out"


class BatchTable(QTableWidget):
    """One row an image layer: a check box with its name, its size, and what will happen to it.

    Notes
    -----
    Signal: ``plan_changed()`` when other layers than before would be segmented.
    """

    plan_changed = Signal()

    def __init__(
        self, viewer: ViewerModel, session: Session, parent: QWidget | None = None
    ) -> None:
        super().__init__(0, 3, parent)
        self._viewer = viewer
        self._session = session
        self._rows: list[Image] = []
        self._unchecked: set[str] = set()
        self._reports: dict[str, str] = {}
        self._frozen = False
        self.setObjectName("batch_table")
        self.setHorizontalHeaderLabels(["image", "size", "status"])
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(28)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.horizontalHeader().sectionResized.connect(self.resizeRowsToContents)
        self.setShowGrid(False)
        self.setWordWrap(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.horizontalHeader()
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_SIZE, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_FATE, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        self._links = Connections(self)
        events = viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered):
            self._links.add(emitter, self._on_layers_changed)
        self._links.add(session.model_changed, self._plan_anew)
        self.itemChanged.connect(self._on_item_changed)
        self._on_layers_changed()

    def plan(self) -> list[Image]:
        """Return the layers that would be segmented."""
        return [image for image in self._rows if self._fate(image) == WILL_RUN]

    def freeze(self, frozen: bool) -> None:
        """Keep rows and check boxes as they are while a run goes on; forget the last reports."""
        self._frozen = frozen
        if frozen:
            self._reports.clear()
        else:
            self._on_layers_changed()

    def report(self, image: Image, text: str) -> None:
        """Write what became of a layer into its row."""
        self._reports[str(image.unique_id)] = text
        if image in self._rows:
            self._set_fate(self._rows.index(image), text)

    def _on_layers_changed(self) -> None:
        if self._frozen:
            return
        for image in self._rows:
            self._links.remove(image.events.name, self._on_renamed)
            self._links.remove(image.events.metadata, self._plan_anew)
        gone = [image for image in self._rows if self._is_reported_gone(image)]
        self._rows = gone + [layer for layer in self._viewer.layers if is_picture(layer)]
        for image in self._rows:
            follow_model(self._viewer, image, self._session.header)
            self._links.add(image.events.name, self._on_renamed)
            self._links.add(image.events.metadata, self._plan_anew)
        with QSignalBlocker(self):
            self.setRowCount(len(self._rows))
            for row, image in enumerate(self._rows):
                self._fill_row(row, image)
        self.plan_changed.emit()

    def _is_reported_gone(self, image: Image) -> bool:
        return image not in self._viewer.layers and str(image.unique_id) in self._reports

    def _fill_row(self, row: int, image: Image) -> None:
        name = QTableWidgetItem(image.name)
        name.setToolTip(image.name)
        name.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
        checked = str(image.unique_id) not in self._unchecked
        name.setCheckState(Qt.CheckState.Checked if checked else Qt.CheckState.Unchecked)
        size = QTableWidgetItem(sizes_said(image))
        for column, item in ((_NAME, name), (_SIZE, size), (_FATE, QTableWidgetItem())):
            self.setItem(row, column, item)
        report = self._reports.get(str(image.unique_id))
        self._set_fate(row, report or self._fate(image))

    def _fate(self, image: Image) -> str:
        if image not in self._viewer.layers:
            return "the layer was removed."
        if str(image.unique_id) in self._unchecked:
            return LEFT_OUT
        return why_not_segment(image, self._session.header) or WILL_RUN

    def _set_fate(self, row: int, text: str) -> None:
        with QSignalBlocker(self):
            self.item(row, _FATE).setText(text)
            self.item(row, _FATE).setToolTip(text)

    def _on_renamed(self) -> None:
        with QSignalBlocker(self):
            for row, image in enumerate(self._rows):
                self.item(row, _NAME).setText(image.name)

    def _plan_anew(self) -> None:
        if not self._frozen:
            self._reports.clear()
            self._on_layers_changed()

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() != _NAME:
            return
        image = self._rows[item.row()]
        own = str(image.unique_id)
        if item.checkState() == Qt.CheckState.Checked:
            self._unchecked.discard(own)
        else:
            self._unchecked.add(own)
        self._reports.pop(own, None)
        self._set_fate(item.row(), self._fate(image))
        self.plan_changed.emit()
