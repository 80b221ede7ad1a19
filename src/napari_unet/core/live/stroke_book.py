"""Strokes of a person over time: what is new, what went, and what is held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

_EIGHT_NEIGHBOURS = np.ones((3, 3), dtype=bool)
# Of each class every sixth stroke is held out, once there are enough to learn from the others.
_HELD_OUT_EVERY = 6
_FIRST_HELD_OUT = 5


@dataclass(frozen=True)
class Stroke:
    """Newly painted pixels of one class that hang together.

    Attributes
    ----------
    number
        Of the stroke they belong to, from 1; a stroke that is painted on keeps its number.
    image
        Index of the image.
    class_id
        As painted.
    rows, columns
        (N,) where.
    """

    number: int
    image: int
    class_id: int
    rows: np.ndarray
    columns: np.ndarray


class StrokeBook:
    """Which pixel of which image belongs to which stroke.

    A stroke is held out whole or not at all, from its first pixel on. Erased pixels are forgotten.

    Attributes
    ----------
    labels
        Of each image, (Y, X) uint16 class ids.
    numbers
        Of each image, (Y, X) int32, the number of the stroke at each painted pixel.
    newest
        Of each image, (Y, X) bool: what was painted last.
    revoked
        Lowest number of a stroke that lost pixels since this was set to ``None``.
    """

    def __init__(self) -> None:
        self.labels: list[np.ndarray] = []
        self.numbers: list[np.ndarray] = []
        self.newest: list[np.ndarray] = []
        self._held_out: set[int] = set()
        self._count = 0
        self._begun: dict[int, int] = {}
        self._class_ids: list[int] | None = None
        self.revoked: int | None = None

    @property
    def count(self) -> int:
        """Number of the latest stroke, erased ones included."""
        return self._count

    def add_image(self, shape: tuple[int, int]) -> int:
        """Take in an image of that size; return its index."""
        self.labels.append(np.zeros(shape, dtype=np.uint16))
        self.numbers.append(np.zeros(shape, dtype=np.int32))
        self.newest.append(np.zeros(shape, dtype=bool))
        return len(self.labels) - 1

    def update(self, image: int, labels: np.ndarray) -> list[Stroke] | None:
        """Take in an image's labels as they are now.

        Parameters
        ----------
        image
            Its index.
        labels
            (Y, X) class ids, 0 unpainted.

        Returns
        -------
        list of Stroke or None
            What is newly painted; ``None`` if nothing has changed at all.
        """
        before, numbers = self.labels[image], self.numbers[image]
        changed = labels != before
        if not changed.any():
            return None
        self._class_ids = None
        box = bounding_box(changed)
        lost = numbers[box][changed[box] & (before[box] > 0)]
        if lost.size:
            self.revoked = min(int(lost.min()), self.revoked or int(lost.min()))
        numbers[box][changed[box]] = 0
        before[box] = labels[box]
        new: list[Stroke] = []
        for class_id in np.unique(labels[box][changed[box]]):
            if class_id > 0:
                new += self._new_strokes(image, int(class_id), box, changed)
        return new

    def _new_strokes(
        self, image: int, class_id: int, box: tuple[slice, slice], changed: np.ndarray
    ) -> list[Stroke]:
        labels, numbers = self.labels[image], self.numbers[image]
        pieces, count = ndimage.label(
            changed[box] & (labels[box] == class_id), structure=_EIGHT_NEIGHBOURS
        )
        found = []
        for piece in range(1, count + 1):
            rows, columns = np.nonzero(pieces == piece)
            rows, columns = rows + box[0].start, columns + box[1].start
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
        labels, numbers = self.labels[image], self.numbers[image]
        for down in (-1, 0, 1):
            for right in (-1, 0, 1):
                r = (rows + down).clip(0, labels.shape[0] - 1)
                c = (columns + right).clip(0, labels.shape[1] - 1)
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
        for number in sorted(self._held_out, reverse=True):
            for image, numbers in enumerate(self.numbers):
                rows, columns = np.nonzero(numbers == number)
                if len(rows) and len(found) < most:
                    class_id = int(self.labels[image][rows[0], columns[0]])
                    found.append(Stroke(number, image, class_id, rows, columns))
        return found

    def class_ids(self) -> list[int]:
        """Return the classes that have pixels to train on, ascending."""
        if self._class_ids is None:
            ids: set[int] = set()
            for image, labels in enumerate(self.labels):
                ids |= set(np.unique(labels[(labels > 0) & ~self.held_out(image)]).tolist())
            self._class_ids = sorted(ids)
        return self._class_ids


def bounding_box(mask: np.ndarray, *, grown_by: int = 0) -> tuple[slice, slice]:
    """Return the rows and columns that hold a mask's true pixels, and some around them."""
    box = []
    for axis in (1, 0):
        found = np.flatnonzero(mask.any(axis=axis))
        start, stop = int(found[0]) - grown_by, int(found[-1]) + 1 + grown_by
        box.append(slice(max(0, start), min(stop, mask.shape[1 - axis])))
    return box[0], box[1]
