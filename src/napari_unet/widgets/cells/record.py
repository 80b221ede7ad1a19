"""What is known of the cells of one image."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from napari.layers import Image, Labels

from napari_unet.core.images.box import Box
from napari_unet.core.labels.classes import ClassInfo, background_id
from napari_unet.core.models.header import ModelHeader, background_output
from napari_unet.core.objects.cell_features import SeenCells
from napari_unet.core.objects.edit import box_around, boxes_of, hull_of, mask_of
from napari_unet.core.objects.kinds import KIND
from napari_unet.core.objects.measure import Table
from napari_unet.widgets.cells.places import Key, lead_names, place_of

MOST_KEPT = 2**30  # bytes of probabilities


@dataclass(eq=False)
class CellRecord:
    """The cells of an image, as they were found, as they are now, and what was measured.

    ``image``, ``layer``: the image, and the labels layer with its cells. ``ndim``: 2 if cells are
    found plane by plane, 3 volume by volume. ``meaning``: what the image was taken as. ``header``:
    of the model; ``None`` for cells that were there already. ``tables``: for each place what was
    measured. ``probabilities``: for each place (K, *axes), the latest of up to 1 GiB. ``classes``:
    for each place the class id of each pixel if it is a cell's, where there are several.
    ``labels``: for each place that was predicted the class id of each pixel, 0 where nothing was
    imaged. ``smaller``: for each place without a cell, how many pieces were too small to be one.
    ``earlier``: places that were corrected when the layer had another record: before the dock was
    closed, or the image taken otherwise. ``seen_cells``, ``kinds``, ``kind_names``: for each place
    what the encoder sees of its cells, and the kind of each; what those are called. ``found``,
    ``seen``: for places that are or were looked at: ids as they were found, and when last measured;
    one and the same array where nothing was corrected. ``differing``, ``boxes``: for places that
    were edited: of how many pixels those two differ, and a box around each cell, which may be wider
    than it is.
    """

    image: Image
    layer: Labels
    ndim: int
    meaning: tuple[object, ...]
    header: ModelHeader | None = None
    tables: dict[Key, Table] = field(default_factory=dict)
    probabilities: dict[Key, np.ndarray] = field(default_factory=dict)
    classes: dict[Key, np.ndarray] = field(default_factory=dict)
    labels: dict[Key, np.ndarray] = field(default_factory=dict)
    smaller: dict[Key, int] = field(default_factory=dict)
    earlier: set[Key] = field(default_factory=set)
    seen_cells: dict[Key, SeenCells] = field(default_factory=dict)
    kinds: dict[Key, dict[int, int]] = field(default_factory=dict)
    kind_names: dict[int, str] = field(default_factory=dict)
    found: dict[Key, np.ndarray] = field(default_factory=dict)
    seen: dict[Key, np.ndarray] = field(default_factory=dict)
    differing: dict[Key, int] = field(default_factory=dict)
    boxes: dict[Key, dict[int, Box]] = field(default_factory=dict)

    @property
    def editable(self) -> bool:
        """Whether napari's tools work on the layer."""
        return not self.layer.multiscale

    @property
    def object_classes(self) -> tuple[ClassInfo, ...]:
        """The classes of objects."""
        if self.header is None:
            return ()
        background = background_id(self.header.label_kind)
        return tuple(entry for entry in self.header.classes if entry.id != background)

    def ids(self, key: Key) -> np.ndarray:
        """Return the cells of a place as they are now, a view of the layer's data."""
        data = self.layer.data[0] if self.layer.multiscale else self.layer.data
        return np.asarray(data[place_of(key)])

    def highest(self, without: frozenset[Key] = frozenset()) -> int:
        """Return the highest id that was measured, or is known to be, in all other places."""
        return max(
            (
                int(table["id"].max(initial=0))
                for key, table in self.tables.items()
                if key not in without
            ),
            default=0,
        )

    def keep(self, key: Key, probabilities: np.ndarray) -> None:
        """Keep probabilities, and forget the oldest where there are too many."""
        self.probabilities.pop(key, None)
        self.probabilities[key] = probabilities
        while (
            len(self.probabilities) > 1
            and sum(kept.nbytes for kept in self.probabilities.values()) > MOST_KEPT
        ):
            del self.probabilities[next(iter(self.probabilities))]

    def class_map(self, probabilities: np.ndarray) -> np.ndarray | None:
        """Return the class id of each pixel if it is an object's; ``None`` where there is one."""
        if self.header is None or len(self.object_classes) < 2:
            return None
        background = background_output(self.header)
        outputs = [k for k in range(len(probabilities)) if k != background]
        ids = self.header.class_ids[outputs]
        return ids[np.argmax(probabilities[outputs], axis=0)]

    def class_ids(self, key: Key) -> dict[int, int]:
        """Return the class of each cell of a place, 0 where it is not known."""
        table = self.tables.get(key, {})
        ids = table.get("id", np.zeros(0, int)).tolist()
        if "class" in table:
            return dict(zip(ids, table["class"].tolist(), strict=True))
        classes = self.object_classes
        return dict.fromkeys(ids, classes[0].id if classes else 0)

    def place_found(
        self, key: Key, table: Table, classes: np.ndarray | None, smaller: int = 0
    ) -> None:
        """Take in what was found in a place."""
        self.tables[key] = table
        self.earlier.discard(key)
        self.smaller[key] = smaller
        self.found.pop(key, None)
        self.seen.pop(key, None)
        self.boxes.pop(key, None)
        self.seen_cells.pop(key, None)
        self.kinds.pop(key, None)
        if classes is None:
            self.classes.pop(key, None)
        else:
            self.classes[key] = classes

    def take_in(self, key: Key, box: Box) -> set[int]:
        """Take in what was edited in a box of a place; returns the cells that were touched."""
        now, before = self.ids(key)[box], self.seen[key][box]
        changed = now != before
        if not changed.any():
            return set()
        touched = {int(i) for i in (*np.unique(now[changed]), *np.unique(before[changed]))} - {0}
        found = self.found[key]
        if self.seen[key] is found:
            self.seen[key], self.differing[key] = np.array(found), 0
        self.differing[key] += int(np.count_nonzero(now != found[box]))
        self.differing[key] -= int(np.count_nonzero(before != found[box]))
        self.seen[key][box] = now
        if self.differing[key] == 0:
            self.seen[key] = found
        starts = [span.indices(length)[0] for span, length in zip(box, found.shape, strict=True)]
        around = _within(starts, box_around(changed, margin=0) or ())
        if key not in self.boxes:
            self.boxes[key] = boxes_of(self.seen[key])
        for cell in touched:
            self.boxes[key][cell] = hull_of(
                [self.boxes[key].get(cell, around), around], found.shape
            )
        return touched

    def box_of(self, key: Key, cells: set[int]) -> Box | None:
        """Return the box of some cells of a place, a pixel wider; ``None`` if they are gone."""
        boxes = self.boxes[key]
        known = [boxes[cell] for cell in cells if cell in boxes]
        if not known:
            return None
        region = hull_of(known, self.seen[key].shape)
        inner = box_around(mask_of(self.seen[key][region], cells))
        return inner and _within([span.start for span in region], inner)

    def corrected(self, key: Key) -> set[int]:
        """Return the cells of a place that are not as they were found."""
        if key not in self.found or self.found[key] is self.seen[key]:
            return set()
        found, now = self.found[key], self.seen[key]
        changed = found != now
        present = set(self.tables[key]["id"].tolist()) if key in self.tables else set()
        return {int(i) for i in (*np.unique(found[changed]), *np.unique(now[changed]))} & present

    def erased(self, key: Key) -> np.ndarray | None:
        """Return where cells were taken away in a place; ``None`` if nothing was changed."""
        if key not in self.found or self.found[key] is self.seen[key]:
            return None
        return (self.found[key] > 0) & (self.seen[key] == 0)

    @property
    def corrections(self) -> list[Key]:
        """The places where cells are not as they were found."""
        now = [key for key in self.found if self.found[key] is not self.seen[key]]
        return [*now, *(key for key in self.earlier if key not in now)]

    @property
    def keys(self) -> list[Key]:
        """The places that were measured, in order."""
        return sorted(self.tables, key=lambda key: tuple(-1 if at is None else at for at in key))

    def rows(self) -> tuple[Table, list[Key], np.ndarray]:
        """Return all measurements as one table, the places, and which of them each row is of."""
        keys = self.keys
        tables = [self.tables[key] for key in keys]
        counts = [len(table["id"]) for table in tables]
        number = np.repeat(np.arange(len(keys)), counts)
        if not keys:
            return {"id": np.zeros(0, np.int64)}, keys, number
        lead: Table = {}
        for name in lead_names(self.image, keys[0]):
            lead[name] = np.array([lead_names(self.image, key)[name] for key in keys])[number]
        names = [name for name in tables[0] if all(name in table for table in tables)]
        columns = {name: np.concatenate([table[name] for table in tables]) for name in names}
        if self.kinds:
            first = {name: columns.pop(name) for name in ("id", "class") if name in columns}
            columns = first | {KIND: np.concatenate([self.kinds_in(key) for key in keys])} | columns
        return lead | columns, keys, number

    def kinds_in(self, key: Key) -> np.ndarray:
        """Return the name of each cell's kind, in the order of its table; empty if not known."""
        found, ids = self.kinds.get(key, {}), self.tables[key]["id"].tolist()
        return np.array([self.kind_names.get(found.get(cell, 0), "") for cell in ids], str)


def _within(starts: Sequence[int], box: Box) -> Box:
    """Return the box of a part as one of the whole; the part begins at ``starts``."""
    pairs = zip(starts, box, strict=True)
    return tuple(slice(start + span.start, start + span.stop) for start, span in pairs)
