"""What a worker of a Dask cluster does: segment a whole image, or some tiles of a large one."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from distributed import WorkerPlugin, get_worker

from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import PlannedItem
from napari_unet.core.batch.run import segment_item
from napari_unet.core.events import Notice
from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.source_piece import SourcePlane
from napari_unet.core.images.stack_intensity import as_stack
from napari_unet.core.io.file_content import ReadOnce
from napari_unet.core.io.optional import needed
from napari_unet.core.io.result import Result, Saved
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.network.tile_size import best_tile
from napari_unet.core.prediction.tile_probabilities import TileProbabilities, ids_of
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.core.segmentation.pieces import Piece
from napari_unet.errors import UnwritableOutput

# mallopt(3)
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3


class SentModel(WorkerPlugin):
    """A model on a worker: sent to each once, also to those that come later, and loaded once."""

    def __init__(self, data: bytes, device: DeviceName) -> None:
        self._data = data
        self._device = device
        self.given_up: set[str] = set()
        self._kept: tuple[str, ImageSource] | None = None

    def setup(self, worker: Any) -> None:
        """Load the model, so that a worker that cannot is known before the work begins."""
        _ = self.model, self.device
        _keep_memory()

    @contextmanager
    def opened(self, work: Work) -> Iterator[ImageSource]:
        """Open an image; the latest that is read as a whole is kept for the tasks that follow."""
        if self._kept is not None and self._kept[0] == work.key:
            yield self._kept[1]
            return
        source = work.item.candidate.open()
        if isinstance(source.levels[work.item.choices.level], ReadOnce):
            self._kept = (work.key, source)  # another thread may be at the one before: not closed
            yield source
            return
        with source:
            yield source

    @cached_property
    def model(self) -> Model:
        """The model, loaded."""
        return Model.from_bytes(self._data)

    @cached_property
    def device(self) -> torch.device:
        """Where this worker computes."""
        return pick_device(self._device)


@dataclass(frozen=True)
class Work:
    """An image of a batch, as a worker is told of it.

    ``model`` is the name of the :class:`SentModel`, ``key`` that of this image in this run; all
    paths are absolute.
    """

    model: str
    key: str
    item: PlannedItem
    options: BatchOptions


@dataclass(frozen=True)
class Written:
    """What a worker says when it has done its part.

    How many pixels were segmented; ``constant`` is the value of all pixels of the plane, or
    ``None`` if they differ.
    """

    pixels: int
    constant: float | None = None
    notices: tuple[str, ...] = ()


def best_side(model: str) -> int:
    """Return the side of a tile that is best on the worker which is asked, in pixels."""
    return best_tile(_sent(model).device)


def give_up(model: str, key: str, *, dask_worker: Any) -> None:
    """Let a worker end what it does for an image after the tile that it is at."""
    dask_worker.plugins[model].given_up.add(key)


def segment_whole(work: Work) -> Written:
    """Segment an image into its results; nothing is left of them if that is given up."""
    sent, notices = _sent(work.model), []
    with closing(segment_item(sent.model, work.item, work.options, sent.device)) as parts:
        for event in parts:
            if isinstance(event, str):
                notices.append(event)
            elif isinstance(event, float) and event < 1 and work.key in sent.given_up:
                return Written(0)
    return Written(work.item.pixels, notices=tuple(notices))


def measure_plane(work: Work, index: tuple[int, ...]) -> Intensities:
    """Return what the grey values of a plane are like, by which all its tiles are scaled."""
    with _sent(work.model).opened(work) as source:
        plane = _plane(source, work, index)
        together = _sent(work.model).model.header.scaling.way == "stack"
        return (as_stack(plane) if together else plane).intensities()


def _plane(source: ImageSource, work: Work, index: tuple[int, ...]) -> SourcePlane:
    choices = work.item.choices
    return source.plane(index, channels=choices.channels, level=choices.level)


def write_tiles(
    work: Work,
    index: tuple[int, ...],
    tiles: Sequence[Tile],
    known: Intensities,
    results: Mapping[Saved, tuple[Result, str]],
) -> Written:
    """Segment tiles of a plane into chunks that nobody else writes.

    ``index`` is the plane's, each tile a chunk of the results; ``known`` comes from
    :func:`measure_plane`, and ``results`` hold each result and the path of its array.
    """
    sent = _sent(work.model)
    ids = sent.model.class_ids
    notices: list[str] = []
    pixels = 0
    with sent.opened(work) as source:
        plane = _plane(source, work, index)
        lead = dict(zip(source.plane_axes, index, strict=True))
        piece = Piece(replace(plane, known=known), lead, None)
        for part in _predicted(sent, piece, tiles):
            if work.key in sent.given_up:
                break
            if isinstance(part, Notice):
                notices.append(part.text)
                continue
            where, found = piece.put_back(part)
            for what, (result, path) in results.items():
                values = ids_of(found, ids) if what == "labels" else found
                _write(path, result.place(where), values, work.item.outputs[what])
            pixels += part.tile.pixels
    constant = known[0].ground if piece.is_constant else None
    return Written(pixels, constant, tuple(dict.fromkeys(notices)))


def _predicted(
    sent: SentModel, plane: Piece, tiles: Sequence[Tile]
) -> Iterator[TileProbabilities | Notice]:
    """Predict tiles as they are, so that they are those of a run without a cluster."""
    model = sent.model
    class_map = None
    if model.classifier is not None:
        class_map = ClassMap(PixelFeatures(plane, model.header.scaling), model.classifier)
    stride = sent.model.header.network.strides[-1]
    for tile in tiles:
        yield from predict_tiles(
            sent.model,
            plane,
            device=sent.device,
            tile=max(tile.sides) + stride,  # not to be cut further
            region=tile,
            class_map=class_map,
        )


def _write(path: str, place: tuple[Any, ...], values: np.ndarray, result: Path) -> None:
    """Write into an array that is there; one that was given up is not made again."""
    zarr = needed("zarr", "zarr", "writing OME-Zarr")
    try:
        zarr.open_array(path, mode="r+")[place] = values
    except OSError as error:
        raise UnwritableOutput(
            f"{result} cannot be written by a worker ({error.strerror or error}); see that all "
            "workers may write to that folder."
        ) from None


def _keep_memory() -> None:
    """Have this process keep the memory of a tile for the next one, where its C library can.

    Dask starts workers such that each larger piece goes back to the system when it is freed; a
    third of a worker's time was then spent on getting it again.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(_M_TRIM_THRESHOLD, 2**30)
        library.mallopt(_M_MMAP_THRESHOLD, 2**25)  # the most that it takes


def _sent(name: str) -> SentModel:
    return get_worker().plugins[name]
