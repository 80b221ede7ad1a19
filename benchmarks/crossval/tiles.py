"""Augmented tiles for the baselines, drawn as the U-Net's are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from benchmarks.crossval.data import IGNORED, Folder, Sample
from napari_unet.core.labels.border_weights import separate_touching
from napari_unet.core.training.augment import sample, sampling_positions, vary_grey_values

_ELASTIC = 10.0  # px, as of the U-Net
_LARGEST_SHIFT = 0.25  # of a tile's side


def target_classes(item: Sample, folder: Folder) -> np.ndarray:
    """Return what a pixel classifier learns, (Y, X) int16: touching objects are parted."""
    if folder.label_kind == "instances":
        return (separate_touching(item.labels) > 0).astype(np.int16)
    return item.classes


class Tiles:
    """Draws tiles around pixels of each class equally often.

    Parameters
    ----------
    samples, folder
        What to draw from.
    generator
        On the CPU; draws everything.
    device
        Where tiles are made.
    """

    def __init__(
        self,
        samples: Sequence[Sample],
        folder: Folder,
        generator: torch.Generator,
        device: torch.device,
    ) -> None:
        classes = [target_classes(item, folder) for item in samples]
        self._generator = generator
        self._device = device
        self._planes = [
            (
                torch.from_numpy(item.plane).to(device),
                torch.from_numpy(target[None] + np.float32(1)).to(device),  # 0 where unknown
            )
            for item, target in zip(samples, classes, strict=True)
        ]
        self.channels = int(self._planes[0][0].shape[0])
        known = np.concatenate([target[target != IGNORED] for target in classes])
        self.counts = np.bincount(known, minlength=folder.n_classes)
        self._centres = [_pixels(classes, index) for index in range(folder.n_classes)]

    def draw(self, count: int, side: int, output: int) -> tuple[Tensor, Tensor]:
        """Draw a batch.

        Parameters
        ----------
        count
            Tiles.
        side, output
            Sides of the image's tiles and of the labels' tiles in their middle, in pixels.

        Returns
        -------
        tuple of Tensor
            (B, C, side, side) float32 and (B, output, output) int64, ``IGNORED`` where unknown or
            outside of the image.
        """
        positions = sampling_positions(self._generator, count, (side, side), elastic=_ELASTIC)
        positions = positions.to(self._device)
        images, targets = [], []
        for index in range(count):
            plane, centre = self._draw_centre(output)
            image, target = sample(*self._planes[plane], positions[index] + centre)
            images.append(image)
            targets.append(target[0])
        lost = (side - output) // 2
        classes = torch.stack(targets)[:, lost : lost + output, lost : lost + output]
        return vary_grey_values(self._generator, torch.stack(images)), classes.round().long() - 1

    def _draw_centre(self, output: int) -> tuple[int, Tensor]:
        centres = self._centres[self._integer(len(self._centres))]
        plane, row, column = centres[self._integer(len(centres))]
        shift = output * _LARGEST_SHIFT * (2 * torch.rand(2, generator=self._generator) - 1)
        return int(plane), (torch.tensor([float(row), float(column)]) + shift).to(self._device)

    def _integer(self, below: int) -> int:
        return int(torch.randint(below, (1,), generator=self._generator))


def _pixels(classes: Sequence[np.ndarray], index: int) -> np.ndarray:
    """List the pixels of a class, (N, 3) int32 of plane, row, column."""
    found = []
    for plane, target in enumerate(classes):
        rows, columns = np.nonzero(target == index)
        found.append(np.stack([np.full_like(rows, plane), rows, columns], axis=-1))
    return np.concatenate(found).astype(np.int32)
