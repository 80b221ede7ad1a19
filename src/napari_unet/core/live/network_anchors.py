"""What the first answer is sure of around the strokes, to hold the network to it.

What :mod:`live.classifier_anchors` is for the classifier, for the network: strokes are few and it
is large, so that without it, it forgets what it knew before it has learned what it is shown (Li and
Hoiem 2016, arXiv:1606.09282). The first answer knows all strokes, and is asked around them only,
tile by tile, since whoever paints does not wait for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.images.box import Tile
from napari_unet.core.live.stroke_book import StrokeBook
from napari_unet.core.network.encoder import STRIDE
from napari_unet.core.training.closed_form import sure_classes

_TILES = 8
_SIDE = 192  # pixels


@dataclass(frozen=True, eq=False)
class Anchors:
    """What was said of a tile.

    Index of the image, the tile in its pixels, and (Y, X) int16 class indices, -1 where the answer
    was unsure.
    """

    image: int
    tile: Tile
    classes: np.ndarray


def sure_of(image: int, tile: Tile, first_answer: ClassMap) -> Anchors:
    """Return the classes of a tile where the first answer on an image is sure of one."""
    return Anchors(image, tile, sure_classes(first_answer.probabilities(tile)))


def tiles_around(book: StrokeBook, rng: np.random.Generator) -> list[tuple[int, Tile]]:
    """Draw tiles around strokes, half of them around the newest, as patches are.

    Gives the index of the image, and where.
    """
    drawn = []
    for masks, count in ((book.newest, _TILES // 2), ([x > 0 for x in book.labels], _TILES // 2)):
        at = [np.insert(np.argwhere(mask), 0, i, axis=1) for i, mask in enumerate(masks)]
        pixels = np.concatenate(at)
        if len(pixels):
            drawn += pixels[rng.integers(len(pixels), size=count)].tolist()
    tiles = []
    for image, *centre in drawn:
        spans = []
        for middle, size in zip(centre, book.labels[image].shape, strict=True):
            start = max(0, middle - _SIDE // 2) // STRIDE * STRIDE
            spans.append((start, min(start + _SIDE, size)))
        tiles.append((image, Tile(*spans)))
    return tiles
