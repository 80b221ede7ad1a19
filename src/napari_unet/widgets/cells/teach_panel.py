"""Use as annotation: which cells, and what wins where something is painted."""

from functools import partial

from qtpy.QtWidgets import QMenu, QPushButton, QWidget

from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.finding import CellFinding
from napari_unet.widgets.cells.selection import CellSelection
from napari_unet.widgets.cells.teaching import SCOPES, CellTeaching
from napari_unet.widgets.qt.build import column
from napari_unet.widgets.qt.sections import wrapped_label

_SAID = {
    "selected": ("The &selected cells", "Choose cells in the table or in the viewer."),
    "corrected": ("&Corrected cells", "No cell was corrected yet."),
    "all": ("&All cells that are looked at", "There are no cells here."),
}
_READY = (
    "Copy the cells into the image's layer of strokes, with background around them, for the next "
    "training; Ctrl-Z on that layer takes it back"
)


class CellTeachPanel(QWidget):
    """One button with a menu: which cells, and whether over what is painted."""

    def __init__(
        self, book: CellBook, finding: CellFinding, selection: CellSelection, teaching: CellTeaching
    ) -> None:
        super().__init__()
        self._book, self._finding = book, finding
        self._selection, self._teaching = selection, teaching
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._actions = {scope: menu.addAction(_SAID[scope][0]) for scope in SCOPES}
        for scope, action in self._actions.items():
            action.setObjectName(f"teach_{scope}_action")
            action.triggered.connect(partial(self._teach, scope))
        menu.addSeparator()
        self.over = menu.addAction("&Over what is painted")
        self.over.setObjectName("over_painted_action")
        self.over.setCheckable(True)
        self.over.setToolTip(
            "Off, what you painted stays where a cell would be copied over it; on, the cell "
            "replaces it"
        )
        self.button = QPushButton("&Use as annotation", objectName="teach_button")
        self.button.setMenu(menu)
        self.status = wrapped_label("teach_status")
        column(self, self.button, self.status)
        teaching.ended.connect(self.status.setText)
        selection.changed.connect(self._update)
        book.record_changed.connect(self._on_record_changed)
        book.measured.connect(self._update)
        finding.progressed.connect(self._update)
        finding.ended.connect(self._update)
        self._update()

    def _on_record_changed(self) -> None:
        self.status.setText("")
        self._update()

    def _update(self, *_: object) -> None:
        record = self._book.record
        why_not = ""
        if record is None:
            why_not = "Find cells first."
        elif not record.editable:
            why_not = "The strokes of a large image are too many to copy; crop the image first."
        elif not self._finding.settled:
            why_not = "Wait until the cells are found."
        some = False
        for scope, action in self._actions.items():
            there = not why_not and bool(self._teaching.chosen(scope, self._selection.in_places()))
            some = some or there
            action.setEnabled(there)
            action.setToolTip(_READY if there else why_not or _SAID[scope][1])
        self.button.setEnabled(some)
        self.button.setToolTip(_READY if some else why_not or _SAID["all"][1])

    def _teach(self, scope: str, *_: object) -> None:
        places = self._selection.in_places()
        self._teaching.teach(scope, places, over_painted=self.over.isChecked())
