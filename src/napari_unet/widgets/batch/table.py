"""The open images, which of them to segment, and what will become or became of each."""

from collections.abc import Mapping

from napari.components import ViewerModel
from napari.layers import Image, Layer
from qtpy.QtCore import QRect, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem

from napari_unet.session.session import Session
from napari_unet.widgets.layers.channels_last import bring_channels_first
from napari_unet.widgets.layers.model_match import follow_model
from napari_unet.widgets.layers.picture import is_picture
from napari_unet.widgets.layers.roles import details
from napari_unet.widgets.layers.wording import sizes_said
from napari_unet.widgets.qt.connections import Connections

_NAME, _SIZE, _STATUS = range(3)
LEFT_OUT = "left out"
_ROW = 28  # pixels
_PADDING = 10
_CHECK_BOX = 32
_NARROWEST_NAME = 90


class BatchTable(QTableWidget):
    """One row an image layer: a check box with its name, its size, and what happens to it.

    What stands in the last column is given to it: what will be done, until something became of the
    layer. Signal: ``changed()`` when there are other layers, others are checked, or one has another
    name, other data, or is taken otherwise.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, session: Session) -> None:
        super().__init__(0, 3)
        self._viewer = viewer
        self._session = session
        self._rows: list[Image] = []
        self._unchecked: set[str] = set()
        self._fates: dict[str, str] = {}
        self._reports: dict[str, str] = {}
        self._frozen = False
        self._lay_out()
        self._links = Connections(self)
        events = viewer.layers.events
        for emitter in (events.inserted, events.removed, events.reordered):
            self._links.add(emitter, self._on_layers_changed)
        self._links.add(session.model_changed, self._on_layers_changed)
        self._links.add(details.changed, self._on_details_changed)
        self.itemChanged.connect(self._on_item_changed)
        self._on_layers_changed()

    def _lay_out(self) -> None:
        self.setObjectName("batch_table")
        self.setAccessibleName("Images")
        self.setToolTip("Checked images are segmented; the status says what will be and was done")
        self.setHorizontalHeaderLabels(["image", "size", "status"])
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(_ROW)
        self.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        self.horizontalHeader().sectionResized.connect(self._fit_rows)
        self.setShowGrid(False)
        self.setWordWrap(True)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        header = self.horizontalHeader()
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Interactive)
        header.setSectionResizeMode(_SIZE, QHeaderView.ResizeMode.Fixed)
        header.setSectionResizeMode(_STATUS, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)

    @property
    def images(self) -> tuple[Image, ...]:
        """The layers that are there, checked or not, from top to bottom."""
        return tuple(image for image in self._rows if image in self._viewer.layers)

    def is_checked(self, image: Image) -> bool:
        """Return whether a layer is to be segmented."""
        return str(image.unique_id) not in self._unchecked

    def show_fates(self, fates: Mapping[Image, str]) -> None:
        """Write what will be done to layers; to others of which nothing is known, nothing."""
        self._fates = {str(image.unique_id): text for image, text in fates.items()}
        self._refresh()

    def report(self, image: Image, text: str) -> None:
        """Write what became of a layer; it stands there until :meth:`forget_reports`."""
        self._reports[str(image.unique_id)] = text
        if image in self._rows:
            self._set_status(self._rows.index(image))

    def forget_reports(self) -> None:
        """Write what will be done again, and forget layers that are gone."""
        self._reports.clear()
        self._fill()

    def freeze(self, frozen: bool) -> None:
        """Keep rows and check boxes as they are while a run goes on."""
        self._frozen = frozen
        self._fill()

    def _on_layers_changed(self) -> None:
        if not self._frozen:
            self._fill()
            self.changed.emit()

    def _fill(self) -> None:
        """Make the rows anew; layers that are gone stay as long as they have a report."""
        if not self._frozen:
            for layer in self._viewer.layers:
                if is_picture(layer):
                    bring_channels_first(self._viewer, layer)
                    follow_model(self._viewer, layer, self._session.header)
            for image in self._rows:
                self._links.remove(image.events.name, self._on_renamed)
                self._links.remove(image.events.data, self._on_meaning_changed)
            gone = [image for image in self._rows if self._is_reported_gone(image)]
            self._rows = gone + [layer for layer in self._viewer.layers if is_picture(layer)]
            for image in self._rows:
                self._links.add(image.events.name, self._on_renamed)
                self._links.add(image.events.data, self._on_meaning_changed)
        with QSignalBlocker(self):
            self.setRowCount(len(self._rows))
            for row, image in enumerate(self._rows):
                self._fill_row(row, image)
        self._fit_sizes()

    def _is_reported_gone(self, image: Image) -> bool:
        return image not in self._viewer.layers and str(image.unique_id) in self._reports

    def _fill_row(self, row: int, image: Image) -> None:
        name = QTableWidgetItem(image.name)
        name.setToolTip(image.name)
        usable = Qt.ItemFlag.ItemIsUserCheckable
        name.setFlags(usable if self._frozen else usable | Qt.ItemFlag.ItemIsEnabled)
        checked = Qt.CheckState.Checked if self.is_checked(image) else Qt.CheckState.Unchecked
        name.setCheckState(checked)
        size = QTableWidgetItem(sizes_said(image))
        for column, item in ((_NAME, name), (_SIZE, size), (_STATUS, QTableWidgetItem())):
            self.setItem(row, column, item)
        self._set_status(row)

    def _fit_rows(self) -> None:
        for row in range(self.rowCount()):
            self._fit_row(row)

    def _fit_row(self, row: int) -> None:
        """Make a row as high as its text; Qt's own way takes milliseconds a row, at any change."""
        height = _ROW
        for column, beside in ((_NAME, _CHECK_BOX), (_STATUS, _PADDING)):
            item = self.item(row, column)
            if item is not None:
                room = QRect(0, 0, max(1, self.columnWidth(column) - beside), 10_000)
                flags = Qt.TextFlag.TextWordWrap
                text = self.fontMetrics().boundingRect(room, flags, item.text())
                height = max(height, text.height() + _PADDING)
        if self.rowHeight(row) != height:
            self.setRowHeight(row, height)

    def _fit_sizes(self) -> None:
        """Make the column of sizes as wide as the widest."""
        texts = [self.item(row, _SIZE).text() for row in range(self.rowCount())]
        widths = [self.fontMetrics().horizontalAdvance(text) for text in ["size", *texts]]
        self.setColumnWidth(_SIZE, max(widths) + 2 * _PADDING)
        self._fit_names()

    def _fit_names(self) -> None:
        """Leave most of the width to the status, which is sentences; names are broken."""
        texts = [self.item(row, _NAME).text() for row in range(self.rowCount())]
        widths = [self.fontMetrics().horizontalAdvance(text) for text in ["image", *texts]]
        free = self.viewport().width() - self.columnWidth(_SIZE)
        wanted = max(widths) + _CHECK_BOX + _PADDING
        self.setColumnWidth(_NAME, min(wanted, max(_NARROWEST_NAME, free // 3)))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Share the width anew."""
        super().resizeEvent(event)
        self._fit_names()

    def _refresh(self) -> None:
        for row in range(len(self._rows)):
            self._set_status(row)

    def _set_status(self, row: int) -> None:
        image = self._rows[row]
        own = str(image.unique_id)
        text = self._reports.get(own)
        if text is None:
            text = self._fates.get(own, "") if self.is_checked(image) else LEFT_OUT
        if self.item(row, _STATUS).text() != text:
            with QSignalBlocker(self):
                self.item(row, _STATUS).setText(text)
                self.item(row, _STATUS).setToolTip(text)
        self._fit_row(row)

    def _on_renamed(self) -> None:
        with QSignalBlocker(self):
            for row, image in enumerate(self._rows):
                self.item(row, _NAME).setText(image.name)
                self._fit_row(row)
        if not self._frozen:
            self.changed.emit()

    def _on_details_changed(self, layer: Layer) -> None:
        if layer in self._rows:
            self._on_meaning_changed()

    def _on_meaning_changed(self) -> None:
        with QSignalBlocker(self):
            for row, image in enumerate(self._rows):
                self.item(row, _SIZE).setText(sizes_said(image))
        self._fit_sizes()
        if not self._frozen:
            self.changed.emit()

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() != _NAME:
            return
        own = str(self._rows[item.row()].unique_id)
        if item.checkState() == Qt.CheckState.Checked:
            self._unchecked.discard(own)
        else:
            self._unchecked.add(own)
        self._reports.pop(own, None)
        self._set_status(item.row())
        self.changed.emit()
