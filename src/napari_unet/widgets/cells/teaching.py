"""Puts cells into the annotation layer, so that the next training learns from them."""

from dataclasses import dataclass
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
from napari.layers import Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.core.objects.cells_to_strokes import laid_over, strokes_of_cells
from napari_unet.session.session import Session
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.places import Key, place_of, set_pixels
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk.background import Bench, Worker
from napari_unet.widgets.layers.results import add_at
from napari_unet.widgets.layers.strokes import FIRST_CLASS, find_annotation, new_annotation

SCOPES = ("selected", "corrected", "all")


@dataclass(frozen=True, eq=False)
class _Lesson:
    """The cells of a place to learn from."""

    key: Key
    ids: np.ndarray
    chosen: frozenset[int]
    class_of: dict[int, int]
    erased: np.ndarray | None


class CellTeaching(QObject):
    """Copies cells into the annotation layer of their image.

    What somebody painted stays, unless it is asked for otherwise; what was copied earlier gives way
    to a newer copy. Signal: ``ended(text)`` with a sentence.
    """

    ended = Signal(str)

    def __init__(
        self, book: CellBook, session: Session, quick: Bench, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._book, self._session, self._quick = book, session, quick
        self._copied: WeakKeyDictionary[Labels, dict[Key, np.ndarray]] = WeakKeyDictionary()

    def chosen(self, scope: str, selected: dict[Key, list[int]]) -> dict[Key, list[int]]:
        """Return which cells a scope means, by their place."""
        record, current = self._book.record, self._book.current
        if record is None or current is None:
            return {}
        if scope == "selected":
            return selected
        if scope == "corrected":
            return {key: sorted(record.corrected(key)) for key in record.corrections}
        table = record.tables.get(current)
        if table is None or not (len(table["id"]) or current in record.corrections):
            return {}
        return {current: table["id"].tolist()}

    def teach(
        self, scope: str, selected: dict[Key, list[int]], *, over_painted: bool = False
    ) -> None:
        """Copy cells, as one step for the annotation layer's undo.

        The scope is one of ``SCOPES``: the selected cells, those that are not as they were found,
        or all of the place that is looked at. Where cells were taken away becomes background,
        unless it is the selected ones.
        """
        record = self._book.record
        if record is None:
            return
        lessons = [
            _Lesson(
                key=key,
                ids=np.array(record.ids(key)),
                chosen=frozenset(cells),
                class_of=self._classes(record, key, cells),
                erased=None if scope == "selected" else record.erased(key),
            )
            for key, cells in self.chosen(scope, selected).items()
        ]
        self._quick.do(
            partial(_strokes, lessons),
            partial(self._on_ready, record, lessons, over_painted, scope == "all"),
            self.ended.emit,
        )

    def _classes(self, record: CellRecord, key: Key, cells: list[int]) -> dict[int, int]:
        """Return the class that each cell is painted with."""
        known = record.class_ids(key)
        strokes = record.header is not None and record.header.label_kind == "scribbles"
        shift = 0 if strokes else 1  # a model of objects has 0 for background, strokes have 1
        return {cell: known[cell] + shift if known.get(cell) else FIRST_CLASS for cell in cells}

    def _on_ready(
        self,
        record: CellRecord,
        lessons: list[_Lesson],
        over_painted: bool,
        forget: bool,
        strokes: list[np.ndarray],
    ) -> None:
        if not self._book.is_current(record):
            return
        layer = self._annotation(record)
        copied = self._copied.setdefault(layer, {})
        cells = kept = 0
        with layer.block_history():
            for lesson, drawn in zip(lessons, strokes, strict=True):
                painted = np.asarray(layer.data[place_of(lesson.key)])
                before = copied.get(lesson.key)
                now = laid_over(painted, drawn, before, over_painted=over_painted, forget=forget)
                cells += len(lesson.chosen)
                kept += int(np.count_nonzero((drawn > 0) & (now != drawn)))
                earlier = (
                    np.zeros_like(drawn) if before is None else np.where(before == now, before, 0)
                )
                copied[lesson.key] = np.where(now == drawn, drawn, earlier)
                pixels = np.nonzero(now != painted)
                set_pixels(layer, lesson.key, pixels, now[pixels])
        said = f"{cells:,} cell{'s' * (cells != 1)} copied to {layer.name}; "
        if record.header is None or record.header.label_kind == "scribbles":
            said += "Train learns from them."
        else:
            said += "press Start over under Model to train one on strokes."
        if kept:
            said += f" {kept:,} painted pixels stay as they are."
        self.ended.emit(said)

    def _annotation(self, record: CellRecord) -> Labels:
        """Return the annotation layer of an image; it is made if there is none."""
        layers = self._book.viewer.layers
        layer = find_annotation(layers, record.image)
        if layer is None:
            layer = new_annotation(record.image, self._session.classes)
            add_at(layers, len(layers), layer)
        return layer


def _strokes(lessons: list[_Lesson], worker: Worker) -> list[np.ndarray]:
    drawn = []
    for lesson in lessons:
        worker.check()
        drawn.append(
            strokes_of_cells(lesson.ids, lesson.chosen, lesson.class_of, erased=lesson.erased)
        )
    return drawn
