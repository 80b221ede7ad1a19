"""Quantities of a field, a plane or a volume: cells, area of each class, brightness."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import nan, prod
from typing import Any

import numpy as np

from napari_unet.core.images.normalise import not_imaged
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.objects.measure import Table

Row = dict[str, float]
CELLS, ALL_CELLS = "cells", "all cells"  # how many; what their area is called


@dataclass(frozen=True, eq=False)
class FieldPart:
    """A part of a field: (C, *axes) pixels as stored, (*axes) class ids and ids of cells."""

    pixels: np.ndarray
    classes: np.ndarray | None = None
    cells: np.ndarray | None = None


def field_quantities(
    parts: Iterable[FieldPart],
    classes: Sequence[ClassInfo] = (),
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    ndim: int = 2,
) -> Row:
    """Return what there is to say of a field, a column a quantity.

    The parts are those of the field, in any order, each pixel in one of them. Pixels that are not
    finite in every channel were not imaged and count nowhere.

    - ``imaged area`` in 2D, ``imaged volume`` in 3D;
    - ``NAME area``, ``NAME fraction`` of what was imaged, and ``NAME intensity mean``, with
      several channels ``NAME intensity 1 mean`` and so on, of each class;
    - ``cells``, how many ids there are but 0, and the same of ``all cells`` as of a class.

    Areas and volumes have their unit in their name, as in ``area (µm²)``; without a pixel size
    along each axis it is pixels. NaN for a share of nothing and the mean of no pixel.
    """
    names, total, ids = _names(classes), 0, set[int]()
    pixels: dict[str, int] = {}
    sums: dict[str, np.ndarray] = {}
    for part in parts:
        missing = not_imaged(part.pixels)
        imaged = np.ones(part.pixels.shape[1:], bool) if missing is None else ~missing
        total += int(np.count_nonzero(imaged))
        regions: dict[str, np.ndarray] = {}
        if part.cells is not None:
            regions[ALL_CELLS] = part.cells > 0
            ids.update(np.unique(part.cells[imaged & regions[ALL_CELLS]]).tolist())
        if part.classes is not None:
            regions |= {name: part.classes == one for name, one in names.items()}
        for name, region in regions.items():
            inside = imaged & region
            values = part.pixels[:, inside].sum(axis=1, dtype=np.float64)
            pixels[name] = pixels.get(name, 0) + int(np.count_nonzero(inside))
            sums[name] = sums.get(name, np.zeros(len(values))) + values
    size = 1.0 if pixel_size is None else prod(pixel_size)
    what, power = ("area", "²") if ndim == 2 else ("volume", "³")
    sign = f"({'px' if pixel_size is None else unit or 'units'}{power})"
    row: Row = {f"imaged {what} {sign}": total * size}
    if ALL_CELLS in pixels:
        row[CELLS] = len(ids)
    for name, count in pixels.items():
        row[f"{name} {what} {sign}"] = count * size
        row[f"{name} fraction"] = count / total if total else nan
        for number, bright in enumerate(sums[name].tolist(), start=1):
            channel = "intensity" if len(sums[name]) == 1 else f"intensity {number}"
            row[f"{name} {channel} mean"] = bright / count if count else nan
    return row


def said_of_fields(rows: Sequence[Row]) -> str:
    """Say in a few words what was found in the fields of an image: ``312 cells``."""
    known = [row[CELLS] for row in rows if CELLS in row]
    return f"{int(sum(known)):,} cells" if known else ""


def _names(classes: Sequence[ClassInfo]) -> dict[str, int]:
    """Return what tells each class from the others, and its id: its name, with the id if twice."""
    known = Counter(entry.name for entry in classes)
    return {
        entry.name if known[entry.name] == 1 else f"{entry.name} {entry.id}": entry.id
        for entry in classes
    }


def joined(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Return rows as a table with all columns that any of them has; NaN where it has none."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: np.array([row.get(name, nan) for row in rows], object) for name in names}
