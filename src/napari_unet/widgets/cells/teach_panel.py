"""Use as annotation: which cells, and what wins where something is painted."""

from __future__ import annotations

from qtpy.QtWidgets import QCheckBox, QComboBox, QGridLayout, QPushButton, QWidget

from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.finding import CellFinding
from napari_unet.widgets.cells.selection import CellSelection
from napari_unet.widgets.cells.teaching import SCOPES, CellTeaching
from napari_unet.widgets.qt.sections import wrapped_label

_SAID = {
    "selected": "the selected cells",
    "corrected": "corrected cells",
    "all": "all cells that are looked at",
}


class CellTeachPanel(QWidget):
    """One button, and two choices."""

    def __init__(
        self,
        book: CellBook,
        finding: CellFinding,
        selection: CellSelection,
        teaching: CellTeaching,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._book, self._finding = book, finding
        self._selection, self._teaching = selection, teaching
        self.scope = QComboBox()
        self.scope.setObjectName("teach_combo")
        self.scope.setAccessibleName("Which cells")
        self.scope.setToolTip("Which cells are copied into the strokes, to be learnt from")
        self.scope.addItems([_SAID[scope] for scope in SCOPES])
        self.scope.setCurrentIndex(SCOPES.index("corrected"))
        self.scope.currentIndexChanged.connect(self._update)
        self.over = QCheckBox("Over what is painted")
        self.over.setObjectName("over_painted_check")
        self.over.setToolTip(
            "Off, what you painted stays where a cell would be copied over it; on, the cell "
            "replaces it"
        )
        self.button = QPushButton("&Use as annotation")
        self.button.setObjectName("teach_button")
        self.button.clicked.connect(self._on_clicked)
        self.status = wrapped_label("teach_status")
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(4)
        layout.addWidget(self.scope, 0, 0)
        layout.addWidget(self.over, 0, 1)
        layout.addWidget(self.button, 1, 0, 1, 2)
        layout.addWidget(self.status, 2, 0, 1, 2)
        teaching.ended.connect(self.status.setText)
        selection.changed.connect(self._update)
        book.record_changed.connect(self._on_record_changed)
        book.measured.connect(self._update)
        finding.progressed.connect(self._update)
        finding.ended.connect(self._update)
        self._update()

    @property
    def _chosen(self) -> str:
        return SCOPES[self.scope.currentIndex()]

    def _on_record_changed(self) -> None:
        self.status.setText("")
        self._update()

    def _update(self, *_: object) -> None:
        cells = self._teaching.chosen(self._chosen, self._selection.in_places())
        record = self._book.record
        why_not = ""
        if record is None:
            why_not = "Find cells first."
        elif not record.editable:
            why_not = "The strokes of a large image are too many to copy; crop the image first."
        elif not self._finding.settled:
            why_not = "Wait until the cells are found."
        elif not cells:
            why_not = {
                "selected": "Choose cells in the table or in the viewer.",
                "corrected": "No cell was corrected yet.",
                "all": "There are no cells here.",
            }[self._chosen]
        self.button.setEnabled(not why_not)
        self.button.setToolTip(
            why_not
            or "Copy the cells into the image's layer of strokes, with background around them, for "
            "the next training; Ctrl-Z on that layer takes it back"
        )

    def _on_clicked(self) -> None:
        self._teaching.teach(
            self._chosen, self._selection.in_places(), over_painted=self.over.isChecked()
        )
