"""``napari-unet cells``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.commands.pairs import check_pairs
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.images.units import sign
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.io.open_image import open_image, read_labels
from napari_unet.core.objects.cell_features import cell_features
from napari_unet.core.objects.kinds import KIND, Kinds, read_kinds, rows_of, tell_kinds
from napari_unet.core.objects.measure import Table, measure, write_csv
from napari_unet.core.objects.quantities import FieldPart, field_quantities, joined
from napari_unet.core.segmentation.measure_pieces import LEAD_NAMES
from napari_unet.core.segmentation.result_paths import stem_of
from napari_unet.errors import InvalidInput


def run(images: Sequence[Path], cells: Sequence[Path], output: Path, kinds: Path | None) -> None:
    """Measure cells that are in files of ids, and say the kind of each.

    Writes ``NAME_cells.csv`` with a row a cell and ``NAME_fields.csv`` with a row a plane.
    """
    if len(images) != len(cells):
        raise InvalidInput(
            f"{len(images)} images and {len(cells)} files of cells were given; give one of each, "
            "in the same order."
        )
    check_pairs(cells, images)
    known = None if kinds is None else read_kinds(kinds)
    make_folder(output)
    for image, ids in zip(images, cells, strict=True):
        with open_image(image) as source:
            tables, fields = _of_image(source, read_labels(ids), known, str(image))
        names = tables[0]
        table = {name: np.concatenate([one[name] for one in tables]) for name in names}
        write_csv(output / f"{stem_of(image)}_cells.csv", table)
        write_csv(output / f"{stem_of(image)}_fields.csv", joined(fields))
        counts = Counter(table.get(KIND, np.zeros(0, str)).tolist())
        told = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items()))
        print(f"{image}: {len(table['id']):,} cells{': ' * bool(told)}{told}")


def _of_image(
    source: ImageSource, ids: np.ndarray, kinds: Kinds | None, name: str
) -> tuple[list[Table], list[dict[str, Any]]]:
    """Return a table of cells and a row of quantities a plane."""
    shape = (*source.lead, *source.plane_shape())
    if ids.shape != shape:
        raise InvalidInput(
            f"the cells have the shape {ids.shape} and the planes of {name} {shape}; give the "
            "cells of the same image."
        )
    size, unit = None, None
    if {"Y", "X"} <= set(source.pixel_size):
        size, unit = (source.pixel_size["Y"], source.pixel_size["X"]), source.units.get("X")
        unit = sign(unit) or unit
    tables, fields = [], []
    for index in source.plane_indices():
        plane = whole_plane(source.plane(index))
        found = measure(ids[index], plane, pixel_size=size, unit=unit)
        lead = {LEAD_NAMES[a]: at for a, at in zip(source.plane_axes, index, strict=True)}
        counts: dict[str, int] = {}
        if kinds is not None:
            found = {"id": found["id"], KIND: _kinds_of(kinds, found, ids[index], plane)} | found
            told = Counter(found[KIND].tolist())
            counts = {f"{entry.name} cells": told[entry.name] for entry in kinds.kinds}
        part = FieldPart(plane, cells=ids[index])
        fields.append(lead | field_quantities([part], pixel_size=size, unit=unit) | counts)
        count = len(found["id"])
        tables.append({column: np.full(count, at) for column, at in lead.items()} | found)
    return tables, fields


def _kinds_of(kinds: Kinds, table: Table, ids: np.ndarray, plane: np.ndarray) -> np.ndarray:
    """Return the name of each cell's kind."""
    seen = cell_features(ids, plane) if kinds.features and len(table["id"]) else None
    features = np.zeros((len(table["id"]), kinds.features)) if seen is None else seen
    found = tell_kinds(
        kinds,
        [one for one in kinds.examples if one.values],
        rows_of(table, features, kinds),
    )
    names = {entry.id: entry.name for entry in kinds.kinds}
    return np.array([names[kind] for kind in found.tolist()], str)
