"""The measurements of cells or of fields, docked: a row selects its cell, the cell its row."""

from functools import partial
from pathlib import Path

import numpy as np
from qtpy.QtCore import QItemSelection, QItemSelectionModel, QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QFileDialog,
    QHeaderView,
    QTableView,
    QWidget,
)
from superqt.utils import qthrottled

from napari_unet.core.objects.measure import Table, write_csv
from napari_unet.errors import Level
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.fields import field_rows
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.cells.selection import CellSelection
from napari_unet.widgets.cells.table_model import CellTable
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.notify import notify

_ROW = 22  # pixels
_ROWS_SHOWN = 6
_PADDING = 28
_PAUSE_MS = 500  # between two fillings; the first is at once


class CellTablePanel(QWidget):
    """A table of one row a cell, or a row a field, and Save CSV."""

    def __init__(self, book: CellBook, selection: CellSelection, quick: Bench) -> None:
        super().__init__()
        self._book, self._selection, self._quick = book, selection, quick
        self._shown: CellRecord | None = None
        self.model = CellTable(self)
        self.view = self._make_view()
        self.save_button = push_button("&Save CSV…", "save_csv_button", self._on_save_clicked)
        layout = grid(self)
        layout.addWidget(self.view, 0, 0, 1, 2)
        self.by_field = QCheckBox("A row a &field")
        self.by_field.setObjectName("by_field_check")
        self.by_field.setToolTip(
            "Show of each plane, or volume, how many cells and how much of each class it has, and "
            "how bright those are, instead of a row a cell"
        )
        self.by_field.toggled.connect(self.fill)
        layout.addWidget(self.by_field, 1, 0)
        layout.addWidget(self.save_button, 1, 1)
        layout.setColumnStretch(0, 1)
        self.view.selectionModel().selectionChanged.connect(self._on_rows_selected)
        # While planes are found one after the other, the rows of all are not shown for each.
        self._fill_soon = qthrottled(self.fill, timeout=_PAUSE_MS, parent=self)
        book.measured.connect(self._fill_soon)
        book.record_changed.connect(self.fill)
        selection.changed.connect(self._show_selection)
        self.fill()

    def _make_view(self) -> QTableView:
        view = QTableView()
        view.setObjectName("cells_table")
        view.setAccessibleName("Cells")
        view.setModel(self.model)
        view.setToolTip("Choose rows to see their cells; click a cell in the viewer to see its row")
        view.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        view.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        view.setShowGrid(False)
        view.setWordWrap(False)
        view.setTabKeyNavigation(False)
        view.verticalHeader().hide()
        view.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        view.verticalHeader().setDefaultSectionSize(_ROW)
        header = view.horizontalHeader()
        header.setHighlightSections(False)
        header.setSortIndicator(-1, Qt.SortOrder.AscendingOrder)  # in the order of ids
        view.setSortingEnabled(True)
        view.setMinimumHeight(header.sizeHint().height() + _ROWS_SHOWN * _ROW)
        return view

    def fill(self, *_: object) -> None:
        """Show other rows, in the layer's features too; what is selected and looked at stays."""
        record = self._book.record
        bar = self.view.verticalScrollBar()
        at = bar.value() if record is self._shown else 0
        before = self.model.columnCount()
        with QSignalBlocker(self.view.selectionModel()):
            if record is None:
                self.model.show({}, [], np.zeros(0, np.intp), {})
            else:
                names = {entry.id: entry.name for entry in record.object_classes}
                rows = record.rows()
                if not self.by_field.isChecked():
                    self.model.show(*rows, names)
                record.layer.features = {"index": rows[0]["id"], **rows[0]}
                if self.by_field.isChecked():
                    self._ask_for_fields(record)
        if record is not self._shown or before != self.model.columnCount():
            self._fit_columns()
        self._shown = record
        bar.setValue(at)
        self._show_selection(scroll=False)
        self._offer_to_save()

    def _ask_for_fields(self, record: CellRecord) -> None:
        """Show the fields when they are measured; of several askings only the last is answered."""

        def show(table: Table) -> None:
            if self._book.is_current(record) and self.by_field.isChecked():
                rows = len(next(iter(table.values()), ()))
                self.model.show(table, [], np.zeros(rows, np.intp), {})
                self._fit_columns()
                self._offer_to_save()

        failed = partial(notify, Level.ERROR)
        self._quick.do(field_rows(record), show, failed, kind="fields")

    def _offer_to_save(self) -> None:
        count = self.model.rowCount()
        self.save_button.setEnabled(count > 0)
        self.save_button.setToolTip(
            "Write all rows, in this order, to a table that any program reads"
            if count
            else "Find cells first."
        )

    def _fit_columns(self) -> None:
        metrics = self.view.fontMetrics()
        for section in range(self.model.columnCount()):
            name = str(self.model.headerData(section, self.view.horizontalHeader().orientation()))
            self.view.setColumnWidth(section, metrics.horizontalAdvance(name) + _PADDING)

    def _on_rows_selected(self, *_: object) -> None:
        rows = _rows(self.view.selectionModel().selection())
        current = self.view.currentIndex().row()
        if current in rows:  # the one that was clicked last is shown
            rows.remove(current)
            rows.append(current)
        self._selection.select(self.model.cells(np.array(rows, np.intp)), show=True)

    def _show_selection(self, *, scroll: bool = True) -> None:
        """Select the rows of the selected cells."""
        rows = self.model.rows(self._selection.cells)
        marks = self.view.selectionModel()
        if sorted(_rows(marks.selection())) == sorted(rows):
            return
        last = self.model.columnCount() - 1
        chosen = QItemSelection()
        for row in rows:
            chosen.select(self.model.index(row, 0), self.model.index(row, last))
        flags = QItemSelectionModel.SelectionFlag
        with QSignalBlocker(marks):
            marks.select(chosen, flags.ClearAndSelect)
        self.view.viewport().update()
        if rows and scroll:
            self.view.scrollTo(self.model.index(rows[-1], 0))

    def _on_save_clicked(self) -> None:
        record = self._book.record
        if record is None:
            return
        start = f"{record.image.name} {'fields' if self.by_field.isChecked() else 'cells'}.csv"
        path, _ = QFileDialog.getSaveFileName(self, "Save measurements", start, "Tables (*.csv)")
        if not path:
            return
        target = Path(path) if Path(path).suffix else Path(f"{path}.csv")
        table, rows = self.model.table, self.model.rowCount()
        self._quick.do(
            lambda _worker: write_csv(target, table),
            lambda _none: notify(Level.INFO, f"{rows:,} rows saved in {target.name}."),
            partial(notify, Level.ERROR),
        )


def _rows(selection: QItemSelection) -> list[int]:
    return [row for span in selection for row in range(span.top(), span.bottom() + 1)]
