"""What finds and measures the cells of places, in a thread of its own."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from napari_unet.core.images.cutout import is_large
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.images.stack_intensity import as_stack
from napari_unet.core.io.scratch import zeros
from napari_unet.core.models.header import ModelHeader, background_output
from napari_unet.core.objects.label_instances import count_smaller
from napari_unet.core.objects.link import link
from napari_unet.core.objects.measure import Table
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.prediction.tile_probabilities import TileProbabilities, ids_of
from napari_unet.core.segmentation.pieces import Piece, nothing_to_find
from napari_unet.learner.remote_predictor import RemotePredictor
from napari_unet.widgets.cells.places import Key, place_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk.background import Worker
from napari_unet.widgets.layers.result_arrays import write_part

_SIDES = {2: 2048, 3: 256}  # of what is read at a time of a large place, in pixels
_LARGE = 2**27  # values
_PREDICTED = 0.7  # share of the progress


@dataclass(frozen=True, eq=False)
class Found:
    """The cells of a place; if there are none, how many pieces were too small."""

    key: Key
    ids: np.ndarray
    table: Table
    probabilities: np.ndarray | None
    classes: np.ndarray | None
    labels: np.ndarray
    smaller: int = 0


@dataclass(frozen=True, eq=False)
class Run:
    """What to find where; all that belongs to the window was read before.

    ``record``: which image. ``keys``: the places, in order. ``pieces``: what reads each of them.
    ``header``, ``settings``, ``linked``: of the model; how cells are found; whether they keep their
    id over time. ``factors``: by which the network sees the image resampled. ``spacing``, ``size``,
    ``unit``: of a pixel, to find and to measure. ``used``: the highest id that is taken.
    ``earlier``, ``previous``: where each place is one time before, and its cells where they are not
    found in this run. ``kept``: probabilities that are there already. ``predictor``: predicts the
    others; ``None`` leaves them out.
    """

    record: CellRecord
    keys: tuple[Key, ...]
    pieces: Mapping[Key, Any]
    header: ModelHeader
    settings: InstanceSettings
    linked: bool
    factors: tuple[float, float] | None
    spacing: tuple[float, ...]
    size: tuple[float, ...] | None
    unit: str | None
    used: int
    earlier: Mapping[Key, Key]
    previous: Mapping[Key, np.ndarray]
    kept: Mapping[Key, np.ndarray]
    predictor: RemotePredictor | None

    def __call__(
        self,
        worker: Worker,
        progressed: Callable[[float], None],
        found: Callable[[Found], None],
    ) -> int:
        """Do it; return how many places were left out, as their probabilities are not kept."""
        used, left_out = self.used, 0
        if self.predictor is not None:
            worker.on_stop(self.predictor.stop)
        last = dict(self.previous)
        for number, key in enumerate(self.keys):
            worker.check()

            def tell(share: float, number: int = number) -> None:
                worker.tell(partial(progressed, (number + share) / len(self.keys)))

            probabilities = self._probabilities(key, tell)
            if probabilities is None:
                left_out += 1
                continue
            ids = self._ids(worker, key, probabilities, used, last)
            highest = int(ids.max(initial=0))
            smaller = 0 if highest else self._smaller(worker, probabilities, ids)
            used = max(used, highest)
            if self.linked:
                last[key] = ids
            tell((1 + _PREDICTED) / 2)
            classes = self.record.class_map(probabilities)
            table = worker.finder.measure(
                ids,
                np.asarray(whole_plane(self.pieces[key])),
                pixel_size=self.size,
                unit=self.unit,
                classes=classes,
            )
            if not self.record.editable:
                worker.check()
                write_part(self.record.layer, place_of(key), None, ids)
            labels = ids_of(probabilities, self.header.class_ids)
            there = Found(key, ids, table, probabilities, classes, labels, smaller)
            worker.tell(partial(found, there))
        return left_out

    def _probabilities(self, key: Key, tell: Callable[[float], None]) -> np.ndarray | None:
        if self.predictor is None:
            return self.kept.get(key)
        together = self.header.scaling.way == "stack"
        seen = as_stack(self.pieces[key]) if together else self.pieces[key]
        piece = Piece(seen, {}, self.factors)
        shape = tuple(seen.shape[1:])
        out = zeros((len(self.header.classes), *shape), np.float32)
        if piece.is_constant:
            if len(self.keys) == 1:
                raise nothing_to_find(piece.intensities()[0].ground)
            out[background_output(self.header) or 0] = 1
            return out
        for part in self.predictor(piece, None):
            if isinstance(part, TileProbabilities):
                where, values = piece.put_back(part)
                out[(slice(None), *(where[letter] for letter in "ZYX"[-len(shape) :]))] = values
                tell(_PREDICTED * part.fraction)
        return out

    def _ids(
        self,
        worker: Worker,
        key: Key,
        probabilities: np.ndarray,
        used: int,
        last: Mapping[Key, np.ndarray],
    ) -> np.ndarray:
        ids = zeros(probabilities.shape[1:], np.int32)
        worker.finder(
            probabilities,
            background_output(self.header),
            self.settings,
            spacing=self.spacing,
            chunk=_chunk(probabilities),
            out=ids,
        )
        earlier = self.earlier.get(key)
        if earlier is not None and earlier in last:
            return link(last[earlier], ids, unused=used + 1)
        ids[ids > 0] += used
        return ids

    def _smaller(self, worker: Worker, probabilities: np.ndarray, ids: np.ndarray) -> int:
        return count_smaller(
            probabilities,
            background_output(self.header),
            self.settings,
            chunk=_chunk(probabilities),
            out=ids,
            find=worker.finder,
        )


def _chunk(probabilities: np.ndarray) -> int | None:
    """Return the side of what is read at a time, (K, *axes); ``None`` for everything at once."""
    shape = probabilities.shape[1:]
    return _SIDES[len(shape)] if probabilities.size > _LARGE or is_large(shape) else None


@dataclass(frozen=True, eq=False)
class There:
    """Measures the cells of a place that are in a layer already."""

    ids: np.ndarray
    piece: Any
    size: tuple[float, ...] | None
    unit: str | None

    def __call__(self, worker: Worker) -> Table:
        """Do it."""
        pixels = np.asarray(whole_plane(self.piece))
        ids = np.array(self.ids)
        return worker.finder.measure(ids, pixels, pixel_size=self.size, unit=self.unit)
