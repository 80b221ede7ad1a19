"""From an image to a result, both of any kind, tile by tile."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from napari_unet.core.config import UNetConfig
from napari_unet.core.events import Notice
from napari_unet.core.header import ModelHeader
from napari_unet.core.model import Model
from napari_unet.core.prediction import (
    TileProbabilities,
    predict_orientations,
    predict_tiles,
)
from napari_unet.core.resampling import Resampled
from napari_unet.core.source import ImageSource
from napari_unet.core.source_plane import SourcePlane
from napari_unet.core.storing import Result, open_result
from napari_unet.core.tile_size import best_tile
from napari_unet.core.tiling import tile_side
from napari_unet.errors import InvalidInput

Saved = Literal["labels", "probabilities"]


@dataclass(frozen=True)
class Segmented:
    """A tile was computed and written.

    Attributes
    ----------
    fraction
        Share of the image that is ready.
    """

    fraction: float


def check_channels(
    header: ModelHeader, source: ImageSource, channels: Sequence[int] | None = None
) -> None:
    """Refuse an image that has not the channels that a model was trained on; planes for 3D, too.

    Parameters
    ----------
    header
        Of the model.
    source
        The image.
    channels
        Which of its channels are taken; ``None`` for all.

    Raises
    ------
    InvalidInput
        With how many there are and how many should be.
    """
    source.check_channels(channels)
    if header.network.ndim == 3:
        raise InvalidInput(
            "the model is one for volumes, and images are read plane by plane here; predict a "
            "volume with it from Python, with napari_unet.predict."
        )
    wanted = header.network.in_channels
    found = source.channels if channels is None else len(channels)
    if found == wanted:
        return
    has = f"{found} channel{'s' * (found != 1)}{' (RGB)' * ('S' in source.axes)}"
    how = "this image has" if channels is None else "you chose"
    raise InvalidInput(
        f"the model was trained on {wanted} channel{'s' * (wanted > 1)} and {how} {has}; choose "
        "channels or images like those it was trained on, or train a new model."
    )


def result_of(
    model: Model,
    source: ImageSource,
    what: Saved,
    *,
    level: int = 0,
    chunk: tuple[int, int] = (512, 512),
) -> Result:
    """Describe a result: the image's axes without its channels, its pixel size and units."""
    here = source.sizes(level)
    sizes = {letter: here[letter] for letter in (*source.plane_axes, "Y", "X")}
    dtype = model.class_ids.dtype
    if what == "probabilities":
        sizes, dtype = {"C": len(model.classes)} | sizes, np.dtype(np.float32)
    return Result(
        sizes=sizes,
        dtype=dtype,
        kind=model.header.label_kind,
        classes=model.classes,
        pixel_size=source.pixel_size_at(level),
        units=source.units,
        chunk=chunk,
        name=Path(source.name).name,
    )


def chunk_of(config: UNetConfig, shape: tuple[int, int], largest: int) -> tuple[int, int]:
    """Return rows and columns of a result's chunks: those of the tiles that a plane is cut into."""
    largest = max(1, largest)
    return tile_side(config, shape[0], largest), tile_side(config, shape[1], largest)


def nothing_to_find(value: float) -> InvalidInput:
    """Return what is raised for an image whose pixels all have the same value."""
    return InvalidInput(
        f"every pixel of the image is {value:g}, so there is nothing to find; choose another image "
        "or channel."
    )


def segment(
    model: Model,
    source: ImageSource,
    outputs: Mapping[Saved, Path],
    *,
    device: torch.device,
    channels: Sequence[int] | None = None,
    level: int = 0,
    factors: tuple[float, float] | None = None,
    tile: int | None = None,
    average_rotations: bool = False,
) -> Generator[Segmented | Notice, None, None]:
    """Segment an image into files; a result that is large, and an image, never are in memory.

    Close the generator to give up: then nothing is left of the results.

    Parameters
    ----------
    model
        A trained model.
    source
        The image.
    outputs
        Where to write class ids and probabilities; see
        :func:`napari_unet.core.storing.open_result`.
    device
        Where to compute.
    channels, level
        Which channels, in the order of those that the model was trained on, of which level.
    factors
        New pixels for each of the image's, along rows and columns, to resample it for the network;
        results are put back on its own pixels.
    tile, average_rotations
        As for :func:`napari_unet.core.prediction.predict`.

    Yields
    ------
    Segmented
        After each tile.
    Notice
        Memory ran out and the tile was halved.

    Raises
    ------
    InvalidInput
        The image has other channels than the model, or all its pixels are the same, or some are
        not finite.
    UnreadableFile
        A part of it cannot be read.
    UnwritableOutput
        A result cannot be written.
    DeviceUnavailable
        Memory does not even suffice for the smallest tile.
    """
    check_channels(model.header, source, channels)
    source.check_level(level)
    largest = best_tile(device) if tile is None else tile
    chunk = chunk_of(model.header.network, source.plane_shape(level), largest)
    ids, axes = model.class_ids, source.plane_axes
    with ExitStack() as stack:
        opened: dict[Saved, tuple[Result, Any]] = {}
        for what, path in outputs.items():
            result = result_of(model, source, what, level=level, chunk=chunk)
            opened[what] = (result, stack.enter_context(open_result(path, result)))
        for plane, part in _parts(
            model,
            _planes(source, channels, level, factors),
            prod(source.lead),
            device=device,
            tile=tile,
            average=average_rotations,
        ):
            if isinstance(part, Notice):
                yield part
                continue
            (rows, columns), found = plane.put_back(part)
            where = dict(zip(axes, plane.index, strict=True)) | {"Y": rows, "X": columns}
            for what, (result, array) in opened.items():
                values = ids[found.argmax(axis=0)] if what == "labels" else found
                array[result.place(where)] = values
            yield Segmented(part.fraction)


class _Plane:
    """A plane as the network sees it, whose grey range is asked for once."""

    def __init__(self, plane: SourcePlane, factors: tuple[float, float] | None) -> None:
        self.index = plane.index
        self._resampled = None if factors is None else Resampled(plane, factors)
        seen = self._resampled or plane
        self.shape = seen.shape
        self.read = seen.read
        self.ranges = plane.grey_range()

    def grey_range(self) -> np.ndarray:
        return self.ranges

    @property
    def is_constant(self) -> bool:
        return bool((self.ranges[:, 0] == self.ranges[:, 1]).all())

    def put_back(self, part: TileProbabilities) -> tuple[tuple[slice, ...], np.ndarray]:
        """Return rows and columns of the image, and the (K, Y, X) probabilities there."""
        if self._resampled is None:
            return part.tile.slices, part.probabilities
        return self._resampled.put_back(part.tile, part.probabilities)


def _planes(
    source: ImageSource,
    channels: Sequence[int] | None,
    level: int,
    factors: tuple[float, float] | None,
) -> Iterator[_Plane]:
    """Iterate over an image's planes; refuse the image if all of them are constant."""
    varied = False
    for index in source.plane_indices():
        plane = _Plane(source.plane(index, channels=channels, level=level), factors)
        varied |= not plane.is_constant
        is_last = all(i == n - 1 for i, n in zip(index, source.lead, strict=True))
        if is_last and not varied:
            raise nothing_to_find(plane.ranges[0, 0])
        yield plane


def _parts(
    model: Model,
    planes: Iterator[_Plane],
    count: int,
    *,
    device: torch.device,
    tile: int | None,
    average: bool,
) -> Iterator[tuple[_Plane, TileProbabilities | Notice]]:
    """Predict plane after plane; the fraction is that of all planes."""
    parts_of = predict_orientations if average else predict_tiles
    for number, plane in enumerate(planes):
        for part in parts_of(model, plane, device=device, tile=tile):
            if isinstance(part, TileProbabilities):
                fraction = (number + part.fraction) / count
                yield plane, TileProbabilities(part.tile, part.probabilities, fraction)
            else:
                yield plane, part
