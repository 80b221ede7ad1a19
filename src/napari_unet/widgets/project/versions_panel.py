"""The versions of the model: when, on how many strokes, how good; go back to one."""

from collections.abc import Mapping

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from napari_unet.project.index import VersionEntry
from napari_unet.session.session import Session
from napari_unet.session.state import State
from napari_unet.widgets.project.keeper import ProjectKeeper
from napari_unet.widgets.qt.build import column, push_button
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown

_TIME, _STROKES, _SCORE = range(3)
_ROWS_SHOWN = 4
_KINDS = {"train": "Train", "live": "Live", "opened": "opened from a file"}


class HistoryPanel(QWidget):
    """Lists the versions, the newest first; the one in use is bold."""

    def __init__(self, session: Session, keeper: ProjectKeeper) -> None:
        super().__init__()
        self._session = session
        self._keeper = keeper
        self._shown: tuple[VersionEntry, ...] = ()
        self.table = self._make_table()
        self.use_button = push_button(
            "&Use this version", "use_version_button", self._on_use_clicked
        )
        column(self, self.table, self.use_button)
        links = Connections(self)
        links.add(keeper.history.versions_changed, self._fill)
        links.add(keeper.history.in_use_changed, self._fill)
        links.add(session.state_changed, self._update)
        self._fill()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 3)
        table.setObjectName("history_table")
        table.setAccessibleName("Versions of the model")
        table.setToolTip("Each training adds a version; choose one to use it")
        table.setHorizontalHeaderLabels(["made", "strokes", "score"])
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_TIME, QHeaderView.ResizeMode.Stretch)
        rows = table.verticalHeader()
        rows.hide()
        table.setFixedHeight(
            header.sizeHint().height() + _ROWS_SHOWN * rows.defaultSectionSize() + 4
        )
        table.itemSelectionChanged.connect(self._update)
        return table

    @property
    def selected(self) -> int | None:
        """Number of the selected version."""
        rows = self.table.selectionModel().selectedRows()
        return self._shown[rows[0].row()].number if rows else None

    def _fill(self, *_: object) -> None:
        selected = self.selected if self._shown else None
        self._shown = tuple(reversed(self._keeper.history.versions))
        with QSignalBlocker(self.table):
            self.table.clearSelection()
            self.table.setRowCount(len(self._shown))
            for row, version in enumerate(self._shown):
                self._fill_row(row, version)
            for row, version in enumerate(self._shown):
                if version.number == selected:
                    self.table.selectRow(row)
        self._update()

    def _fill_row(self, row: int, version: VersionEntry) -> None:
        names = {entry.id: entry.name for entry in self._session.classes}
        score = "" if version.score is None else f"{version.score:.2f}"
        items = (
            QTableWidgetItem(_when(version)),
            QTableWidgetItem(f"{version.labelled_pixels:,} px"),
            QTableWidgetItem(score),
        )
        for at, item in enumerate(items):
            item.setToolTip(_details(version, names))
            if at in (_STROKES, _SCORE):
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            font = item.font()
            font.setBold(version.number == self._keeper.history.in_use)
            item.setFont(font)
            self.table.setItem(row, at, item)

    def _update(self, *_: object) -> None:
        why_not = ""
        if self._session.state is not State.IDLE:
            why_not = "Wait for the training to end, or stop it."
        elif self.selected is None:
            why_not = "Choose one version of the list."
        elif self.selected == self._keeper.history.in_use:
            why_not = "This version is in use."
        self.use_button.setEnabled(not why_not)
        self.use_button.setToolTip(why_not or "Segment and train on with this version")

    def _on_use_clicked(self) -> None:
        if self.selected is not None:
            with errors_shown():
                self._keeper.use(self.selected)


def _when(version: VersionEntry) -> str:
    moment = version.made.astimezone()
    today = moment.date() == version.made.now().astimezone().date()
    text = f"{moment:%H:%M}" if today else f"{moment:%Y-%m-%d %H:%M}"
    return f"{version.number} · {text}"


def _details(version: VersionEntry, names: Mapping[int, str]) -> str:
    lines = [f"Version {version.number}, {_KINDS[version.kind]}"]
    if not version.ended:
        lines.append("best so far of a training that was cut short")
    if version.parent is not None:
        lines.append(f"trained on from version {version.parent}")
    planes = len({(used.annotation, used.index) for used in version.planes})
    if planes:
        lines.append(f"strokes on {planes} plane{'s' * (planes > 1)}")
    lines += [
        f"IoU {score:.2f} of {names.get(number, f'class {number}')}"
        for number, score in version.by_class.items()
        if score is not None
    ]
    lines.append(f"{version.size / 1e6:.1f} MB")
    return "\n".join(lines)
