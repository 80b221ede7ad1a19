"""Strokes of a person over time: what is new, what went, and what is held out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
from scipy import ndimage

from napari_unet.core.images.box import Tile
from napari_unet.core.labels.across_planes import Place, are_beside

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)
_STEPS = np.array([[-1], [0], [1]])
# Of each class every sixth stroke is held out, once there are enough to learn from the others.
_HELD_OUT_EVERY = 6
_FIRST_HELD_OUT = 5


@dataclass(frozen=True)
class Stroke:
    """Newly painted pixels of one class that hang together.

    A stroke that is painted on keeps its number, from 1; rows and columns are (N,).
    """

    number: int
    image: int
    class_id: int
    rows: np.ndarray
    columns: np.ndarray


class StrokeBook:
    """Which pixel of which image belongs to which stroke.

    A stroke is held out whole or not at all, from its first pixel on, also where it goes on in the
    next plane of a stack. Erased pixels are forgotten. Of each image, (Y, X): ``labels`` uint16
    class ids, ``numbers`` int32, of the stroke at each painted pixel, ``newest`` bool, what was
    painted last. ``revoked`` is the lowest number of a stroke that lost pixels since this was set
    to ``None``.
    """

    def __init__(self) -> None:
        self.labels: list[np.ndarray] = []
        self.numbers: list[np.ndarray] = []
        self.newest: list[np.ndarray] = []
        self._places: list[tuple[Place, tuple[int, int]]] = []
        self._beside: list[list[int]] = []  # of each image, those that lie beside it
        self._held_out: set[int] = set()
        self._count = 0
        self._begun: dict[int, int] = {}
        self._class_ids: list[int] | None = None
        self.revoked: int | None = None

    @property
    def count(self) -> int:
        """Number of the latest stroke, erased ones included."""
        return self._count

    def add_image(
        self, shape: tuple[int, int], place: Place | None = None, origin: tuple[int, int] = (0, 0)
    ) -> int:
        """Take in an image of that size; return its index.

        Place and origin are of a plane of a stack, or a part of one; without them it is an image of
        its own.
        """
        index = len(self.labels)
        place = (index, ()) if place is None else place
        beside = [other for other in range(index) if are_beside(place, self._places[other][0])]
        for other in beside:
            self._beside[other].append(index)
        self._beside.append(beside)
        self._places.append((place, origin))
        self.labels.append(np.zeros(shape, dtype=np.uint16))
        self.numbers.append(np.zeros(shape, dtype=np.int32))
        self.newest.append(np.zeros(shape, dtype=bool))
        return index

    def position(self, image: int, at: Sequence[int]) -> tuple[int, ...]:
        """Return where a pixel, (row, column), of an image is in its stack."""
        (_, lead), (top, left) = self._places[image]
        return (*lead, at[0] + top, at[1] + left)

    def update(
        self, image: int, labels: np.ndarray, part: Tile | None = None
    ) -> list[Stroke] | None:
        """Take in the labels of an image, or of a part of it, as they are now.

        Labels are (Y, X) class ids, 0 unpainted. Gives what is newly painted; ``None`` if nothing
        has changed at all.
        """
        part = part or Tile.whole(self.labels[image].shape)
        before, numbers = self.labels[image][part.slices], self.numbers[image][part.slices]
        changed = labels != before
        if not changed.any():
            return None
        self._class_ids = None
        lost = numbers[changed & (before > 0)]
        if lost.size:
            self.revoked = min(int(lost.min()), self.revoked or int(lost.min()))
        numbers[changed] = 0
        before[changed] = labels[changed]
        new: list[Stroke] = []
        for class_id in np.unique(labels[changed]):
            if class_id > 0:
                new += self._new_strokes(image, part, int(class_id), changed & (labels == class_id))
        return new

    def _new_strokes(
        self, image: int, part: Tile, class_id: int, painted: np.ndarray
    ) -> list[Stroke]:
        numbers, box = self.numbers[image], bounding_box(painted)
        top, left = (p[0] + b.start for p, b in zip(part.ranges, box, strict=True))
        pieces, _ = ndimage.label(painted[box], structure=_EIGHT_NEIGHBOURS)
        found = []
        for _, rows, columns in _by_value(pieces):
            rows, columns = rows + top, columns + left
            number = self._number_beside(image, class_id, rows, columns)
            if number == 0:
                number = self._begin(class_id)
            numbers[rows, columns] = number
            found.append(Stroke(number, image, class_id, rows, columns))
        return found

    def _begin(self, class_id: int) -> int:
        self._count += 1
        begun = self._begun.get(class_id, 0) + 1
        self._begun[class_id] = begun
        if begun >= _FIRST_HELD_OUT and (begun - _FIRST_HELD_OUT) % _HELD_OUT_EVERY == 0:
            self._held_out.add(self._count)
        return self._count

    def _number_beside(
        self, image: int, class_id: int, rows: np.ndarray, columns: np.ndarray
    ) -> int:
        """Return the number of a stroke of the class that the pixels touch, or 0."""
        for other in (image, *self._beside[image]):
            labels, numbers = self.labels[other], self.numbers[other]
            down, right = np.subtract(self._places[image][1], self._places[other][1])
            for r, c in product(rows + down + _STEPS, columns + right + _STEPS):
                inside = (r >= 0) & (r < labels.shape[0]) & (c >= 0) & (c < labels.shape[1])
                r, c = r[inside], c[inside]
                touched = numbers[r, c][labels[r, c] == class_id]
                if touched.any():
                    return int(touched.max())
        return 0

    def mark_newest(self, strokes: Sequence[Stroke]) -> None:
        """Count strokes as those that were painted last."""
        for stroke in strokes:
            self.newest[stroke.image][stroke.rows, stroke.columns] = True

    def forget_newest(self) -> None:
        """Count no stroke as painted last."""
        for mask in self.newest:
            mask[:] = False

    def held_out(self, image: int) -> np.ndarray:
        """Return which painted pixels of an image are held out, (Y, X) bool."""
        return np.isin(self.numbers[image], list(self._held_out))

    def held_out_strokes(self, most: int) -> list[Stroke]:
        """Return the latest strokes that are held out and not erased, at most so many."""
        found: list[Stroke] = []
        for image, numbers in enumerate(self.numbers):
            for number, rows, columns in _by_value(np.where(self.held_out(image), numbers, 0)):
                class_id = int(self.labels[image][rows[0], columns[0]])
                found.append(Stroke(number, image, class_id, rows, columns))
        return sorted(found, key=lambda stroke: (-stroke.number, stroke.image))[:most]

    def class_ids(self) -> list[int]:
        """Return the classes that have pixels to train on, ascending."""
        if self._class_ids is None:
            ids: set[int] = set()
            for image, labels in enumerate(self.labels):
                ids |= set(np.unique(labels[(labels > 0) & ~self.held_out(image)]).tolist())
            self._class_ids = sorted(ids)
        return self._class_ids


def _by_value(numbers: np.ndarray) -> Iterator[tuple[int, np.ndarray, np.ndarray]]:
    """Yield each number above 0 of a plane, ascending, with the rows and columns that have it."""
    rows, columns = np.nonzero(numbers)
    values = numbers[rows, columns]
    order = np.argsort(values, kind="stable")
    found, starts = np.unique(values[order], return_index=True)
    for number, start, stop in zip(found, starts, [*starts[1:], len(order)], strict=False):
        at = order[start:stop]
        yield int(number), rows[at], columns[at]


def bounding_box(mask: np.ndarray, *, grown_by: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns that hold a mask's true pixels, and some around them."""
    box = []
    for axis in (1, 0):
        found = np.flatnonzero(mask.any(axis=axis))
        start, stop = int(found[0]) - grown_by, int(found[-1]) + 1 + grown_by
        box.append(slice(max(0, start), min(stop, mask.shape[1 - axis])))
    return box[0], box[1]
