"""The eight symmetries of the square: quarter turns, with and without a flip."""

from collections.abc import Iterator

import numpy as np
import torch

from napari_unet.core.events import Notice, Progress
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.lazy_plane import Plane, intensities_of, whole_plane
from napari_unet.core.models.model import Model
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.core.prediction.tiles import predict_tiles


def orientations(array: np.ndarray) -> Iterator[np.ndarray]:
    """Yield an array in each of its eight orientations, always in the same order.

    (..., Y, X) or (..., X, Y), views: what is written into one is written into the array.
    """
    for flipped in (array, array[..., ::-1]):
        for turns in range(4):
            yield np.rot90(flipped, turns, axes=(-2, -1))


def predict_orientations(
    model: Model, plane: Plane, *, device: torch.device, tile: int | None = None, fast: bool = False
) -> Iterator[TileProbabilities | Progress | Notice]:
    """Predict a plane in each of its eight orientations and average the probabilities.

    Ronneberger et al. 2015, section 4, average over seven rotated versions of the image without
    saying which; these are the quarter turns with and without a flip, which need no interpolation
    and form a group: the average for a turned image is the turned average. Memory holds one sum of
    the plane besides what :func:`predict_tiles` needs. ``Progress`` comes after each of the first
    seven orientations, then one tile of the whole plane.
    """
    whole = Tile.whole(plane.shape[1:])
    known = intensities_of(plane)
    total = np.zeros((len(model.classes), *whole.sides), dtype=np.float32)
    pairs = list(zip(orientations(whole_plane(plane)), orientations(total), strict=True))
    for count, (pixels, turned_total) in enumerate(pairs, start=1):
        turned = Cutout(pixels, (0,) * (pixels.ndim - 1), pixels.shape[1:], known)
        for part in predict_tiles(model, turned, device=device, tile=tile, fast=fast):
            if isinstance(part, TileProbabilities):
                turned_total[:, *part.tile.slices] += part.probabilities  # a view of the sum
            else:
                yield part
        if count < len(pairs):
            yield Progress(count, len(pairs))
    total /= len(pairs)
    yield TileProbabilities(whole, total, 1.0)
