"""The class table: what to paint with, its name, its colour, and how much of it is painted."""

from napari.layers import Labels
from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.strokes import paint_with
from napari_unet.widgets.qt.build import push_button, swatch
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown

_ID, _NAME, _PAINTED = range(3)
_ROWS_SHOWN = 4


class ClassPanel(QWidget):
    """Shows the session's classes; the chosen row is what the brush paints."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._viewer, self._session = desk.viewer, desk.session
        self._choice, self._watch = desk.choice, desk.watch
        self._layer: Labels | None = None
        self.table = self._make_table()
        self.add_button = push_button("&Add class", "add_class_button", self._on_add_clicked)
        self.add_button.setToolTip("Add one more kind of structure to tell apart")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addWidget(self.table)
        layout.addWidget(self.add_button, 0, Qt.AlignmentFlag.AlignLeft)
        self._links = Connections(self)
        self._links.add(desk.session.classes_changed, self._on_classes_changed)
        desk.choice.annotation_changed.connect(self._on_annotation_changed)
        desk.watch.changed.connect(self._show_counts)
        self._on_classes_changed(desk.session.classes)
        self._on_annotation_changed(desk.choice.annotation)

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 3)
        table.setObjectName("class_table")
        table.setAccessibleName("Classes")
        table.setHorizontalHeaderLabels(["id", "class", "painted"])
        table.verticalHeader().hide()
        table.setShowGrid(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked
            | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        header = table.horizontalHeader()
        header.setSectionResizeMode(_ID, QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(_PAINTED, QHeaderView.ResizeMode.ResizeToContents)
        header.setHighlightSections(False)
        row = table.verticalHeader().defaultSectionSize()
        table.setFixedHeight(header.sizeHint().height() + _ROWS_SHOWN * row + 4)
        table.setTabKeyNavigation(False)
        table.cellClicked.connect(self._on_cell_clicked)
        table.cellDoubleClicked.connect(self._on_cell_double_clicked)
        table.currentCellChanged.connect(self._on_current_cell_changed)
        table.itemChanged.connect(self._on_item_changed)
        return table

    def _on_classes_changed(self, classes: tuple[ClassInfo, ...]) -> None:
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(classes))
            for row, info in enumerate(classes):
                if self.table.item(row, _ID) is None:
                    self._fill_row(row)
                self.table.item(row, _ID).setText(str(info.id))
                self.table.item(row, _ID).setIcon(swatch(info.color))
                self.table.item(row, _NAME).setText(info.name)
        self._show_counts()
        self._show_selected()

    def _fill_row(self, row: int) -> None:
        number, name, painted = QTableWidgetItem(), QTableWidgetItem(), QTableWidgetItem("0")
        for item in (number, painted):
            item.setFlags(item.flags() & ~Qt.ItemFlag.ItemIsEditable)
        painted.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column, item in ((_ID, number), (_NAME, name), (_PAINTED, painted)):
            self.table.setItem(row, column, item)

    def _show_counts(self) -> None:
        counts = self._watch.counts
        with QSignalBlocker(self.table):
            for row, info in enumerate(self._session.classes):
                self.table.item(row, _PAINTED).setText(f"{counts.get(info.id, 0):,}")

    def _on_annotation_changed(self, layer: Labels | None) -> None:
        if self._layer is not None:
            self._links.remove(self._layer.events.selected_label, self._show_selected)
        self._layer = layer
        if layer is not None:
            self._links.add(layer.events.selected_label, self._show_selected)
        self.table.setToolTip(
            "Click a class to paint with it; double click its name or colour to change it"
            if layer is not None
            else "Choose or make a layer for the strokes first, then click a class to paint with it"
        )
        self._show_selected()

    def _show_selected(self) -> None:
        ids = [info.id for info in self._session.classes]
        selected = self._layer.selected_label if self._layer is not None else 0
        with QSignalBlocker(self.table):
            if selected in ids:
                self.table.setCurrentCell(ids.index(selected), _NAME)
            else:
                self.table.setCurrentCell(-1, -1)
                self.table.clearSelection()

    def _paint_with_row(self, row: int) -> None:
        if self._layer is not None and 0 <= row < len(self._session.classes):
            paint_with(self._viewer, self._layer, self._session.classes[row].id)

    def _on_cell_clicked(self, row: int, _column: int) -> None:
        self._paint_with_row(row)

    def _on_current_cell_changed(self, row: int, *_: int) -> None:
        self._paint_with_row(row)

    def _on_cell_double_clicked(self, row: int, column: int) -> None:
        if column != _ID:
            return
        info = self._session.classes[row]
        color = QColorDialog.getColor(QColor(info.color), self, f"Colour of {info.name}")
        if color.isValid():
            self._session.recolor_class(info.id, color.name())

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() != _NAME:
            return
        info = self._session.classes[item.row()]
        with errors_shown():
            self._session.rename_class(info.id, item.text())
            return
        with QSignalBlocker(self.table):
            item.setText(info.name)

    def _on_add_clicked(self) -> None:
        info = self._session.add_class()
        if self._layer is not None:
            paint_with(self._viewer, self._layer, info.id)
        row = [entry.id for entry in self._session.classes].index(info.id)
        self.table.scrollToItem(self.table.item(row, _NAME))
        self.table.editItem(self.table.item(row, _NAME))
