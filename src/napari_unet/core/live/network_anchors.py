"""What was shown before the newest strokes, to hold the network to where nothing contradicts it.

What :mod:`live.classifier_anchors` is for the classifier, for the network: without it, strokes that
correct make it forget what it had right. It is asked around the strokes only, tile by tile, since
whoever paints does not wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.live.stroke_book import StrokeBook
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import fast_dtype
from napari_unet.core.prediction.plane_predictor import Answers

_TILES = 8
_SIDE = 192  # pixels
_SURE = 0.65  # probabilities of a mixture, which is less sure of itself than a classifier
_CONTRADICTED = 0.7


@dataclass(frozen=True, eq=False)
class Anchors:
    """What was said of a tile.

    Index of the image, the tile in its pixels, and (Y, X) int16 class indices, -1 where the answer
    was unsure or is contradicted.
    """

    image: int
    tile: Tile
    classes: np.ndarray


class FormerAnswer:
    """Asks a model that knows less about pixels around the strokes.

    Of an image without a class map nothing is asked. Tiles are (index of the image, tile).
    """

    def __init__(
        self,
        model: Model,
        class_maps: dict[int, ClassMap],
        tiles: Sequence[tuple[int, Tile]],
        planes: Sequence[Plane],
        device: torch.device,
    ) -> None:
        self._tiles = [(image, tile) for image, tile in tiles if image in class_maps]
        self._answers = {
            image: Answers(
                model,
                planes[image],
                device=device,
                dtype=fast_dtype(device),
                class_map=class_maps[image],
            )
            for image in {image for image, _ in self._tiles}
        }
        self.said: list[Anchors] = []

    @property
    def pending(self) -> bool:
        """Whether there are tiles left to ask about."""
        return bool(self._tiles)

    def ask(self, now: Callable[[int], ClassMap]) -> None:
        """Ask about a tile.

        ``now`` gives what the classifier of today says of an image.
        """
        image, tile = self._tiles.pop(0)
        said = self._answers[image].probabilities(tile)
        today = now(image).probabilities(tile)
        classes = said.argmax(axis=0)
        others = (today.argmax(axis=0) != classes) & (today.max(axis=0) > _CONTRADICTED)
        kept = (said.max(axis=0) > _SURE) & ~others
        self.said.append(Anchors(image, tile, np.where(kept, classes, -1).astype(np.int16)))


def tiles_around(book: StrokeBook, stride: int, rng: np.random.Generator) -> list[tuple[int, Tile]]:
    """Draw tiles around strokes, half of them around the newest, as patches are.

    Tiles begin at multiples of the stride; gives the index of the image, and where.
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
            start = max(0, middle - _SIDE // 2) // stride * stride
            spans.append((start, min(start + _SIDE, size)))
        tiles.append((image, Tile(*spans)))
    return tiles
