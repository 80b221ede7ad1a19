"""The score of a network while it is trained: intersection over union on held-out pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import read_part
from napari_unet.core.labels.targets import IGNORED
from napari_unet.core.network.config import TrainedConfig
from napari_unet.core.network.device import channels_last
from napari_unet.core.network.networks import TrainedNetwork
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.tile_size import box_of, covering_sides
from napari_unet.core.network.tiling import context, halves, offset, padded_context, plan
from napari_unet.core.training.dataset import Dataset

_SIDE = 256
_VOXELS = 2**18  # of a tile in 3D
_MOST_TILES = 6


@dataclass(frozen=True)
class _Scored:
    """A tile to predict and what is true there."""

    patch: Tensor  # (1, C, *axes)
    truth: Tensor  # (*axes) int64, -1 where not scored
    inside: tuple[slice, ...]  # where it is in the output


class Scorer:
    """Scores a network on the held-out pixels of a dataset, or on all labelled ones if none are.

    ``balanced``: each class counts as if it had the same number of pixels, which makes strokes of
    different lengths comparable. In 3D, and where the contracting path is the pretrained encoder,
    the whole context of a tile is many times as large as the tile. A network that is trained
    zero-padded is there scored so too, with some context around each tile.
    """

    def __init__(
        self, dataset: Dataset, config: TrainedConfig, *, balanced: bool, device: torch.device
    ) -> None:
        self.held_out = dataset.held_out
        self._dataset = dataset
        self._config = config
        self._balanced = balanced
        self._device = device
        self._options = {"padded": True} if _padded(config) else {}
        self._chosen = _choose_tiles(dataset, config, self.held_out)
        self._tiles = self._cut_tiles()

    def halve_tiles(self) -> bool:
        """Score the same pixels in smaller tiles; false if they cannot be any smaller."""
        before = len(self._chosen)
        self._chosen = [
            (plane, part)
            for plane, tile in self._chosen
            for part in halves(self._config, tile) or (tile,)
        ]
        self._tiles = self._cut_tiles()
        return len(self._chosen) > before

    def _cut_tiles(self) -> list[_Scored]:
        return [
            _cut(self._dataset, self._config, plane, tile, self.held_out, self._device)
            for plane, tile in self._chosen
        ]

    def score(self, network: TrainedNetwork) -> tuple[float, ...]:
        """Return the intersection over union of each class; NaN where it has no scored pixel."""
        count = len(self._dataset.classes)
        confusion = np.zeros((count, count))
        with torch.inference_mode():
            for tile in self._tiles:
                found = network(tile.patch, **self._options)[0].argmax(dim=0)[tile.inside]
                scored = tile.truth != IGNORED
                pairs = tile.truth[scored] * count + found[scored]
                counts = torch.bincount(pairs, minlength=count**2).cpu().numpy()
                confusion += counts.reshape(count, count)
        return intersection_over_union(confusion, balanced=self._balanced)


def intersection_over_union(confusion: np.ndarray, *, balanced: bool) -> tuple[float, ...]:
    """Return each class's intersection over union.

    ``confusion`` has (K, K) numbers of pixels, true class by predicted class; ``balanced``: each
    true class counts the same, however many pixels it has. NaN for a class without true pixels.
    """
    true = confusion.sum(axis=1)
    if balanced:
        confusion = confusion / np.maximum(true, 1)[:, None]
    hits = np.diag(confusion)
    union = confusion.sum(axis=1) + confusion.sum(axis=0) - hits
    scores = np.where(true > 0, hits / np.maximum(union, 1e-12), np.nan)
    return tuple(float(value) for value in scores)


def _scored(dataset: Dataset, plane: int, held_out: bool) -> np.ndarray:
    target = dataset.targets[plane]
    mask = target.held_out if held_out else target.classes != IGNORED
    return np.where(mask, target.classes, IGNORED)


def _choose_tiles(
    dataset: Dataset, config: TrainedConfig, held_out: bool
) -> list[tuple[int, Tile]]:
    """Choose at most six tiles that show as much as possible of each class."""
    found: list[tuple[int, Tile]] = []
    counts: list[np.ndarray] = []
    for plane, image in enumerate(dataset.images):
        scored = _scored(dataset, plane, held_out)
        whole = Tile.whole(image.shape[1:])
        limits = covering_sides(config, whole)
        largest = _SIDE if config.ndim == 2 else box_of(_VOXELS, limits, config.strides)
        for tile in plan(config, whole, largest):
            classes = scored[tile.slices]
            counts.append(np.bincount(classes[classes >= 0], minlength=len(dataset.classes)))
            found.append((plane, tile))
    table = np.array(counts, dtype=np.float64)
    shares = table / np.maximum(table.sum(axis=0), 1)  # (tiles, K)
    missing = np.ones(shares.shape[1])
    chosen: list[int] = []
    for _ in range(min(_MOST_TILES, len(found))):
        gains = np.minimum(shares, missing).sum(axis=1)
        gains[chosen] = 0
        best = int(gains.argmax())
        if gains[best] == 0:
            break
        chosen.append(best)
        # A class that is already seen is worth a hundredth, so that all classes come first.
        missing = np.where(shares[chosen].sum(axis=0) > 0, 0.01, 1.0)
    return [found[index] for index in chosen]


def _cut(
    dataset: Dataset,
    config: TrainedConfig,
    plane: int,
    tile: Tile,
    held_out: bool,
    device: torch.device,
) -> _Scored:
    image = dataset.images[plane]
    around = padded_context if _padded(config) else context
    patch = read_part(image, *around(config, tile, image.shape[1:]))
    on_device = torch.from_numpy(np.ascontiguousarray(patch))[None].to(device)
    truth = _scored(dataset, plane, held_out)[tile.slices].astype(np.int64)
    return _Scored(
        patch=on_device.contiguous(memory_format=channels_last(config.ndim)),
        truth=torch.from_numpy(truth).to(device),
        inside=_inside(config, tile),
    )


def _padded(config: TrainedConfig) -> bool:
    wide = config.ndim == 3 or isinstance(config, PretrainedConfig)
    return wide and config.pad_in_training


def _inside(config: TrainedConfig, tile: Tile) -> tuple[slice, ...]:
    """Return which part of the output the tile is."""
    parts = offset(config, tile)
    if not _padded(config):
        return parts
    pairs = zip(parts, config.strides, strict=True)
    return tuple(slice(part.start + stride, part.stop + stride) for part, stride in pairs)
