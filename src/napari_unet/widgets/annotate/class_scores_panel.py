"""How good the model is at each class, folded away below the plot of the score."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)
from superqt import QCollapsible

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import ClassReport, ModelHeader, TrainingRecord
from napari_unet.errors import Level
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.strokes import paint_with
from napari_unet.widgets.layers.view import jump_to
from napari_unet.widgets.qt.build import column, swatch
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.sections import wrapped_label

_COLUMNS = ("class", "IoU", "prec.", "recall", "strokes", "px")
_ROWS_SHOWN = 4
_NOTHING = "Paint four strokes of each class or more; some are then held out to say how good it is."
_SMALLEST_SHARE = 0.005  # less would read as 0 %
_GONE = "that stroke is not in this image any more."
_TIP = (
    "Of the strokes that were held out. Prec., precision: how much of what is called so is it. "
    "Recall: how much of it is found. Click a class to go to the stroke that is predicted worst"
)


class ClassScoresPanel(QWidget):
    """A table of one row a class for the model in use, and its worst mistake in words."""

    def __init__(self, desk: Desk, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._session, self._choice = desk.viewer, desk.session, desk.choice
        self.table = self._make_table()
        self.mistake = wrapped_label("mistake_label")
        inner = QWidget()
        column(inner, self.mistake, self.table)
        self.fold = QCollapsible("How good, by class", expandedIcon="▾", collapsedIcon="▸")
        self.fold.setObjectName("class_scores_collapsible")
        self.fold.setDuration(0)
        self.fold.toggleButton().setToolTip("Show or hide the scores of each class")
        self.fold.addWidget(inner)
        for layout in (self.fold.layout(), self.fold.content().layout()):
            layout.setContentsMargins(0, 0, 0, 0)  # there is just room for the columns
        column(self, self.fold)
        links = Connections(self)
        links.add(desk.session.model_changed, self._show)
        links.add(desk.session.classes_changed, self._show)
        self._show()

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(0, len(_COLUMNS))
        table.setObjectName("class_scores_table")
        table.setAccessibleName("Scores by class")
        table.setToolTip(_TIP)
        table.setHorizontalHeaderLabels(_COLUMNS)
        table.setShowGrid(False)
        table.setTabKeyNavigation(False)
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        header, rows = table.horizontalHeader(), table.verticalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        rows.hide()
        table.setFixedHeight(
            header.sizeHint().height() + _ROWS_SHOWN * rows.defaultSectionSize() + 4
        )
        table.cellClicked.connect(self._on_clicked)
        return table

    def _show(self, *_: object) -> None:
        header = self._session.header
        record = _record(header)
        self._shown = [] if header is None or record is None else self._rows(header, record)
        with QSignalBlocker(self.table):
            self.table.setRowCount(len(self._shown))
            for row, (entry, report) in enumerate(self._shown):
                for at, text in enumerate(_texts(entry, report)):
                    item = QTableWidgetItem(text)
                    if not at:
                        item.setIcon(swatch(entry.color))
                        item.setToolTip(entry.name)
                    else:
                        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
                        item.setTextAlignment(right)
                    self.table.setItem(row, at, item)
        names = {entry.id: entry.name for entry, _ in self._shown}
        self.mistake.setText(mistake_text(record, names) if record is not None else _NOTHING)

    def _rows(
        self, header: ModelHeader, record: TrainingRecord
    ) -> list[tuple[ClassInfo, ClassReport]]:
        """Return the classes that are known, as they are called now."""
        now = {entry.id: entry for entry in self._session.classes}
        return [
            (now.get(entry.id, entry), record.by_class[entry.id])
            for entry in header.classes
            if entry.id in record.by_class
        ]

    def _on_clicked(self, row: int, _column: int) -> None:
        """Go to the stroke of a class that is predicted worst."""
        entry, report = self._shown[row]
        if not report.worst:
            text = f"every held-out stroke of {entry.name} is predicted right."
            self._session.said.emit(Level.INFO, text)
            return
        image, strokes = self._choice.image, self._choice.annotation
        if (
            image is None
            or strokes is None
            or not _is_inside(report.worst, spatial_shape(image))
            or int(strokes.data[report.worst]) != entry.id
        ):
            self._session.said.emit(Level.WARNING, _GONE)
            return
        jump_to(self._viewer, image, report.worst)
        paint_with(self._viewer, strokes, entry.id)
        right = f"{report.worst_right:.0%} of this stroke of {entry.name} is predicted right."
        self._session.said.emit(Level.INFO, right)


def mistake_text(record: TrainingRecord, names: dict[int, str]) -> str:
    """Say which class is taken for which: ``nuclei taken for stroma in 12 %``."""
    if not record.by_class:
        return _NOTHING
    if record.mistake is None:
        return "No held-out stroke is taken for another class."
    truth, taken_for, share = record.mistake
    if share < _SMALLEST_SHARE:
        return "Hardly any held-out pixel is taken for another class."
    said = f"{names.get(truth, truth)} taken for {names.get(taken_for, taken_for)} in {share:.0%}"
    return f"{said[:1].upper()}{said[1:]} of its held-out pixels."


def _record(header: ModelHeader | None) -> TrainingRecord | None:
    return header.history[-1] if header is not None and header.history else None


def _texts(entry: ClassInfo, report: ClassReport) -> tuple[str, ...]:
    scores = (report.iou, report.precision, report.recall)
    return (
        entry.name,
        *("-" if value is None else f"{value:.2f}" for value in scores),
        f"{report.strokes:,}",
        f"{report.pixels:,}",
    )


def _is_inside(position: tuple[int, ...], shape: tuple[int, ...]) -> bool:
    pairs = zip(position, shape, strict=False)
    return len(position) == len(shape) and all(0 <= at < size for at, size in pairs)
