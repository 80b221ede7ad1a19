"""The first answer on a plane, block by block and only where it is asked for.

It is what a pixel classifier says, and, counting twice, what the pretrained refiner makes of it.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import torch

from napari_unet.core.forest.filters import BLOCK
from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.network.device import computing, fast_dtype
from napari_unet.core.network.encoder import fill_up
from napari_unet.core.network.pretrained import pretrained_refiner
from napari_unet.core.network.refiner import SMALLEST

_MOST_LAZY_BYTES = 2**28
_WEIGHT = 2.0  # of what the refiner says, by starter/judge.py
_CPU = torch.device("cpu")


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """Return the log-odds of each class against the others.

    (K, ...) float32, within [-4, 4].
    """
    p = probabilities.clip(SMALLEST, 1 - SMALLEST)
    return np.log(p / (1 - p)).astype(np.float32)


def mixed(said: np.ndarray, refined: np.ndarray) -> np.ndarray:
    """Return the first answer from what the classifier says and what the refiner makes of it."""
    return (said + _WEIGHT * refined) / (1 + _WEIGHT)


class ClassMap:
    """The probabilities of a plane's classes, computed where they are asked for.

    ``scaled`` says how the plane's grey values are scaled.
    """

    def __init__(self, features: PixelFeatures, classifier: PixelClassifier) -> None:
        self.scaled = features.scaled
        self._features = features
        self._classifier = classifier
        self._blocks: OrderedDict[tuple[int, int], np.ndarray] = OrderedDict()

    def probabilities(self, tile: Tile) -> np.ndarray:
        """Return the (K, Y, X) float32 probabilities of a part of the plane."""
        found = np.empty((self._classifier.n_classes, *tile.sides), dtype=np.float32)
        first = [start // BLOCK for start, _ in tile.ranges]
        last = [-(-stop // BLOCK) for _, stop in tile.ranges]
        for number in np.ndindex(*(b - a for a, b in zip(first, last, strict=True))):
            index = tuple(a + n for a, n in zip(first, number, strict=True))
            spans = [
                (max(start, at * BLOCK), min(stop, (at + 1) * BLOCK))
                for at, (start, stop) in zip(index, tile.ranges, strict=True)
            ]
            part, corner = Tile(*spans), Tile(*((at * BLOCK, (at + 1) * BLOCK) for at in index))
            block = self._block((index[0], index[1]))
            found[:, *part.within(tile)] = block[:, *part.within(corner)]
        return found / found.sum(axis=0)

    def _block(self, number: tuple[int, int]) -> np.ndarray:
        if number not in self._blocks:
            self._blocks[number] = self._refined(number).astype(np.float16)
            most = max(1, _MOST_LAZY_BYTES // self._blocks[number].nbytes)
            if len(self._blocks) > most and not self._features.in_memory:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return self._blocks[number]

    def _refined(self, number: tuple[int, int]) -> np.ndarray:
        """Return the mean of what the classifier says and, twice, what the refiner makes of it."""
        block, dtype = self._features.block(number), fast_dtype(_CPU)
        said = self._classifier.predict_block(block)
        height, width = block.window
        with torch.inference_mode(), computing(_CPU, dtype):
            guide = fill_up(torch.from_numpy(log_odds(said))[:, None])
            odds = pretrained_refiner().refine(self._features.for_refiner(number), guide)
            refined = odds.float().sigmoid()[:, 0, :height, :width].numpy()
        refined /= refined.sum(axis=0).clip(SMALLEST)
        return mixed(said, refined)[:, *block.within.slices]
