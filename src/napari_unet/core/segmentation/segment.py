"""From an image to a result, both of any kind, tile by tile."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from napari_unet.core.diagnosis import Seen
from napari_unet.core.events import Notice, Progress
from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.result import Result, Saved
from napari_unet.core.io.write_result import open_result
from napari_unet.core.network.tile_size import best_sides
from napari_unet.core.network.tiling import tile_side
from napari_unet.core.objects.label_instances import FindObjects, label_instances, smaller_said
from napari_unet.core.objects.measure import write_csv
from napari_unet.core.objects.quantities import Row, joined
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.prediction.tile_probabilities import (
    Described,
    Predictor,
    TileProbabilities,
    ids_of,
)
from napari_unet.core.segmentation.instance_writer import ObjectsInto
from napari_unet.core.segmentation.measure_fields import fields_path, measure_fields
from napari_unet.core.segmentation.measure_pieces import PieceMeasurements, measurements_path
from napari_unet.core.segmentation.model_fit import check_channels
from napari_unet.core.segmentation.pieces import Piece, count_pieces, pieces_of
from napari_unet.core.segmentation.provenance import AS_IT_IS, Choices, made_from

if TYPE_CHECKING:
    import torch

    from napari_unet.core.models.model import Model

Opener = Callable[[Result], AbstractContextManager[Any]]
"""Gives an array to write a result into, as :func:`io.write_result.open_result` does."""


@dataclass(frozen=True)
class Segmented:
    """A tile was computed and written."""

    fraction: float


@dataclass(frozen=True)
class Fields:
    """What there is to say of each plane, or volume, of the image."""

    rows: list[Row]


def result_of(
    model: Described,
    source: ImageSource,
    what: Saved,
    *,
    level: int = 0,
    chunk: tuple[int, ...] = (512, 512),
) -> Result:
    """Describe a result: the image's axes without its channels, its pixel size and units."""
    here = source.sizes(level)
    sizes = {letter: here[letter] for letter in (*source.plane_axes, "Y", "X")}
    header = model.header
    dtype = header.class_ids.dtype
    if what == "probabilities":
        sizes, dtype = {"C": len(header.classes)} | sizes, np.dtype(np.float32)
    objects = what == "instances"
    return Result(
        sizes=sizes,
        dtype=np.dtype(np.int32) if objects else dtype,
        kind="instances" if objects else header.label_kind,
        classes=() if objects else header.classes,
        pixel_size=source.pixel_size_at(level),
        units=source.units,
        chunk=chunk,
        name=Path(source.name).name,
        values=what,
    )


def segment(
    model: Described,
    source: ImageSource,
    outputs: Mapping[Saved, Path | Opener],
    choices: Choices = AS_IT_IS,
    *,
    device: torch.device | None = None,
    predictor: Predictor | None = None,
    find_objects: FindObjects = label_instances,
    stop: Callable[[], bool] = lambda: False,
    tile: int | None = None,
    measure: bool = False,
) -> Generator[Segmented | Fields | Notice, None, None]:
    """Segment an image into files; a result that is large, and an image, never are in memory.

    It is seen plane by plane, or by a model of volumes volume by volume, each tile by tile. Close
    the generator to give up: then nothing is left of the results, as after any error.

    Class ids, probabilities and objects go to files, see
    :func:`napari_unet.core.io.write_result.open_result`, or to arrays. Where there is a predictor
    of a plane's tiles, the model's description is enough. ``stop`` is asked while files are
    written, see :class:`napari_unet.errors.Stopped`. Planes and objects are measured into tables
    beside them, see :func:`napari_unet.core.segmentation.measure_fields.fields_path` and
    :func:`napari_unet.core.segmentation.measure_pieces.measurements_path`.

    ``Segmented`` comes after each tile, ``Fields`` last where something is measured, ``Notice``
    when memory ran out and the tile was halved and, before the last tile is told, of what was
    noticed of image and result. ``InvalidInput`` if the image has other channels than the model, or
    all its pixels are the same; ``UnreadableFile``, ``UnwritableOutput``; ``DeviceUnavailable`` if
    memory does not even suffice for the smallest tile.
    """
    channels, level = choices.channels, choices.level
    check_channels(model.header, source, channels)
    source.check_level(level)
    predict = predictor or _local(cast("Model", model), device, average=choices.average_rotations)
    chunk = chunk_of(model, source, level, device, tile)
    results = results_of(model, source, tuple(outputs), choices, chunk)
    table: PieceMeasurements | None = None
    if measure and "instances" in results:
        table = PieceMeasurements(
            source, results["instances"], model.header, channels=channels, level=level
        )
    found_objects: ObjectsInto | None = None
    rows: list[Row] = []
    with ExitStack() as files:
        written: dict[Saved, tuple[Result, Any]] = {}
        for what, place in outputs.items():
            result = results[what]
            there = open_result(place, result, stop) if isinstance(place, Path) else place(result)
            written[what] = (result, files.enter_context(there))
        with ExitStack() as stack:
            opened = dict(written)
            if "instances" in written:
                result, array = written["instances"]
                place = outputs["instances"]
                found_objects = ObjectsInto(
                    array,
                    result,
                    model.header,
                    folder=place.parent if isinstance(place, Path) else None,
                    settings=choices.objects,
                    on_piece=table,
                    find=find_objects,
                )
                opened["instances"] = (result, stack.enter_context(found_objects))
            yield from _predicted(model, source, choices, predict, tile, opened)
        if measure:
            rows = measure_fields(source, model.header, choices, written, stop)
    yield from _vanished(found_objects, source, choices.objects)
    beside = outputs.get("instances")
    if table is not None and isinstance(beside, Path):
        table.write(measurements_path(beside))
    if measure:
        yield _fields(rows, next(iter(outputs.values())))


def _predicted(
    model: Described,
    source: ImageSource,
    choices: Choices,
    predict: Predictor,
    tile: int | None,
    opened: Mapping[Saved, tuple[Result, Any]],
) -> Iterator[Segmented | Notice]:
    """Predict all of an image into arrays."""
    ids, network = model.header.class_ids, model.header.network
    pieces = pieces_of(
        source,
        network,
        channels=choices.channels,
        level=choices.level,
        factors=choices.factors,
        together=model.header.scaling.way == "stack",
    )
    seen = Seen(model.header)
    count = count_pieces(source, network, choices.level)
    for piece, part in _parts(predict, pieces, count, tile):
        if not isinstance(part, TileProbabilities):
            yield part
            continue
        where, found = piece.put_back(part)
        labels = ids_of(found, ids)
        seen.add_intensities(piece.intensities())
        seen.add_classes(labels)
        for what, (result, into) in opened.items():
            into[result.place(where)] = labels if what == "labels" else found
        if part.fraction == 1:
            yield from _noticed(seen, source)
        yield Segmented(part.fraction)


def _fields(rows: list[Row], place: Path | Opener) -> Fields:
    """Write what there is to say of each field beside the results, if those are files."""
    if isinstance(place, Path):
        write_csv(fields_path(place), joined(rows))
    return Fields(rows)


def _noticed(seen: Seen, source: ImageSource) -> Iterator[Notice]:
    for finding in seen.findings():
        yield Notice(f"{Path(source.name).name}: {finding.text} More: {finding.more}")


def _vanished(
    found: ObjectsInto | None, source: ImageSource, objects: InstanceSettings
) -> Iterator[Notice]:
    """Say that there are no objects but pieces that are too small."""
    if found is not None and found.smaller:
        said = smaller_said(found.smaller, objects.smallest)
        yield Notice(f"{Path(source.name).name}: {said} in Cells, or --min-size in the shell.")


def results_of(
    model: Described,
    source: ImageSource,
    saved: Sequence[Saved],
    choices: Choices,
    chunk: tuple[int, ...],
) -> dict[Saved, Result]:
    """Describe the results, and say what they are made from."""
    known = made_from(model, source, choices, saved)
    return {
        what: replace(
            result_of(model, source, what, level=choices.level, chunk=chunk), made_from=known[what]
        )
        for what in saved
    }


def chunk_of(
    model: Described, source: ImageSource, level: int, device: torch.device | None, tile: int | None
) -> tuple[int, ...]:
    """Return how much of a result is written at once: the sides of a tile."""
    network, sizes = model.header.network, source.sizes(level)
    shape = tuple(sizes[letter] for letter in "ZYX"[-network.ndim :])
    if tile is None:
        largest = best_sides(network, Tile.whole(shape), device)
    else:
        largest = (max(1, tile),) * network.ndim
    pairs = zip(shape, largest, strict=True)
    return tuple(tile_side(network, *pair, axis) for axis, pair in enumerate(pairs))


def _local(model: Model, device: torch.device | None, *, average: bool) -> Predictor:
    """Return who predicts in this process."""
    from napari_unet.core.prediction.test_time_augmentation import predict_orientations
    from napari_unet.core.prediction.tiles import predict_tiles

    if device is None:
        raise ValueError("a device is needed to predict in this process")
    parts_of = predict_orientations if average else predict_tiles
    return lambda plane, tile: parts_of(model, plane, device=device, tile=tile)


def _parts(
    predict: Predictor, pieces: Iterator[Piece], count: int, tile: int | None
) -> Iterator[tuple[Piece, TileProbabilities | Segmented | Notice]]:
    """Predict piece after piece; the fraction is that of all of them."""
    for number, piece in enumerate(pieces):
        for part in predict(piece, tile):
            if isinstance(part, TileProbabilities):
                yield piece, replace(part, fraction=(number + part.fraction) / count)
            elif isinstance(part, Progress):
                yield piece, Segmented((number + part.done / part.total) / count)
            else:
                yield piece, part
