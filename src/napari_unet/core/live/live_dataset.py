"""What the network of a live training learns from: planes, targets, and what was said before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.images.intensity import Scaling, typical, with_ground
from napari_unet.core.images.lazy_plane import read_part
from napari_unet.core.images.normalise import rescale
from napari_unet.core.labels.classes import BACKGROUND, ClassInfo
from napari_unet.core.labels.targets import make_target, with_held_out
from napari_unet.core.live.network_anchors import Anchors
from napari_unet.core.live.stroke_book import StrokeBook, bounding_box
from napari_unet.core.training.dataset import Dataset

_SURROUNDINGS = 192  # pixels around the strokes that patches may see


def dataset_of(
    book: StrokeBook,
    features: Sequence[PixelFeatures],
    classes: tuple[ClassInfo, ...],
) -> Dataset:
    """Cut the surroundings of the strokes out of the images.

    Classes are in the order of the answer; pixels of others are left out.
    """
    ids = [entry.id for entry in classes]
    planes, targets, seen = [], [], []
    for image, window in _windows(book, ids).items():
        labels, blocks = book.labels[image], features[image]
        rows, columns = (np.arange(part.start, part.stop) for part in window)
        planes.append(rescale(read_part(blocks.plane, rows, columns), blocks.scaled))
        seen.append(blocks.seen)
        known = np.where(np.isin(labels[window], ids), labels[window], 0)
        target = make_target(known, "scribbles", ids, newest=book.newest[image][window])
        targets.append(with_held_out(target, book.held_out(image)[window]))
    return Dataset(tuple(planes), tuple(targets), classes, features[0].scaling, tuple(seen))


def scaling_of(book: StrokeBook, features: Sequence[PixelFeatures]) -> Scaling:
    """Return how images are to be scaled, by those that are painted."""
    seen = []
    for labels, blocks in zip(book.labels, features, strict=True):
        if not labels.any():
            continue
        rows, columns = np.nonzero(labels == BACKGROUND)
        pixels = np.empty((len(blocks.seen), 0))
        if len(rows):
            box = bounding_box(labels == BACKGROUND)
            part = read_part(blocks.plane, *(np.arange(s.start, s.stop) for s in box))
            pixels = part[:, rows - box[0].start, columns - box[1].start]
        seen.append(with_ground(blocks.seen, pixels))
    return Scaling(reference=typical(seen))


def laid_out(
    said: Sequence[Anchors], book: StrokeBook, classes: tuple[ClassInfo, ...]
) -> list[np.ndarray]:
    """Lay tiles into the surroundings of the strokes, as :func:`dataset_of` cuts them out.

    Gives for each image of the dataset (Y, X) int16 class indices, -1 where no tile is.
    """
    found = []
    for image, window in _windows(book, [entry.id for entry in classes]).items():
        whole = Tile(*((part.start, part.stop) for part in window))
        canvas = np.full(whole.sides, -1, dtype=np.int16)
        for anchors in said:
            if anchors.image == image:
                canvas[anchors.tile.within(whole)] = anchors.classes
        found.append(canvas)
    return found


def _windows(book: StrokeBook, ids: Sequence[int]) -> dict[int, tuple[slice, slice]]:
    """Return, of each image with strokes of these classes, their surroundings."""
    return {
        image: bounding_box(labels > 0, grown_by=_SURROUNDINGS)
        for image, labels in enumerate(book.labels)
        if np.isin(labels, ids).any()
    }
