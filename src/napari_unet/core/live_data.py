"""What a live training learns from: pixels for the forest, planes and targets for the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_unet.core.classes import ClassInfo
from napari_unet.core.dataset import Dataset
from napari_unet.core.forest import Forest, fit_forest
from napari_unet.core.guide import FilterBlocks
from napari_unet.core.image import grey_values, rescale
from napari_unet.core.labels import make_target, with_held_out
from napari_unet.core.plane_reading import read_part
from napari_unet.core.strokes import StrokeBook, bounding_box

_MOST_PIXELS_A_CLASS = 600  # more take longer and say no more: docs/method.md
_SURROUNDINGS = 192  # pixels around the strokes that patches may see


def forest_on(
    book: StrokeBook, filters: Sequence[FilterBlocks], ids: Sequence[int], *, seed: int
) -> Forest:
    """Fit a forest on the strokes that are not held out.

    Parameters
    ----------
    book, filters
        The strokes and, for each image, its filters.
    ids
        Class ids in the order of the answer.
    seed
        Of the draws.
    """
    rng = np.random.default_rng(seed)
    values, classes = [], []
    for index, class_id in enumerate(ids):
        for image, blocks in enumerate(filters):
            wanted = (book.labels[image] == class_id) & ~book.held_out(image)
            rows, columns = np.nonzero(wanted)
            if len(rows) > _MOST_PIXELS_A_CLASS:
                kept = rng.choice(len(rows), _MOST_PIXELS_A_CLASS, replace=False)
                rows, columns = rows[kept], columns[kept]
            if len(rows):
                values.append(blocks.at(rows, columns))
                classes.append(np.full(len(rows), index))
    return fit_forest(np.concatenate(values), np.concatenate(classes), len(ids), seed=seed)


def dataset_of(
    book: StrokeBook,
    filters: Sequence[FilterBlocks],
    classes: tuple[ClassInfo, ...],
) -> Dataset:
    """Cut the surroundings of the strokes out of the images.

    Parameters
    ----------
    book, filters
        The strokes and, for each image, its filters.
    classes
        In the order of the answer; pixels of others are left out.
    """
    ids = [entry.id for entry in classes]
    planes, targets, ranges = [], [], []
    for image, labels in enumerate(book.labels):
        if not np.isin(labels, ids).any():
            continue
        window = bounding_box(labels > 0, grown_by=_SURROUNDINGS)
        blocks = filters[image]
        rows, columns = (np.arange(part.start, part.stop) for part in window)
        planes.append(rescale(read_part(blocks.plane, rows, columns), blocks.ranges))
        ranges.append(blocks.ranges)
        known = np.where(np.isin(labels[window], ids), labels[window], 0)
        target = make_target(known, "scribbles", ids, newest=book.newest[image][window])
        targets.append(with_held_out(target, book.held_out(image)[window]))
    return Dataset(tuple(planes), tuple(targets), classes, grey_values(ranges))
