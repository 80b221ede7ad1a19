"""Overlap-tile prediction (Ronneberger et al. 2015, section 2 and figure 2)."""

import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch

from napari_unet.core.events import Notice, Progress
from napari_unet.core.images.arrange import pieces_for
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.images.stack_intensity import of_stack
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import DeviceName
from napari_unet.core.network.device import pick_device
from napari_unet.core.prediction.test_time_augmentation import predict_orientations
from napari_unet.core.prediction.tile_probabilities import TileProbabilities, ids_of
from napari_unet.core.prediction.tiles import predict_tiles


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
        (..., Y, X) class ids as painted, uint8 or uint16; 0 where nothing was imaged (NaN).

    Raises
    ------
    InvalidInput
        The image is not one, or has other channels than the model.
    """
    network = model.header.network
    planes = pieces_for(image, network.in_channels, network.ndim)
    ids = model.class_ids
    parts_of = predict_orientations if average_rotations else predict_tiles
    out = np.empty((len(planes.data), *planes.data.shape[2:]), dtype=ids.dtype)
    for plane, result in zip(scaled_pieces(model, planes.data), out, strict=True):
        for part in _warned(parts_of(model, plane, tile=tile, device=pick_device(device))):
            result[part.tile.slices] = ids_of(part.probabilities, ids)
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
        ``model.classes``; all 0 where nothing was imaged (NaN).

    Raises
    ------
    InvalidInput
        The image is not one, or has other channels than the model.
    """
    network = model.header.network
    planes = pieces_for(image, network.in_channels, network.ndim)
    shape = (len(planes.data), len(model.classes), *planes.data.shape[2:])
    out = np.empty(shape, dtype=np.float32)
    for plane, result in zip(scaled_pieces(model, planes.data), out, strict=True):
        result[:] = plane_probabilities(
            model, plane, tile=tile, device=pick_device(device), average_rotations=average_rotations
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

    See :func:`predict_tiles` and :func:`predict`.
    """
    parts_of = predict_orientations if average_rotations else predict_tiles
    out = np.empty((len(model.classes), *plane.shape[1:]), dtype=np.float32)
    for part in _warned(parts_of(model, plane, device=device, tile=tile, fast=fast)):
        out[:, *part.tile.slices] = part.probabilities
    return out


def scaled_pieces(model: Model, planes: np.ndarray) -> Sequence[Plane]:
    """Return planes or volumes, (N, C, *axes), that know what they are scaled by."""
    if model.header.scaling.way != "stack":
        return list(planes)
    known = of_stack(list(planes))
    return [Cutout(one, (0,) * (one.ndim - 1), one.shape[1:], known) for one in planes]


def _warned(parts: Iterable[TileProbabilities | Progress | Notice]) -> Iterator[TileProbabilities]:
    """Turn notices into warnings, for who asks for nothing but the result."""
    for part in parts:
        if isinstance(part, TileProbabilities):
            yield part
        elif isinstance(part, Notice):
            warnings.warn(part.text, stacklevel=3)
