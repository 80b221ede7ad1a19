"""The quantities of each field of the chosen image: its planes or volumes with cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.objects.measure import Table
from napari_unet.core.objects.quantities import FieldPart, field_quantities, joined
from napari_unet.widgets.cells.places import Key, lead_names, measure_of, place_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk.background import Worker
from napari_unet.widgets.layers.picture import picture_of


@dataclass(frozen=True, eq=False)
class FieldRows:
    """Measures the fields of an image beside the window; what belongs to that was read before."""

    names: Mapping[Key, dict[str, int]]
    pieces: Mapping[Key, Any]
    ids: Mapping[Key, np.ndarray]
    labels: Mapping[Key, np.ndarray]
    kinds: Mapping[Key, dict[str, int]]
    classes: tuple[ClassInfo, ...]
    size: tuple[float, ...] | None
    unit: str | None
    ndim: int

    def __call__(self, worker: Worker) -> Table:
        """Do it."""
        rows = []
        for key, piece in self.pieces.items():
            worker.check()
            part = FieldPart(whole_plane(piece), self.labels.get(key), self.ids[key])
            found = field_quantities(
                [part], self.classes, pixel_size=self.size, unit=self.unit, ndim=self.ndim
            )
            rows.append(self.names[key] | found | self.kinds.get(key, {}))
        return joined(rows)


def field_rows(record: CellRecord) -> FieldRows:
    """Return what measures the fields of cells that are known."""
    image, keys = record.image, record.keys
    size, unit = measure_of(image, record.ndim)
    return FieldRows(
        names={key: lead_names(image, key) for key in keys},
        pieces={key: picture_of(image).piece(place_of(key)) for key in keys},
        ids={key: record.ids(key).copy() for key in keys},
        labels={key: record.labels[key] for key in keys if key in record.labels},
        kinds={key: _counts(record, key) for key in keys if record.kinds},
        classes=() if record.header is None else record.header.classes,
        size=size,
        unit=unit,
        ndim=record.ndim,
    )


def _counts(record: CellRecord, key: Key) -> dict[str, int]:
    """Return how many cells of each kind a place has."""
    counts = Counter(record.kinds_in(key).tolist())
    return {f"{name} cells": counts[name] for name in record.kind_names.values()}
