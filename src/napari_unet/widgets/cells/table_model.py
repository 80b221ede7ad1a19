"""A table of measurements as Qt sees it: any number of rows, sorted without a copy of them."""

from collections.abc import Mapping, Sequence

import numpy as np
from qtpy.QtCore import QAbstractTableModel, QModelIndex, QObject, Qt

from napari_unet.core.objects.measure import Table
from napari_unet.widgets.cells.places import Key

Cell = tuple[Key, int]
_WHOLE = ("id", "class", "time", "plane", "cells")
_WRITTEN_OUT = 9999.5  # from there on four digits would be an exponent
_RIGHT = int(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)


class CellTable(QAbstractTableModel):
    """One row a cell, in the order of a column."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._columns: list[tuple[str, np.ndarray]] = []
        self._keys: list[Key] = []
        self._places = np.zeros(0, np.intp)
        self._order = np.zeros(0, np.intp)
        self._classes: Mapping[int, str] = {}
        self._sorting: tuple[str, bool] | None = None

    def show(
        self,
        table: Table,
        keys: Sequence[Key],
        places: np.ndarray,
        classes: Mapping[int, str],
    ) -> None:
        """Show other measurements, sorted as before."""
        self.beginResetModel()
        self._columns = list(table.items())
        self._keys, self._places = list(keys), places
        self._classes = classes
        self._order = self._sorted()
        self.endResetModel()

    @property
    def table(self) -> Table:
        """The measurements, in the order in which they are shown."""
        return {name: column[self._order] for name, column in self._columns}

    def cells(self, rows: np.ndarray) -> list[Cell]:
        """Return which cells are shown in rows; none where rows are of fields."""
        if "id" not in dict(self._columns):
            return []
        there = self._order[rows]
        ids = self._column("id")[there].tolist()
        numbers = self._places[there].tolist()
        return [(self._keys[number], cell) for number, cell in zip(numbers, ids, strict=True)]

    def rows(self, cells: Sequence[Cell]) -> list[int]:
        """Return where cells are shown; those that are not there are left out."""
        if not len(self._order) or "id" not in dict(self._columns):
            return []
        ids, span = self._column("id"), int(self._column("id").max()) + 1
        shown = (self._places * span + ids)[self._order]
        numbers = {key: number for number, key in enumerate(self._keys)}
        codes = [numbers[key] * span + cell for key, cell in cells if key in numbers]
        by_code = np.argsort(shown)
        at = np.searchsorted(shown, codes, sorter=by_code)
        rows = by_code[np.minimum(at, len(by_code) - 1)]
        return rows[shown[rows] == np.array(codes, np.int64)].tolist()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of cells."""
        return 0 if parent is not None and parent.isValid() else len(self._order)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        """Return the number of measurements."""
        return 0 if parent is not None and parent.isValid() else len(self._columns)

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> object:
        """Return what is written in a field, to the right."""
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _RIGHT
        if role != Qt.ItemDataRole.DisplayRole or not index.isValid():
            return None
        name, column = self._columns[index.column()]
        value = column[self._order[index.row()]]
        if name == "class":
            return self._classes.get(int(value), str(value))
        if name in _WHOLE or column.dtype.kind == "U":
            return str(value)
        if np.isnan(value):
            return ""
        return f"{value:.4g}" if abs(value) < _WRITTEN_OUT else f"{value:.0f}"

    def headerData(
        self,
        section: int,
        orientation: Qt.Orientation,
        role: int = Qt.ItemDataRole.DisplayRole,
    ) -> object:
        """Return the name of a column, with its unit."""
        if role != Qt.ItemDataRole.DisplayRole or orientation != Qt.Orientation.Horizontal:
            return None
        return self._columns[section][0] if section < len(self._columns) else None

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort by a column; equal rows stay in the order of the cells."""
        if 0 <= column < len(self._columns):
            self._sorting = self._columns[column][0], order == Qt.SortOrder.DescendingOrder
            self.layoutAboutToBeChanged.emit()
            self._order = self._sorted()
            self.layoutChanged.emit()

    def _column(self, name: str) -> np.ndarray:
        return dict(self._columns).get(name, np.zeros(0, np.int64))

    def _sorted(self) -> np.ndarray:
        count = len(self._places)
        columns = dict(self._columns)
        if self._sorting is None or self._sorting[0] not in columns:
            return np.arange(count)
        values, descending = columns[self._sorting[0]], self._sorting[1]
        if values.dtype.kind == "U":
            values = np.unique(values, return_inverse=True)[1]
        return np.argsort(-values if descending else values, kind="stable")
