"""A napari in which somebody goes all the way with cells; made to be killed at the end.

``cells_window.py FOLDER``: the project is saved there. What was seen is printed as JSON, and then
the window stays as it is.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QAction
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton, QSpinBox, QTableView, QTableWidget

from napari_unet.session.state import State
from napari_unet.widgets.project import keeper, opening

SECONDS = 5
PATIENCE = 120.0


class Walk:
    """The window with both docks, and what is pressed in it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.viewer = napari.Viewer()
        self.viewer.open_sample("napari-unet-live", "tissue")
        self.image = self.viewer.layers["stained tissue"]
        self.strokes = self.viewer.layers["strokes on stained tissue"]
        window = self.viewer.window
        _, self.paint = window.add_plugin_dock_widget("napari-unet-live", "Annotate and train")
        _, self.cells = window.add_plugin_dock_widget("napari-unet-live", "Cells", tabify=True)
        self.session = self.cells.session
        self.seen: dict[str, Any] = {}

    def press(self, dock: Any, name: str) -> None:
        button = dock.findChild(QPushButton, name)
        wait(button.isEnabled)
        button.click()

    def train(self) -> None:
        self.paint.findChild(QSpinBox, "seconds_spin").setValue(SECONDS)
        self.press(self.paint, "train_button")
        wait(lambda: self.session.state is State.IDLE and not self.session.predictions.running)

    @property
    def ids(self) -> np.ndarray:
        return self.viewer.layers["stained tissue cells"].data

    @property
    def rows(self) -> int:
        return self.table.model().rowCount()

    @property
    def table(self) -> QTableView:
        return self.cells.findChild(QTableView, "cells_table")

    def find(self) -> None:
        self.press(self.cells, "find_cells_button")
        wait(lambda: self.cells.finding.settled)
        self.seen["cells"] = self.rows
        self.seen["ids"] = len(np.unique(self.ids)) - 1

    def click_a_row(self) -> None:
        self.table.sortByColumn(1, Qt.SortOrder.DescendingOrder)  # the largest first
        rectangle = self.table.visualRect(self.table.model().index(1, 0))
        left = Qt.MouseButton.LeftButton
        QTest.mouseClick(self.table.viewport(), left, pos=rectangle.center())
        label = self.viewer.layers["stained tissue cells"].selected_label
        ((_, chosen),) = self.cells.selection.cells
        self.seen["row selects"] = label == chosen
        self.chosen = chosen

    def click_a_cell(self) -> None:
        """Click the middle pixel of the largest cell on the canvas."""
        largest = int(np.bincount(self.ids.ravel())[1:].argmax()) + 1
        self.click_on(largest)
        wait(lambda: self.cells.selection.cells == (((), largest),))
        (index,) = self.table.selectionModel().selectedRows()
        self.seen["cell selects"] = self.table.model().data(index) == str(largest)

    def click_on(self, cell: int) -> None:
        places = np.argwhere(self.ids == cell)
        place = places[np.hypot(*(places - places.mean(axis=0)).T).argmin()]
        canvas = self.viewer.window._qt_viewer.canvas
        QTest.mouseClick(canvas.native, Qt.MouseButton.LeftButton, pos=on_canvas(canvas, place))

    def give_kinds(self) -> None:
        """Name two kinds and click a cell of each; then choose none."""
        kinds = self.cells.findChild(QTableWidget, "kinds_table")
        by_size = np.argsort(np.bincount(self.ids.ravel())[1:]) + 1
        for row, (name, cell) in enumerate((("small", by_size[0]), ("large", by_size[-1]))):
            self.press(self.cells, "new_kind_button")
            editor = kinds.findChildren(QLineEdit)[-1]
            QTest.keyClicks(editor, name)  # in place of what is selected in it
            QTest.keyClick(editor, Qt.Key.Key_Return)
            wait(lambda row=row, name=name: kinds.item(row, 0).text() == name)
            self.click_on(int(cell))
            wait(lambda row=row: len(self.session.kinds.examples) == row + 1)
        wait(lambda: self.table.model().headerData(1, Qt.Orientation.Horizontal) == "kind")
        found = self.viewer.layers["stained tissue cells"].features["kind"]
        self.seen["kinds told"] = set(found) == {"small", "large"} and len(found) == self.rows
        chosen = kinds.visualItemRect(kinds.item(1, 0)).center()
        QTest.mouseClick(kinds.viewport(), Qt.MouseButton.LeftButton, pos=chosen)

    def correct(self) -> None:
        """Delete the cell that is selected, split another, and paint a third."""
        self.press(self.cells, "delete_cells_button")
        wait(lambda: self.rows == self.seen["cells"] - 1)
        self.table.selectRow(0)
        self.press(self.cells, "split_cells_button")
        wait(lambda: self.rows == self.seen["cells"])
        layer = self.viewer.layers["stained tissue cells"]
        new = int(layer.data.max()) + 1
        layer.paint(tuple(np.argwhere(layer.data == 0)[1000]), new)
        wait(lambda: new in self.cells.book.record.rows()[0]["id"])
        wait(lambda: self.rows == self.seen["cells"] + 1)
        self.seen["corrected"] = True

    def learn(self) -> None:
        before = int(np.count_nonzero(self.strokes.data))
        painted = self.strokes.data.copy()
        self.cells.findChild(QAction, "teach_corrected_action").trigger()
        wait(lambda: int(np.count_nonzero(self.strokes.data)) > before)
        kept = self.strokes.data[painted > 0] == painted[painted > 0]
        self.seen["strokes stay"] = bool(kept.all())
        first = self.session.header.history[-1].labelled_pixels
        self.train()
        now = self.session.header.history[-1].labelled_pixels
        self.seen["learnt"] = sum(now.values()) > sum(first.values())

    def go_back(self) -> None:
        table = self.paint.findChild(QTableWidget, "history_table")
        wait(lambda: table.rowCount() == 2)
        later = self.session.model
        table.selectRow(1)
        self.press(self.paint, "use_version_button")
        self.seen["went back"] = self.session.model != later

    def save(self) -> None:
        project = self.folder / "project"
        QFileDialog.getSaveFileName = lambda *_: (str(project), "")
        self.paint.findChild(QAction, "save_project_action").trigger()
        wait((project / "project.json").exists)
        np.save(self.folder / "strokes.npy", self.strokes.data)
        (self.folder / "model.unet").write_bytes(self.session.model)


def on_canvas(canvas: Any, place: np.ndarray) -> QPoint:
    """Return where a pixel of an image that lies as its pixels is drawn."""
    view = canvas.view if hasattr(canvas, "view") else canvas.viewbox
    corners = [(0, 0), (100, 0), (0, 100)]
    origin, right, down = (np.array(to_world(canvas, corner, view)[-2:]) for corner in corners)
    steps = np.stack([right - origin, down - origin], axis=1) / 100
    x, y = np.linalg.solve(steps, np.asarray(place) - origin)
    return QPoint(round(x), round(y))


def to_world(canvas: Any, position: tuple[int, int], view: Any) -> tuple[float, ...]:
    try:
        return canvas._map_canvas2world(position, view)
    except TypeError:  # before there were several views
        return canvas._map_canvas2world(position)


def wait(ready: Callable[[], bool]) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + PATIENCE
    while not ready():
        if time.monotonic() > end:
            raise TimeoutError("the window did not get ready")
        QTest.qWait(50)


def main(folder: Path) -> None:
    """Go all the way, say what was seen, and wait to be killed."""
    for module in (keeper, opening):
        module.recovery_root = lambda: folder / "recovery"
    walk = Walk(folder)
    steps = (walk.train, walk.find, walk.click_a_row, walk.give_kinds, walk.click_a_cell)
    for step in (*steps, walk.correct, walk.learn, walk.go_back, walk.save):
        start = time.monotonic()
        step()
        print(f"{step.__name__}: {time.monotonic() - start:.1f} s", file=sys.stderr)
    print(json.dumps(walk.seen), flush=True)
    napari.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
