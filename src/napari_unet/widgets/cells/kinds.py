"""The kinds of cells: given to some in the viewer or the table, told of all others beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import partial

from napari.utils.colormaps import DirectLabelColormap, label_colormap
from qtpy.QtCore import QObject, Signal

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.objects.edit import pixels_of
from napari_unet.core.objects.kinds import Example
from napari_unet.session.session import Session
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.kind_telling import KnownPlace, Lesson, Telling, Told, cell_at
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.cells.table_model import Cell
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.layers.colormaps import color
from napari_unet.widgets.layers.image_marks import mark_of
from napari_unet.widgets.qt.connections import Connections

_NO_KIND = "#888888"
_LOOKING = "Looking at the cells…"


class CellKinds(QObject):
    """Learns from the cells that were given a kind, and gives all others of all images one.

    Notes
    -----
    Signals: ``told()`` when cells have other kinds, ``said(text)`` with what there is to do or to
    know.
    """

    told = Signal()
    said = Signal(str)

    def __init__(
        self, book: CellBook, session: Session, bench: Bench, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._book, self._session, self._bench = book, session, bench
        self._asked = 0  # how often; only what was asked last counts
        self._taking = False  # what was learnt into the session
        self._shown: tuple[ClassInfo, ...] = ()  # as they were last shown
        Connections(self).add(session.kinds_changed, self._on_kinds_changed)
        book.measured.connect(self._tell)
        book.record_changed.connect(self._tell)
        self._on_kinds_changed()

    @property
    def counts(self) -> Counter[int]:
        """How many cells of all images have each kind."""
        every = (found for record in self._book.records for found in record.kinds.values())
        return Counter(kind for found in every for kind in found.values())

    def give(self, kind: int, cells: Iterable[Cell]) -> None:
        """Say that cells of the chosen image are of a kind; all others follow."""
        record, kinds = self._book.record, self._session.kinds
        if record is None:
            return
        image, examples = mark_of(record.image).id, list(kinds.examples)
        for key, cell in cells:
            pixels = pixels_of(record.ids(key), [cell]).get(cell)
            if pixels is None:
                continue
            examples = [
                one
                for one in examples
                if (one.image, one.place) != (image, key) or cell_at(record, one) != cell
            ]
            middle = len(pixels[0]) // 2
            pixel = tuple(int(axis[middle]) for axis in pixels)
            examples.append(Example(kind=kind, image=image, place=key, pixel=pixel))
        self._session.use_kinds(kinds.model_copy(update={"examples": tuple(examples)}))

    def _on_kinds_changed(self, *_: object) -> None:
        if self._taking:
            return
        if not self._session.kinds.kinds:
            self._forget()
        self._tell()

    def _forget(self) -> None:
        self._asked += 1
        for record in self._book.records:
            if record.kinds:
                record.kinds = {}
                self._show(record)
        self.told.emit()

    def _tell(self) -> None:
        """Have every cell that is known told its kind, beside the window."""
        kinds = self._session.kinds
        if not kinds.kinds:
            self.said.emit("")
            return
        places = [
            KnownPlace.of(record, key)
            for record in self._book.records
            for key in record.keys
            if len(record.tables[key]["id"])
        ]
        if not places:
            self.said.emit("Find cells first.")
            return
        lessons = [Lesson.of(one, places) for one in kinds.examples]
        if any(len(place.new) for place in places):
            self.said.emit(_LOOKING)
        self._asked += 1
        work = Telling(kinds, tuple(places), tuple(lessons))
        self._bench.do(work, partial(self._on_told, self._asked), self.said.emit, kind="kinds")

    def _on_told(self, number: int, told: Told) -> None:
        for place, seen in told.seen:
            if place.record.tables.get(place.key) is place.table:
                place.record.seen_cells[place.key] = seen
        if number != self._asked:  # somebody went on, and that is on its way
            return
        self._taking = True
        try:
            self._session.use_kinds(told.kinds)
        finally:
            self._taking = False
        for record in self._book.records:
            found = {place.key: of_cell for place, of_cell in told.found if place.record is record}
            if record.kinds != found or self._shown != told.kinds.kinds:
                record.kinds = found
                self._show(record)
        self._shown = told.kinds.kinds
        self.said.emit(told.said)
        self.told.emit()

    def _show(self, record: CellRecord) -> None:
        """Give the cells in the viewer the colours of their kinds."""
        shades = {entry.id: entry.color for entry in self._session.kinds.kinds}
        record.kind_names = {entry.id: entry.name for entry in self._session.kinds.kinds}
        if not record.kinds:
            color(record.layer, label_colormap())
            return
        colors: dict[int | None, str] = {None: _NO_KIND, 0: "transparent"}
        for found in record.kinds.values():
            colors |= {cell: shades.get(kind, _NO_KIND) for cell, kind in found.items()}
        color(record.layer, DirectLabelColormap(color_dict=colors))
