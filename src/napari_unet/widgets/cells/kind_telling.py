"""What tells all cells their kind beside the window, from those that were given one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.objects.cell_features import SeenCells
from napari_unet.core.objects.kinds import (
    Example,
    Kinds,
    check_taught,
    packed,
    rows_of,
    scaled,
    tell_kinds,
    telling_columns,
)
from napari_unet.core.objects.measure import Table
from napari_unet.errors import InvalidInput
from napari_unet.widgets.cells.places import Key, place_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk.background import Worker
from napari_unet.widgets.layers.image_marks import mark_of
from napari_unet.widgets.layers.picture import picture_of


def cell_at(record: CellRecord, example: Example) -> int:
    """Return the cell that is at the pixel of an example now, 0 if there is none."""
    try:
        return int(record.ids(example.place)[example.pixel])
    except (IndexError, ValueError):
        return 0


@dataclass(frozen=True, eq=False)
class KnownPlace:
    """The cells of a plane or volume, and what has to be looked at to know all of them."""

    record: CellRecord
    key: Key
    table: Table
    seen: SeenCells | None
    image: str
    new: np.ndarray  # ids that were not looked at yet
    ids: np.ndarray  # a view of the layer's data
    piece: Any

    @classmethod
    def of(cls, record: CellRecord, key: Key) -> KnownPlace:
        """Take what is known of a place, and what it is read from."""
        table, seen = record.tables[key], record.seen_cells.get(key)
        new = table["id"] if seen is None else np.setdiff1d(table["id"], seen.ids)
        return cls(
            record=record,
            key=key,
            table=table,
            seen=seen,
            image=mark_of(record.image).id,
            new=new,
            ids=record.ids(key),
            piece=picture_of(record.image).piece(place_of(key)),
        )

    def looked_at(self, worker: Worker) -> SeenCells:
        """Return what the encoder sees of each cell of the table; nothing of cells of volumes."""
        if self.ids.ndim == 3:
            nothing = np.zeros((len(self.table["id"]), 0), np.float32)
            return SeenCells(self.table["id"], nothing)
        seen = self.seen
        if len(self.new):
            ids = np.array(self.ids)
            ids[~np.isin(ids, self.new)] = 0
            features = worker.finder.describe(ids, np.asarray(whole_plane(self.piece)))
            found = SeenCells(np.unique(ids[ids > 0]), features)
            seen = found if seen is None else seen.joined(found)
        assert seen is not None
        return seen.of(self.table["id"])


_Rows = dict[KnownPlace, np.ndarray]


@dataclass(frozen=True, eq=False)
class Lesson:
    """An example, and which cell it is now; ``gone`` if an edit took that away."""

    example: Example
    place: KnownPlace | None = None
    cell: int = 0
    gone: bool = False

    @classmethod
    def of(cls, example: Example, places: Iterable[KnownPlace]) -> Lesson:
        """Look for the cell among those that are open."""
        for place in places:
            if place.image == example.image and place.key == example.place:
                cell = cell_at(place.record, example)
                if cell in place.table["id"]:
                    return cls(example, place, cell)
                return cls(example, gone=True)
        return cls(example, gone=not example.values)

    def now(self, rows: _Rows) -> Example | None:
        """Return it with what is known of the cell now; ``None`` if it does not teach."""
        if self.place is not None and self.place in rows:
            row = rows[self.place][np.searchsorted(self.place.table["id"], self.cell)]
            return self.example.model_copy(update={"values": packed(row)})
        return self.example if self.place is None and not self.gone else None

    @property
    def unknown(self) -> Example:
        """The example of which nothing is known."""
        return self.example.model_copy(update={"values": ""})


@dataclass(frozen=True, eq=False)
class Told:
    """What came of it."""

    seen: list[tuple[KnownPlace, SeenCells]] = field(default_factory=list)
    found: list[tuple[KnownPlace, dict[int, int]]] = field(default_factory=list)
    kinds: Kinds = field(default_factory=Kinds)
    said: str = ""


@dataclass(frozen=True, eq=False)
class Telling:
    """Looks at cells that were not looked at yet, learns, and tells the kind of each."""

    kinds: Kinds
    places: tuple[KnownPlace, ...]
    lessons: tuple[Lesson, ...]

    def __call__(self, worker: Worker) -> Told:
        """Do it."""
        told = Told()
        for place in self.places:
            worker.check()
            told.seen.append((place, place.looked_at(worker)))
        kinds, rows, said = self._rows(told.seen)
        if not rows:
            return Told(told.seen, kinds=self.kinds, said=said)
        taught = [example for lesson in self.lessons if (example := lesson.now(rows)) is not None]
        gone = sum(lesson.gone for lesson in self.lessons)
        if gone:
            said += f"{gone} of the cells that were given a kind are gone; they do not teach. "
        kinds = kinds.model_copy(
            update={
                "examples": tuple(lesson.now(rows) or lesson.unknown for lesson in self.lessons)
            }
        )
        found: dict[KnownPlace, dict[int, int]] = {place: {} for place in rows}
        try:
            check_taught(kinds, taught)
        except InvalidInput as error:
            said += str(error)
            import sklearn.linear_model  # noqa: F401 - slow to load, and the next click needs it
        else:
            kinds = scaled(kinds, np.concatenate(list(rows.values())))
            for place, of_place in rows.items():
                kind_of = tell_kinds(kinds, taught, of_place).tolist()
                found[place] = dict(zip(place.table["id"].tolist(), kind_of, strict=True))
        for lesson in self.lessons:
            if lesson.place is not None and lesson.place in found:
                found[lesson.place][lesson.cell] = lesson.example.kind
        told.found.extend((place, of_cell) for place, of_cell in found.items() if of_cell)
        return Told(told.seen, told.found, kinds, said)

    def _rows(self, seen: list[tuple[KnownPlace, SeenCells]]) -> tuple[Kinds, _Rows, str]:
        """Return what is known of each cell, by place, and of which places not enough is."""
        kinds, rows, said = self.kinds, {}, ""
        if all(one.place for one in self.lessons if not one.gone):  # all can be looked at anew
            first = next((one.place for one in self.lessons if one.place), self.places[0])
            features = next(cells.features for place, cells in seen if place is first)
            update = {"columns": telling_columns(first.table), "features": features.shape[1]}
            kinds = kinds.model_copy(update=update)
        for place, cells in seen:
            try:
                rows[place] = rows_of(place.table, cells.features, kinds)
            except InvalidInput as error:
                said = f"{place.record.image.name}: {error} "
        return kinds, rows, said
