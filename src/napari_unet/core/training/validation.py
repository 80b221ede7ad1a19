"""The score of a network while it is trained: intersection over union on held-out pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
from napari_unet.core.training.judged import Judged

_SIDE = 256
_VOXELS = 2**18  # of a tile in 3D
_MOST_TILES = 6


@dataclass(frozen=True)
class _Scored:
    """A tile to predict and what is true there."""

    patch: Tensor  # (1, C, *axes)
    truth: Tensor  # (*axes) int64, -1 where not scored
    inside: tuple[slice, ...]  # where it is in the output
    pixels: np.ndarray  # (N, 2 + axes) of those scored: plane, stroke, and where in the plane


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

    def judge(self, network: TrainedNetwork) -> Judged:
        """Return how good a network is."""
        found, true, strokes = [], [], []
        with torch.inference_mode():
            for tile in self._tiles:
                scored = tile.truth != IGNORED
                predicted = network(tile.patch, **self._options)[0].argmax(dim=0)[tile.inside]
                found.append(predicted[scored].cpu().numpy())
                true.append(tile.truth[scored].cpu().numpy())
                strokes.append(tile.pixels)
        return Judged(
            np.concatenate(found),
            np.concatenate(true),
            np.concatenate(strokes),
            len(self._dataset.classes),
            self._balanced,
        )

    def report(self, judged: Judged) -> dict[str, Any]:
        """Return what a model says of that: ``by_class`` and ``mistake`` of its training."""
        ids = [entry.id for entry in self._dataset.classes]
        return judged.report(ids, self._dataset.position) if self.held_out else {}


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
    at = np.argwhere(truth != IGNORED)
    strokes = dataset.targets[plane].strokes[tile.slices][tuple(at.T)]
    starts = [span.start for span in tile.slices]
    return _Scored(
        patch=on_device.contiguous(memory_format=channels_last(config.ndim)),
        truth=torch.from_numpy(truth).to(device),
        inside=_inside(config, tile),
        pixels=np.column_stack([np.full(len(at), plane), strokes, at + starts]),
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
