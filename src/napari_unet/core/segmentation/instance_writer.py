"""Objects of an image whose class probabilities come tile by tile, written where results go."""

from collections.abc import Callable
from functools import partial
from math import prod
from pathlib import Path
from typing import Any, Self

import numpy as np

from napari_unet.core.io.result import Result
from napari_unet.core.io.scratch import on_disk
from napari_unet.core.models.header import ModelHeader, background_output
from napari_unet.core.objects.components import Writable, chunks
from napari_unet.core.objects.label_instances import (
    DEFAULTS,
    FindObjects,
    count_smaller,
    label_instances,
)
from napari_unet.core.objects.split_touching import InstanceSettings

MOST_IN_MEMORY = 2**29  # bytes of the probabilities of one piece; larger ones go to disk
_SIDES = {2: 2048, 3: 256}  # of what is read at a time of a piece on disk, in pixels

Lead = tuple[int, ...]
OnPiece = Callable[[Lead, Writable, Writable], None]


class ObjectsInto:
    """Takes probabilities where ``array`` takes ids, int32, and turns them into objects.

    Each plane, or for a model of volumes each volume, is a piece whose objects are found once all
    its probabilities, (K, *axes), are assigned, by the result's index: when the next piece begins,
    or the ``with`` block ends without an error. No id is in two pieces. A piece that is large is
    kept in a file that has no name, in ``folder`` or where temporary files go. ``on_piece`` is
    called with each piece that is complete: its index along the axes before it, its ids, and its
    probabilities. ``smaller``: how many pieces were too small to be objects, as long as there is no
    object.
    """

    def __init__(
        self,
        array: Any,
        result: Result,
        header: ModelHeader,
        *,
        folder: Path | None = None,
        settings: InstanceSettings = DEFAULTS,
        on_piece: OnPiece | None = None,
        find: FindObjects = label_instances,
    ) -> None:
        ndim = header.network.ndim
        self._array, self._settings, self._on_piece = array, settings, on_piece
        self._find = find
        self._background = background_output(header)
        self._spacing = _spacing(result, header)
        shape = result.shape[-ndim:]
        values = len(header.classes) * prod(shape)
        large = 4 * values > MOST_IN_MEMORY
        self._side = _SIDES[ndim] if large else None
        room = partial(on_disk, folder=folder, reserve=True) if large else np.zeros
        self._probabilities: np.ndarray = room((len(header.classes), *shape), np.float32)
        self._ids: np.ndarray = room(shape, np.int32)
        self._lead: Lead | None = None
        self._used = 0
        self.smaller = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._finish()

    def __setitem__(self, index: tuple[Any, ...], probabilities: np.ndarray) -> None:
        before = len(index) - self._ids.ndim
        lead = tuple(int(number) for number in index[:before])
        if lead != self._lead:
            self._finish()
            self._lead = lead
        self._probabilities[(slice(None), *index[before:])] = probabilities

    def _finish(self) -> None:
        """Find the objects of the piece that is there, and write them."""
        if self._lead is None:
            return
        self._find(
            self._probabilities,
            self._background,
            self._settings,
            spacing=self._spacing,
            chunk=self._side,
            out=self._ids,
        )
        self._count_smaller()
        highest = self._used
        for box in chunks(self._ids.shape, self._side):
            ids = self._ids[box]
            ids[ids > 0] += self._used
            highest = max(highest, int(ids.max()))
            self._array[(*self._lead, *box)] = ids
        self._used = highest
        if self._on_piece is not None:
            self._on_piece(self._lead, self._ids, self._probabilities)
        self._lead = None

    def _count_smaller(self) -> None:
        """Know of pieces that vanish, unless there are objects: then they are specks."""
        parts = chunks(self._ids.shape, self._side)
        if self._used or any(np.asarray(self._ids[box]).any() for box in parts):
            self.smaller = 0
            return
        self.smaller += count_smaller(
            self._probabilities,
            self._background,
            self._settings,
            chunk=self._side,
            out=self._ids,
            find=self._find,
        )


def _spacing(result: Result, header: ModelHeader) -> tuple[float, ...] | None:
    """Return the size of the image's pixels, or else of those that the model was trained on."""
    found, _ = result.measure_of("ZYX"[-header.network.ndim :])
    size = found or header.pixel_size
    return size if size is not None and len(size) == header.network.ndim else None
