"""The versions of the model: when, on how many strokes, how good; go back to one, compare two."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, QSize, Qt
from qtpy.QtGui import QIcon, QPixmap
from qtpy.QtWidgets import (
    QAbstractItemView,
    QGridLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_unet.errors import InvalidInput, UserError
from napari_unet.project.files import read_file, thumbnail_path
from napari_unet.project.index import VersionEntry
from napari_unet.project.open_project import read_version
from napari_unet.session.session import Session
from napari_unet.session.state import State
from napari_unet.widgets.project.comparing import Comparison
from napari_unet.widgets.project.keeper import ProjectKeeper
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown
from napari_unet.widgets.qt.sections import wrapped_label

_PICTURE, _TIME, _STROKES, _SCORE = range(4)
_SIDE = 40
_ROWS_SHOWN = 3
_KINDS = {"train": "Train", "live": "Live", "opened": "opened from a file"}


class HistoryPanel(QWidget):
    """Lists the versions, the newest first; the one in use is bold.

    Parameters
    ----------
    session, keeper
        Whose versions.
    comparison
        Compares two.
    """

    def __init__(
        self,
        session: Session,
        keeper: ProjectKeeper,
        comparison: Comparison,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._session = session
        self._keeper = keeper
        self._comparison = comparison
        self._shown: tuple[VersionEntry, ...] = ()
        self.table = self._make_table()
        self.use_button = QPushButton("&Use this version")
        self.use_button.setObjectName("use_version_button")
        self.use_button.clicked.connect(self._on_use_clicked)
        self.compare_button = QPushButton("Compa&re")
        self.compare_button.setObjectName("compare_versions_button")
        self.compare_button.clicked.connect(self._on_compare_clicked)
        self.label = wrapped_label("comparison_label")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(4)
        layout.addWidget(self.table, 0, 0, 1, 2)
        layout.addWidget(self.use_button, 1, 0)
        layout.addWidget(self.compare_button, 1, 1)
        layout.addWidget(self.label, 2, 0, 1, 2)
        links = Connections(self)
        links.add(keeper.history.versions_changed, self._fill)
        links.add(keeper.history.in_use_changed, self._fill)
        links.add(session.state_changed, self._update)
        links.add(comparison.said, self._on_compared)
        self._fill()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, 4)
        table.setObjectName("history_table")
        table.setAccessibleName("Versions of the model")
        table.setToolTip("Each training adds a version; choose one to use it, or two to compare")
        table.setHorizontalHeaderLabels(["", "made", "strokes", "score"])
        table.setIconSize(QSize(_SIDE, _SIDE))
        table.setShowGrid(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        table.setTabKeyNavigation(False)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(_TIME, QHeaderView.ResizeMode.Stretch)
        rows = table.verticalHeader()
        rows.hide()
        rows.setDefaultSectionSize(_SIDE + 4)
        table.setFixedHeight(header.sizeHint().height() + _ROWS_SHOWN * (_SIDE + 4) + 4)
        table.itemSelectionChanged.connect(self._update)
        return table

    @property
    def selected(self) -> list[int]:
        """Numbers of the selected versions, in ascending order."""
        rows = self.table.selectionModel().selectedRows()
        return sorted(self._shown[row.row()].number for row in rows)

    def _fill(self, *_: object) -> None:
        selected = self.selected if self._shown else []
        self._shown = tuple(reversed(self._keeper.history.versions))
        with QSignalBlocker(self.table):
            self.table.clearSelection()
            self.table.setRowCount(len(self._shown))
            for row, version in enumerate(self._shown):
                self._fill_row(row, version)
            for row, version in enumerate(self._shown):
                if version.number in selected:
                    for column in range(4):
                        self.table.item(row, column).setSelected(True)
        self._update()

    def _fill_row(self, row: int, version: VersionEntry) -> None:
        picture = QTableWidgetItem()
        picture.setIcon(self._picture_of(version))
        score = "" if version.score is None else f"{version.score:.2f}"
        items = (
            picture,
            QTableWidgetItem(_when(version)),
            QTableWidgetItem(f"{version.labelled_pixels:,} px"),
            QTableWidgetItem(score),
        )
        for column, item in enumerate(items):
            item.setToolTip(_details(version))
            if column in (_STROKES, _SCORE):
                item.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            font = item.font()
            font.setBold(version.number == self._keeper.history.in_use)
            item.setFont(font)
            self.table.setItem(row, column, item)

    def _picture_of(self, version: VersionEntry) -> QIcon:
        folder = self._keeper.saved_folder
        path = None if folder is None else thumbnail_path(folder, version)
        if folder is None or path is None:
            return QIcon()
        pixmap = QPixmap()
        try:
            pixmap.loadFromData(read_file(folder, path))
        except UserError:  # a picture is no loss
            return QIcon()
        return QIcon(pixmap)

    def _update(self, *_: object) -> None:
        chosen, in_use = self.selected, self._keeper.history.in_use
        busy = self._session.state is not State.IDLE
        why_not_use = why_not_compare = ""
        if busy:
            why_not_use = "Wait for the training to end, or stop it."
        elif len(chosen) != 1:
            why_not_use = "Choose one version of the list."
        elif chosen[0] == in_use:
            why_not_use = "This version is in use."
        if len(self._pair()) != 2:
            why_not_compare = "Choose two versions of the list, or one that is not in use."
        for button, ready, why_not in (
            (self.use_button, "Segment and train on with this version", why_not_use),
            (
                self.compare_button,
                "Segment what is in view with two versions: those chosen, or one and that in use",
                why_not_compare,
            ),
        ):
            button.setEnabled(not why_not)
            button.setToolTip(why_not or ready)

    def _pair(self) -> list[int]:
        """Return the two versions to compare, or fewer, or more."""
        chosen, in_use = self.selected, self._keeper.history.in_use
        if len(chosen) == 1 and in_use is not None and in_use not in chosen:
            return sorted([*chosen, in_use])
        return chosen

    def _on_use_clicked(self) -> None:
        with errors_shown():
            self._keeper.use(self.selected[0])

    def _on_compare_clicked(self) -> None:
        with errors_shown():
            folder, index = self._keeper.saved_folder, self._keeper.index
            if folder is None:
                raise InvalidInput("the versions are not saved yet; wait a moment.")
            models = {number: read_version(folder, index, number) for number in self._pair()}
            self._comparison.start(models)

    def _on_compared(self, text: str) -> None:
        self.label.setText(text)


def _when(version: VersionEntry) -> str:
    moment = version.made.astimezone()
    today = moment.date() == version.made.now().astimezone().date()
    text = f"{moment:%H:%M}" if today else f"{moment:%Y-%m-%d %H:%M}"
    return f"{version.number} · {text}"


def _details(version: VersionEntry) -> str:
    lines = [f"Version {version.number}, {_KINDS[version.kind]}"]
    if not version.ended:
        lines.append("best so far of a training that was cut short")
    if version.parent is not None:
        lines.append(f"trained on from version {version.parent}")
    planes = len({(used.annotation, used.index) for used in version.planes})
    if planes:
        lines.append(f"strokes on {planes} plane{'s' * (planes > 1)}")
    lines.append(f"{version.size / 1e6:.1f} MB")
    return "\n".join(lines)
