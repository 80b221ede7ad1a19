"""How an image of a batch becomes tasks for the workers of a Dask cluster."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from napari_unet.core.batch.cluster.worker_tasks import (
    Work,
    measure_plane,
    segment_whole,
    write_tiles,
)
from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.atomic import make_folder
from napari_unet.core.io.result import Result, Saved
from napari_unet.core.io.write_result import open_result
from napari_unet.core.models.model import Model
from napari_unet.core.network.tiling import plan
from napari_unet.core.objects.measure import write_csv
from napari_unet.core.objects.quantities import Row, joined
from napari_unet.core.segmentation.measure_fields import Written, fields_path, measure_fields
from napari_unet.core.segmentation.segment import chunk_of, results_of

if TYPE_CHECKING:
    from distributed import Future

_BY_TILES: set[Saved] = {"labels", "probabilities"}  # each tile of these is made of itself alone
_FEWEST_TILES = 16  # of an image that is spread; a smaller one is a task
_MOST_TILES = 16  # of a task
_TASKS_A_THREAD = 8

Submit = Callable[..., "Future"]


def tasks_of(
    work: Work, model: Model, submit: Submit, *, side: int, threads: int
) -> Generator[Future | None, None, None]:
    """Submit what there is to do for an image, one task after the other.

    A large OME-Zarr is made here, and workers write its chunks; anything else is one task. Yields
    the future of each :class:`Written`. After ``None`` nothing more is to be submitted: resume when
    all tasks are done, and the results are moved to their places; close, and nothing is left of
    them. ``side`` is the largest side of a tile's output in pixels, ``threads`` those of all
    workers.
    """
    described = _described(work, model, side)
    if described is None:
        yield submit(segment_whole, work)
        yield None
        return
    planes, tiles, results = described
    group = min(_MOST_TILES, max(1, len(planes) * len(tiles) // (_TASKS_A_THREAD * threads)))
    with ExitStack() as stack:
        arrays: dict[Saved, tuple[Result, str]] = {}
        written: dict[Saved, tuple[Result, Any]] = {}
        for what, result in results.items():
            path = work.item.outputs[what]
            make_folder(path.parent)
            array = stack.enter_context(open_result(path, result))
            stack.callback(_remove_partial, Path(array.store.root))
            written[what] = (result, array)
            arrays[what] = (result, str(Path(array.store.root) / array.path))
        for index in planes:
            known = submit(measure_plane, work, index)
            for start in range(0, len(tiles), group):
                some = tuple(tiles[start : start + group])
                yield submit(write_tiles, work, index, some, known, arrays)
        yield None
        rows = _measured(work, model, written) if work.options.measure else None
    if rows is not None:
        write_csv(fields_path(next(iter(work.item.outputs.values()))), joined(rows))


def _measured(work: Work, model: Model, written: Written) -> list[Row]:
    """Measure the fields of an image whose tiles are all written, here."""
    with work.item.candidate.open() as source:
        return measure_fields(source, model.header, work.item.choices, written)


def _described(
    work: Work, model: Model, side: int
) -> tuple[list[tuple[int, ...]], list[Tile], dict[Saved, Result]] | None:
    """Return planes, tiles of each and results of an image that is spread, ``None`` for others."""
    item = work.item
    zarrs = all(path.suffix == ".zarr" for path in item.outputs.values())
    if not zarrs or item.choices.factors is not None or not _BY_TILES.issuperset(item.outputs):
        return None
    config = model.header.network
    if side < 1 or config.ndim != 2:  # a side of none is refused where it is predicted
        return None
    with item.candidate.open() as source:
        shape = source.plane_shape(item.choices.level)
        chunk = chunk_of(model, source, item.choices.level, torch.device("cpu"), side)
        count = prod(source.lead) * prod(-(-a // b) for a, b in zip(shape, chunk, strict=True))
        if count < _FEWEST_TILES or _in_memory(source, item.choices.level):
            return None
        results = results_of(model, source, tuple(item.outputs), item.choices, chunk)
        # As segment() cuts it, so that the result is the same to the bit.
        tiles = list(plan(config, Tile.whole(shape), side))
        return list(source.plane_indices()), tiles, results


def _in_memory(source: ImageSource, level: int) -> bool:
    """Tell whether an image was read at once; then each task would read all of it."""
    array = source.levels[level]
    return isinstance(array, np.ndarray) and not isinstance(array, np.memmap)


def _remove_partial(folder: Path) -> None:
    """Remove chunks that a worker which was killed had not written completely."""
    for path in folder.rglob("*.partial"):
        path.unlink(missing_ok=True)
