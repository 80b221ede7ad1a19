"""The list of kinds: what each is called and how many cells it has; the chosen one is given."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QEvent, QObject, QSignalBlocker, Qt
from qtpy.QtGui import QColor, QKeyEvent
from qtpy.QtWidgets import (
    QAbstractItemView,
    QColorDialog,
    QFileDialog,
    QHeaderView,
    QMenu,
    QPushButton,
    QTableView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_unet.core.io.atomic import write_whole
from napari_unet.core.labels import class_table
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.objects.kinds import read_kinds
from napari_unet.session.session import Session
from napari_unet.widgets.cells.clicks import CellClicks
from napari_unet.widgets.cells.kinds import CellKinds
from napari_unet.widgets.cells.places import Key
from napari_unet.widgets.cells.selection import CellSelection
from napari_unet.widgets.qt.build import grid, push_button, swatch
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown
from napari_unet.widgets.qt.sections import wrapped_label

_NAME, _COUNT = range(2)
_COLOR = Qt.ItemDataRole.UserRole
_ROW, _ROWS_SHOWN = 20, 3
_FILES = "Kinds of cells (*.json)"
_TIP = (
    "Choose a kind, and each cell that you click is of it; click it again to give none. The keys 1 "
    "to 9, here and in the table, give a kind to the selected cells"
)


class KindsPanel(QWidget):
    """A list of kinds, a button for a new one, and a menu of what is seldom needed."""

    def __init__(
        self,
        session: Session,
        kinds: CellKinds,
        selection: CellSelection,
        clicks: CellClicks,
        cells: QTableView,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session, self._kinds, self._selection = session, kinds, selection
        self._clicks = clicks
        self._chosen: int | None = None  # the kind that a click gives
        self.list = self._make_list()
        self.new_button = push_button("&New kind", "new_kind_button", self._on_new_clicked)
        self.new_button.setToolTip("Name one more kind of cells to tell apart")
        self.status = wrapped_label("kinds_status")
        buttons = QWidget()
        column = QVBoxLayout(buttons)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.new_button)
        column.addWidget(self._make_menu())
        column.addStretch(1)
        grid(self, (self.list, buttons), (self.status,)).setColumnStretch(0, 1)
        self.list.installEventFilter(self)
        cells.installEventFilter(self)
        Connections(self).add(session.kinds_changed, self._show)
        kinds.told.connect(self._show)
        kinds.said.connect(self.status.setText)
        clicks.on_cell.connect(self._on_cell_clicked)
        self._show()

    def _make_list(self) -> QTableWidget:
        table = QTableWidget(0, 2)
        table.setObjectName("kinds_table")
        table.setAccessibleName("Kinds of cells")
        table.setToolTip(_TIP)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.horizontalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(_NAME, QHeaderView.ResizeMode.Stretch)
        table.verticalHeader().setDefaultSectionSize(_ROW)
        table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        table.setFixedHeight(_ROWS_SHOWN * _ROW + 4)
        table.cellClicked.connect(self._on_row_clicked)
        table.itemChanged.connect(self._on_item_changed)
        return table

    def _make_menu(self) -> QPushButton:
        menu = QMenu(self)
        self._of_one = [
            menu.addAction("&Colour…", self._on_colour),
            menu.addAction("&Remove this kind", self._on_remove),
        ]
        menu.addSeparator()
        menu.addAction("&Open kinds…", self._on_open)
        menu.addAction("&Save kinds…", self._on_save)
        menu.aboutToShow.connect(self._update_menu)
        button = QPushButton("&More")
        button.setObjectName("kinds_menu_button")
        button.setToolTip("Colour or remove the chosen kind; kinds as a file, for the shell too")
        button.setMenu(menu)
        return button

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the keys 1 to 9 give a kind, in the list and in the table of cells."""
        if event.type() == QEvent.Type.KeyPress and isinstance(event, QKeyEvent):
            number = event.key() - Qt.Key.Key_1
            kinds = self._session.kinds.kinds
            plain = not event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
            if plain and 0 <= number < min(9, len(kinds)):
                self._kinds.give(kinds[number].id, self._selection.cells)
                return True
        return super().eventFilter(watched, event)

    def _show(self, *_: object) -> None:
        kinds, counts = self._session.kinds.kinds, self._kinds.counts
        if self._chosen not in {entry.id for entry in kinds}:
            self._chosen = None
        with QSignalBlocker(self.list):
            self.list.setRowCount(len(kinds))
            for row, entry in enumerate(kinds):
                if self.list.item(row, _NAME) is None:
                    count = QTableWidgetItem()
                    count.setFlags(count.flags() & ~Qt.ItemFlag.ItemIsEditable)
                    count.setTextAlignment(
                        Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                    )
                    self.list.setItem(row, _NAME, QTableWidgetItem())
                    self.list.setItem(row, _COUNT, count)
                name = self.list.item(row, _NAME)
                name.setText(entry.name)
                if name.data(_COLOR) != entry.color:  # a new icon would undo what is being typed
                    name.setData(_COLOR, entry.color)
                    name.setIcon(swatch(entry.color))
                self.list.item(row, _COUNT).setText(_cells(counts[entry.id]))
            typed = self.list.currentItem()
            if typed is not None and self.list.isPersistentEditorOpen(typed):
                return  # somebody types a name, which another current cell would end
            row = next((i for i, entry in enumerate(kinds) if entry.id == self._chosen), -1)
            self.list.setCurrentCell(row, _NAME)
            if row < 0:
                self.list.clearSelection()

    def _on_cell_clicked(self, key: Key, cell: int) -> None:
        if self._chosen is not None:
            self._kinds.give(self._chosen, [(key, cell)])

    def _on_row_clicked(self, row: int, _column: int) -> None:
        kind = self._session.kinds.kinds[row].id
        self._chosen = None if kind == self._chosen else kind
        self._clicks.expect(self._chosen is not None)
        self._show()

    def _on_new_clicked(self) -> None:
        kinds = self._session.kinds
        number = max((entry.id for entry in kinds.kinds), default=0) + 1
        table = class_table.with_another(kinds.kinds, f"kind {number}")
        self._chosen = table[-1].id
        self._clicks.expect(True)
        self._use(table)
        self.list.scrollToItem(self.list.item(len(table) - 1, _NAME))
        self.list.editItem(self.list.item(len(table) - 1, _NAME))

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        if item.column() == _NAME:
            kinds = self._session.kinds.kinds
            with errors_shown():
                self._use(class_table.with_name(kinds, kinds[item.row()].id, item.text()))
                return
            self._show()

    def _use(self, table: tuple[ClassInfo, ...]) -> None:
        self._session.use_kinds(self._session.kinds.model_copy(update={"kinds": table}))

    def _update_menu(self) -> None:
        for action in self._of_one:
            action.setEnabled(self._chosen is not None)
            action.setToolTip("" if self._chosen is not None else "Choose a kind in the list.")

    def _on_colour(self) -> None:
        kinds = self._session.kinds.kinds
        entry = next(one for one in kinds if one.id == self._chosen)
        color = QColorDialog.getColor(QColor(entry.color), self, f"Colour of {entry.name}")
        if color.isValid():
            self._use(class_table.with_color(kinds, entry.id, color.name()))

    def _on_remove(self) -> None:
        if self._chosen is not None:
            self._session.use_kinds(self._session.kinds.without(self._chosen))

    def _on_open(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, "Open kinds", "", _FILES)
        if path:
            with errors_shown():
                self._session.use_kinds(read_kinds(Path(path)))

    def _on_save(self) -> None:
        path, _ = QFileDialog.getSaveFileName(self, "Save kinds", "kinds.json", _FILES)
        if path:
            target = Path(path) if Path(path).suffix else Path(f"{path}.json")
            with errors_shown():
                write_whole(target, self._session.kinds.model_dump_json(indent=1).encode())


def _cells(count: int) -> str:
    return f"{count:,} cell{'s' * (count != 1)}"
