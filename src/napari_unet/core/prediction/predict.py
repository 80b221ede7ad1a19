"""Overlap-tile prediction (Ronneberger et al. 2015, section 2 and figure 2)."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator

import numpy as np
import torch

from napari_unet.core.events import Notice
from napari_unet.core.forest.forest_map import Guide
from napari_unet.core.images.lazy_plane import Plane, whole_plane
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import (
    fast_dtype,
    free_memory,
    is_out_of_memory,
    pick_device,
)
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.core.network.tile_size import best_sides
from napari_unet.core.network.tiling import Tile, halves, plan
from napari_unet.core.prediction.onnx_predictor import ForeignAnswers
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.prediction.test_time_augmentation import orientations
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.core.volumes import pieces_for
from napari_unet.errors import DeviceUnavailable, InvalidInput


def predict(
    model: Model,
    image: np.ndarray,
    tile: int | None = None,
    *,
    device: DeviceName = "auto",
    average_rotations: bool = False,
) -> np.ndarray:
    """Segment an image.

    Parameters
    ----------
    model
        A trained model.
    image
        (..., Y, X) for a model of one channel; (..., Y, X, C) or (..., C, Y, X) for several. Axes
        before are planes, segmented one by one. Any real dtype. For a model of volumes
        (..., Z, Y, X), with several channels (..., C, Z, Y, X); volumes are segmented one by one.
    tile
        Side of a tile's output in pixels, rounded down to a multiple of the network's stride;
        ``None`` takes the fastest known.
    device
        Where to compute.
    average_rotations
        Whether to average the probabilities over the eight orientations of the planes, see
        :func:`predict_orientations`: takes eight times as long.

    Returns
    -------
    ndarray
        (..., Y, X) class ids as painted, uint8 or uint16.

    Raises
    ------
    InvalidInput
        The image is not one, or has other channels than the model.
    """
    planes = pieces_for(image, model.header.network)
    ids = model.class_ids
    parts_of = predict_orientations if average_rotations else predict_tiles
    out = np.empty((len(planes.data), *planes.data.shape[2:]), dtype=ids.dtype)
    for plane, result in zip(planes.data, out, strict=True):
        for part in _warned(parts_of(model, plane, tile=tile, device=pick_device(device))):
            result[part.tile.slices] = ids[part.probabilities.argmax(axis=0)]
    return planes.restore(out)


def predict_probabilities(
    model: Model,
    image: np.ndarray,
    tile: int | None = None,
    *,
    device: DeviceName = "auto",
    average_rotations: bool = False,
) -> np.ndarray:
    """Return each class's probability at each pixel.

    Parameters
    ----------
    model, image, tile, device, average_rotations
        As for :func:`predict`.

    Returns
    -------
    ndarray
        (K, ..., Y, X) float32, sums to 1 over the K classes, which are in the order of
        ``model.classes``.

    Raises
    ------
    InvalidInput
        The image is not one, or has other channels than the model.
    """
    planes = pieces_for(image, model.header.network)
    shape = (len(planes.data), len(model.classes), *planes.data.shape[2:])
    out = np.empty(shape, dtype=np.float32)
    for plane, result in zip(planes.data, out, strict=True):
        result[:] = plane_probabilities(
            model,
            plane,
            tile=tile,
            device=pick_device(device),
            average_rotations=average_rotations,
        )
    return planes.restore(out)


def plane_probabilities(
    model: Model,
    plane: Plane,
    *,
    device: torch.device,
    tile: int | None = None,
    fast: bool = False,
    average_rotations: bool = False,
) -> np.ndarray:
    """Return each class's probability at each pixel of a plane or volume, (K, *axes) float32.

    Parameters
    ----------
    model, plane, device, tile, fast
        As for :func:`predict_tiles`.
    average_rotations
        As for :func:`predict`.
    """
    parts_of = predict_orientations if average_rotations else predict_tiles
    out = np.empty((len(model.classes), *plane.shape[1:]), dtype=np.float32)
    for part in _warned(parts_of(model, plane, device=device, tile=tile, fast=fast)):
        out[:, *part.tile.slices] = part.probabilities
    return out


def predict_tiles(
    model: Model,
    plane: Plane,
    *,
    device: torch.device,
    tile: int | None = None,
    region: Tile | None = None,
    fast: bool = False,
    guide: Guide | None = None,
) -> Iterator[TileProbabilities | Notice]:
    """Predict a plane or a volume tile by tile; memory is bounded by the tile.

    Each output pixel is computed once, from its full context, mirrored at the image's borders.

    Parameters
    ----------
    model
        A trained model.
    plane
        (C, Y, X), for a model of volumes (C, Z, Y, X); any real dtype; only the parts under the
        tiles are read of one that is not in memory.
    device
        Where to compute.
    tile
        Side of a tile's output in pixels; ``None`` takes the fastest known.
    region
        What to predict; ``None`` for everything.
    fast
        Whether to compute in the device's fastest precision instead of float32, in which tiles
        agree to 1e-5.
    guide
        What the model's forest says, where the caller keeps it for later; else it is asked anew.

    Yields
    ------
    TileProbabilities
        The tiles of the region, row by row.
    Notice
        Memory ran out and the tile was halved.

    Raises
    ------
    DeviceUnavailable
        Memory does not even suffice for the smallest tile.
    """
    config = model.header.network
    if tile is not None and tile < 1:
        raise InvalidInput(f"a tile of {tile} px is too small; use at least {config.stride}.")
    dtype = fast_dtype(device, config.ndim) if fast else torch.float32
    answers: Answers | ForeignAnswers
    if isinstance(config, ForeignNetwork):
        answers = ForeignAnswers(model, plane)
    else:
        answers = Answers(model, plane, device=device, dtype=dtype, guide=guide)
    region = region or Tile.whole(plane.shape[1:])
    waiting = list(plan(config, region, tile or best_sides(config, region, device)))[::-1]
    ready = 0
    while waiting:
        current = waiting.pop()
        try:
            probabilities = answers.probabilities(current)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            if halves(config, current) is None:
                raise DeviceUnavailable(
                    "memory does not suffice for the smallest tile; close other programs or use "
                    "another device."
                ) from None
            waiting.append(current)
            waiting = [
                part for whole in waiting for part in (halves(config, whole) or (whole,))[::-1]
            ]
            free_memory(device)
            yield Notice("memory ran out while predicting; going on with tiles half as large.")
            continue
        ready += current.pixels
        yield TileProbabilities(current, probabilities, ready / region.pixels)


def predict_orientations(
    model: Model,
    plane: Plane,
    *,
    device: torch.device,
    tile: int | None = None,
    fast: bool = False,
) -> Iterator[TileProbabilities | Notice]:
    """Predict a plane in each of its eight orientations and average the probabilities.

    Ronneberger et al. 2015, section 4, average over seven rotated versions of the image without
    saying which; these are the quarter turns with and without a flip, which need no interpolation
    and form a group: the average for a turned image is the turned average. Memory holds one sum of
    the plane and its average besides what :func:`predict_tiles` needs.

    Parameters
    ----------
    model, plane, device, tile, fast
        As for :func:`predict_tiles`.

    Yields
    ------
    TileProbabilities
        The whole plane after each orientation, the average so far; the eighth is the result.
    Notice
        As for :func:`predict_tiles`.

    Raises
    ------
    DeviceUnavailable
        As for :func:`predict_tiles`.
    """
    whole = Tile.whole(plane.shape[1:])
    total = np.zeros((len(model.classes), *whole.sides), dtype=np.float32)
    pairs = list(zip(orientations(whole_plane(plane)), orientations(total), strict=True))
    for count, (turned, turned_total) in enumerate(pairs, start=1):
        for part in predict_tiles(model, turned, device=device, tile=tile, fast=fast):
            if isinstance(part, TileProbabilities):
                turned_total[:, *part.tile.slices] += part.probabilities  # a view of the sum
            else:
                yield part
        yield TileProbabilities(whole, total / count, count / len(pairs))


def _warned(parts: Iterable[TileProbabilities | Notice]) -> Iterator[TileProbabilities]:
    """Turn notices into warnings, for who asks for nothing but the result."""
    for part in parts:
        if isinstance(part, TileProbabilities):
            yield part
        else:
            warnings.warn(part.text, stacklevel=3)
