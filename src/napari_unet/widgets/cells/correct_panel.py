"""Merge, split and delete the selected cells; napari's undo takes each back."""

from functools import partial

import numpy as np
from qtpy.QtWidgets import QLabel, QWidget

from napari_unet.core.models.header import background_output
from napari_unet.core.objects.edit import box_around, pixels_of, split_cell
from napari_unet.errors import Level
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.edit_watch import CellWatch
from napari_unet.widgets.cells.finding import CellFinding
from napari_unet.widgets.cells.places import Key, set_pixels, spacing_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.cells.selection import CellSelection
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.notify import notify

_LARGE = "The cells of a large image are a pyramid, which cannot be edited; crop the image first."
_FINDING = "Wait until the cells are found."


class CellEditPanel(QWidget):
    """Three buttons that change what the layer holds, each in one step."""

    def __init__(
        self,
        book: CellBook,
        finding: CellFinding,
        selection: CellSelection,
        watch: CellWatch,
        quick: Bench,
    ) -> None:
        super().__init__()
        self._book, self._finding = book, finding
        self._selection, self._watch, self._quick = selection, watch, quick
        self.merge_button = push_button("&Merge", "merge_cells_button", self._on_merge_clicked)
        self.split_button = push_button("S&plit", "split_cells_button", self._on_split_clicked)
        self.delete_button = push_button("&Delete", "delete_cells_button", self._on_delete_clicked)
        hint = QLabel(
            "Or fill, paint and erase with napari's tools on the layer of cells.", wordWrap=True
        )
        grid(self, (self.merge_button, self.split_button, self.delete_button), (hint,))
        selection.changed.connect(self._update)
        book.record_changed.connect(self._update)
        finding.progressed.connect(self._update)
        finding.ended.connect(self._update)
        book.measured.connect(self._update)
        self._update()

    def _update(self, *_: object) -> None:
        record, places = self._book.record, self._selection.in_places()
        why_not = ""
        if record is not None and not record.editable:
            why_not = _LARGE
        elif not self._finding.settled:
            why_not = _FINDING
        elif not places:
            why_not = "Choose cells in the table or in the viewer."
        one_place = len(places) == 1
        count = len(self._selection.cells)
        for button, reason, ready in (
            (
                self.merge_button,
                "" if one_place and count > 1 else "Choose two cells or more of one plane.",
                "Make one cell of the selected ones",
            ),
            (
                self.split_button,
                "" if count == 1 else "Choose one cell.",
                "Cut the selected cell at its narrowest place",
            ),
            (self.delete_button, "", "Take the selected cells away"),
        ):
            button.setEnabled(not (why_not or reason))
            button.setToolTip(why_not or reason or f"{ready}; Ctrl-Z in the viewer takes it back")

    def _on_merge_clicked(self) -> None:
        ((key, ids),) = self._selection.in_places().items()
        self._edit({key: (ids[1:], ids[0])})

    def _on_delete_clicked(self) -> None:
        self._edit({key: (ids, 0) for key, ids in self._selection.in_places().items()})

    def _edit(self, changes: dict[Key, tuple[list[int], int]]) -> None:
        """Give cells another id, in one step for the undo."""
        record = self._book.record
        if record is None:
            return
        with record.layer.block_history():
            for key, (cells, value) in changes.items():
                found = pixels_of(record.ids(key), cells)
                if found:
                    self._watch.keep(record, key)
                    joined = tuple(
                        np.concatenate(axes) for axes in zip(*found.values(), strict=True)
                    )
                    set_pixels(record.layer, key, joined, value)
        for key in changes:
            self._watch.look(key)

    def _on_split_clicked(self) -> None:
        record = self._book.record
        if record is None:
            return
        ((key, cell),) = self._selection.cells
        mask = np.asarray(record.ids(key) == cell)
        box = box_around(mask)
        if box is None or np.count_nonzero(mask) < 2:
            return
        kept, header = record.probabilities.get(key), record.header
        probability = None
        if kept is not None and header is not None:
            background = background_output(header)
            probability = np.array(kept[(slice(None), *box)])
            probability = np.delete(probability, [] if background is None else background, axis=0)
            probability = probability.sum(axis=0)
        trained = None if header is None else header.pixel_size
        spacing = spacing_of(record.image, record.ndim, trained)
        inside = mask[box]
        self._quick.do(
            lambda _worker: split_cell(inside, probability, spacing),
            partial(self._on_split, record, key, cell, box, inside),
            partial(notify, Level.ERROR),
        )

    def _on_split(
        self,
        record: CellRecord,
        key: Key,
        cell: int,
        box: tuple[slice, ...],
        inside: np.ndarray,
        parts: np.ndarray,
    ) -> None:
        ids = record.ids(key)
        if not self._book.is_current(record) or not np.array_equal(ids[box] == cell, inside):
            return  # it was edited meanwhile
        self._watch.keep(record, key)
        pixels = np.nonzero(parts > 1)
        first = max(record.highest(), int(ids.max())) + 1
        values = (first + parts[pixels] - 2).astype(np.int32)
        there = tuple(axis + span.start for axis, span in zip(pixels, box, strict=True))
        set_pixels(record.layer, key, there, values)
        self._watch.look(key)
