"""Quantities of every field of an image, its planes or volumes, from its results."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.units import sign
from napari_unet.core.io.result import Result, Saved
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.objects.components import chunks
from napari_unet.core.objects.quantities import FieldPart, Row, field_quantities
from napari_unet.core.prediction.tile_probabilities import ids_of
from napari_unet.core.segmentation.measure_pieces import LEAD_NAMES
from napari_unet.core.segmentation.provenance import Choices
from napari_unet.errors import Stopped

_SIDE = 2048  # pixels of what is in memory at a time

Written = Mapping[Saved, tuple[Result, Any]]


def measure_fields(
    source: ImageSource,
    header: ModelHeader,
    choices: Choices,
    results: Written,
    stop: Callable[[], bool] = lambda: False,
) -> list[Row]:
    """Return a row a plane, or a volume of a model of volumes, in their order.

    Of the results that are written: classes of labels, or else of probabilities, and cells of
    instances. First the time and the plane, from 0, of images that have them. ``Stopped`` if
    ``stop`` says so, which is asked at each part of a plane.
    """
    ndim = header.network.ndim
    result = next(iter(results.values()))[0]
    letters = "ZYX"[-ndim:]
    size, unit = result.measure_of(letters)
    lead = [letter for letter in result.axes if letter not in f"C{letters}"]
    rows = []
    for index in product(*(range(result.sizes[letter]) for letter in lead)):
        where = dict(zip(lead, index, strict=True))
        row = field_quantities(
            _parts(source, header, choices, results, where, stop),
            header.classes,
            pixel_size=size,
            unit=sign(unit) or unit,
            ndim=ndim,
        )
        rows.append({LEAD_NAMES[letter]: at for letter, at in where.items()} | row)
    return rows


def fields_path(result: Path) -> Path:
    """Return where the quantities of an image's fields go: ``NAME_fields.csv`` by a result."""
    stem = result.name.removesuffix(".zarr").removesuffix(".tif").removesuffix(".ome")
    return result.with_name(f"{stem.rpartition('_')[0]}_fields.csv")


def read_fields(path: Path) -> list[dict[str, str]]:
    """Read rows that were written; none where there is no such file."""
    if not path.exists():
        return []
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _parts(
    source: ImageSource,
    header: ModelHeader,
    choices: Choices,
    results: Written,
    where: Mapping[str, int],
    stop: Callable[[], bool],
) -> Iterator[FieldPart]:
    """Read a field plane by plane, and a large plane block by block."""
    sizes = source.sizes(choices.level)
    rest = [letter for letter in source.plane_axes if letter not in where]
    for index in product(*(range(sizes[letter]) for letter in rest)):
        at: dict[str, Any] = {**where, **dict(zip(rest, index, strict=True))}
        plane = source.plane(
            [at[letter] for letter in source.plane_axes],
            channels=choices.channels,
            level=choices.level,
        )
        for box in chunks(plane.shape[1:], _SIDE):
            if stop():
                raise Stopped
            place = {**at, "Y": box[0], "X": box[1]}
            found = {
                what: np.asarray(array[result.place(place)])
                for what, (result, array) in results.items()
            }
            classes = found.get("labels")
            if classes is None and "probabilities" in found:
                classes = ids_of(found["probabilities"], header.class_ids)
            pixels = plane.read(*(np.arange(span.start, span.stop) for span in box))
            yield FieldPart(pixels, classes, found.get("instances"))
