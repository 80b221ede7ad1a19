"""Notices that cells were edited, and measures those again."""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer

from napari_unet.core.images.box import Box
from napari_unet.core.images.lazy_plane import read_part
from napari_unet.core.objects.edit import mask_of, moved
from napari_unet.core.objects.measure import Table
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.finding import CellFinding
from napari_unet.widgets.cells.places import Key, measure_of, place_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk.background import Bench, Worker
from napari_unet.widgets.desk.stroke_watch import edited_boxes
from napari_unet.widgets.layers.picture import picture_of
from napari_unet.widgets.qt.connections import Connections

_PAUSE_MS = 120
_HISTORY = ("_undo_history", "_redo_history")  # napari's; where there is none, all is compared


class CellWatch(QObject):
    """Compares a place with what it was when last looked at, after each edit, undo and redo.

    Only the boxes that napari says were changed are compared and copied; all of a place where it
    is come back to, or drawn anew without napari saying why.

    Of places that were never edited only the one that is looked at is kept for that.
    """

    def __init__(
        self, book: CellBook, finding: CellFinding, quick: Bench, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._book, self._finding, self._quick = book, finding, quick
        self._layer: Labels | None = None
        self._edited: list[Box] = []  # of the layer's data, since the last look
        self._history = (0, 0)  # how much there was to undo, and to redo
        self._view: tuple[Key | None, tuple[float, ...]] = (None, ())
        self._links = Connections(self)
        self._timer = QTimer(self, singleShot=True, interval=_PAUSE_MS, timeout=self._on_timeout)
        book.record_changed.connect(self._on_record_changed)
        book.measured.connect(self.ready)
        finding.ended.connect(self.ready)
        self._on_record_changed()

    def ready(self, *_: object) -> None:
        """Keep what the place that is looked at is now, before it is edited."""
        record, key = self._book.record, self._book.current
        if record is not None and key is not None:
            self.keep(record, key)

    def keep(self, record: CellRecord, key: Key) -> None:
        """Keep what a place is now, unless that is known."""
        if key in record.seen or not record.editable or key not in record.tables:
            return
        for other in [other for other in record.seen if record.found[other] is record.seen[other]]:
            del record.seen[other], record.found[other]
            record.boxes.pop(other, None)
        record.seen[key] = record.found[key] = np.array(record.ids(key))

    def look(self, key: Key | None = None) -> None:
        """Take in what was edited in a place; ``None`` for the one that is looked at."""
        record, key = self._book.record, self._book.current if key is None else key
        if record is None or key is None or key not in record.seen or not self._finding.settled:
            return
        touched: set[int] = set()
        for box in self._edited:
            inside = _inside(box, key)
            if inside is not None:
                touched |= record.take_in(key, inside)
        if touched:
            self._book.note_corrections(record)
            self._measure(record, key, touched)

    def _measure(self, record: CellRecord, key: Key, touched: set[int]) -> None:
        """Measure cells of a place again, in the box that they are in."""
        ids, box = record.seen[key], record.box_of(key, touched)
        if box is None:
            self._on_measured(record, key, touched, None)
            return
        size, unit = measure_of(record.image, record.ndim)
        classes = record.classes.get(key)
        work = _Again(
            labels=np.where(mask_of(ids[box], touched), ids[box], 0),
            piece=picture_of(record.image).piece(place_of(key)),
            box=box,
            size=size,
            unit=unit,
            classes=None if classes is None else np.array(classes[box]),
        )
        then = partial(self._on_measured, record, key, touched)
        self._quick.do(work, then, self._finding.ended.emit)

    def _on_measured(
        self, record: CellRecord, key: Key, touched: set[int], table: Table | None
    ) -> None:
        if not self._book.is_current(record) or key not in record.tables:
            return
        before = record.tables[key]
        kept = ~np.isin(before["id"], list(touched))
        now = {name: column[kept] for name, column in before.items()}
        if table is not None:
            both = {name: np.concatenate([now[name], table[name]]) for name in now if name in table}
            order = np.argsort(both["id"], kind="stable")
            now = {name: column[order] for name, column in both.items()}
        record.tables[key] = now
        if key in record.seen_cells:
            record.seen_cells[key] = record.seen_cells[key].without(touched)
        self._book.measured.emit()

    def _on_record_changed(self) -> None:
        record = self._book.record
        layer = None if record is None else record.layer
        if layer is self._layer:
            self.ready()
            return
        if self._layer is not None:
            self._edited.clear()
            self._links.remove(self._layer.events.paint, self._on_edited)
            self._links.remove(self._layer.events.set_data, self._on_drawn)
        self._layer = layer
        self._played()  # before now, which is no edit
        if layer is not None:
            self._links.add(layer.events.paint, self._on_edited)
            self._links.add(layer.events.set_data, self._on_drawn)
        self.ready()

    def _on_timeout(self) -> None:
        self.look()
        if self._finding.settled:
            self._edited.clear()

    def _on_edited(self, event: object) -> None:
        self._played()
        self._edited += edited_boxes(getattr(event, "value", None))
        self._timer.start()

    def _on_drawn(self, _event: object) -> None:
        """Undo, redo and another place say no more than that the layer is drawn anew."""
        atoms, before = self._played(), self._view
        self._view = self._book.current, tuple(self._book.viewer.dims.point)
        if not self._finding.settled:
            return
        self.ready()
        if atoms is not None:
            self._edited += edited_boxes(atoms)
        elif self._view[0] != before[0] or self._view == before:
            self._edited = [(slice(None),) * (0 if self._layer is None else self._layer.ndim)]
        else:  # another slice of the same volume
            return
        self._timer.start()

    def _played(self) -> Any:
        """Return what was undone or redone since this was asked last; ``None`` if nothing was."""
        undo, redo = (list(getattr(self._layer, name, ())) for name in _HISTORY)
        (undone, redone), self._history = self._history, (len(undo), len(redo))
        if self._history == (undone - 1, redone + 1):
            return redo[-1]
        return undo[-1] if self._history == (undone + 1, redone - 1) else None


def _inside(box: Box, key: Key) -> Box | None:
    """Return what of a box of a layer's data lies in a place; ``None`` if nothing does."""
    lead = list(zip(box, key, strict=False))
    if any(at is not None and at not in range(*span.indices(at + 1)) for span, at in lead):
        return None
    return tuple(span for span, at in lead if at is None) + box[len(key) :]


@dataclass(frozen=True, eq=False)
class _Again:
    """Measures a part of a place."""

    labels: np.ndarray
    piece: Any
    box: tuple[slice, ...]
    size: tuple[float, ...] | None
    unit: str | None
    classes: np.ndarray | None

    def __call__(self, worker: Worker) -> Table:
        pixels = read_part(self.piece, *(np.arange(s.start, s.stop) for s in self.box))
        table = worker.finder.measure(
            self.labels,
            np.asarray(pixels),
            pixel_size=self.size,
            unit=self.unit,
            classes=self.classes,
        )
        sizes = self.size or (1.0,) * len(self.box)
        starts = [span.start * step for span, step in zip(self.box, sizes, strict=True)]
        return moved(table, starts)
