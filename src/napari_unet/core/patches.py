"""Where a training looks: patches around labelled pixels, drawn evenly over the classes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.augment import sample, sampling_positions, vary_grey_values
from napari_unet.core.config import UNetConfig
from napari_unet.core.dataset import Dataset
from napari_unet.core.labels import Target
from napari_unet.core.losses import class_balance
from napari_unet.core.tiling import input_side, output_side

_NEWEST_SHARE = 0.5
_LARGEST_SHIFT = 0.25


@dataclass(frozen=True)
class Batch:
    """What one step trains on.

    Attributes
    ----------
    images
        (B, C, Y, X) float32.
    classes
        (B, Y', X') int64, smaller than the images if the network is unpadded.
    weights
        (B, Y', X') float32, w(x); 0 where unlabelled or held out.
    """

    images: Tensor
    classes: Tensor
    weights: Tensor


class PatchSource:
    """Draws batches from a dataset.

    Parameters
    ----------
    dataset
        Planes and targets.
    config
        The network, which decides how much context a patch needs.
    side
        Side of a patch's output in pixels; made to fit the network and the largest plane.
    elastic
        Standard deviation of the elastic displacements in pixels.
    balance_exponent
        How strongly classes are balanced, see :func:`napari_unet.core.losses.class_balance`.
    device
        Where the planes are kept and the patches are made.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: UNetConfig,
        *,
        side: int,
        elastic: float,
        balance_exponent: float,
        device: torch.device,
    ) -> None:
        self._config = config
        self._elastic = elastic
        self._largest_plane = max(max(image.shape[-2:]) for image in dataset.images)
        self.resize(side)
        counts = torch.tensor(_trained_counts(dataset), dtype=torch.float64)
        balance = class_balance(counts, exponent=balance_exponent)
        self._planes = [
            (torch.from_numpy(image).to(device), _target_tensor(target, balance).to(device))
            for image, target in zip(dataset.images, dataset.targets, strict=True)
        ]
        count = len(dataset.classes)
        self._centres = _centres(dataset.targets, count, newest=False)
        self._newest = _centres(dataset.targets, count, newest=True)
        self._device = device

    def resize(self, side: int) -> None:
        """Change the side of a patch's output, in pixels; never larger than the planes need."""
        stride = self._config.stride
        side = min(side, -(-self._largest_plane // stride) * stride)
        if self._config.pad_in_training:
            self.side = max(side // stride * stride, 2 * stride)
            self._input_side = self.side
        else:
            self.side = output_side(self._config, side)
            self._input_side = input_side(self._config, side)

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """Draw a batch.

        Parameters
        ----------
        count
            Number of patches; each is drawn around the newest strokes, where there are any, with
            a probability of a half.
        generator
            On the CPU; draws everything.
        """
        positions = sampling_positions(
            generator, count, self._input_side, elastic=self._elastic
        ).to(self._device)
        images, targets = [], []
        for index in range(count):
            plane, centre = self._draw_centre(generator)
            image, target = sample(*self._planes[plane], positions[index] + centre)
            images.append(image)
            targets.append(target)
        lost = (self._input_side - self.side) // 2
        target = torch.stack(targets)[..., lost : lost + self.side, lost : lost + self.side]
        return Batch(
            images=vary_grey_values(generator, torch.stack(images)),
            classes=(target[:, 0].round().long() - 1).clamp_min(0),
            weights=target[:, 1],
        )

    def _draw_centre(self, generator: torch.Generator) -> tuple[int, Tensor]:
        newest = float(torch.rand((), generator=generator)) < _NEWEST_SHARE
        centres = self._newest if newest and self._newest else self._centres
        pixels = centres[int(torch.randint(len(centres), (1,), generator=generator))]
        plane, row, column = pixels[int(torch.randint(len(pixels), (1,), generator=generator))]
        shift = self.side * _LARGEST_SHIFT * (2 * torch.rand(2, generator=generator) - 1)
        centre = torch.tensor([float(row), float(column)]) + shift
        return int(plane), centre.to(self._device)


def _target_tensor(target: Target, balance: Tensor) -> Tensor:
    """Return (2, Y, X): class index + 1 (0 unlabelled), and the weight w(x)."""
    classes = torch.from_numpy(target.classes.astype(np.int64))
    weights = balance[classes.clamp_min(0)] + torch.from_numpy(target.border)  # equation 2
    weights = torch.where(torch.from_numpy(target.trained), weights, torch.zeros(()))
    return torch.stack([(classes + 1).float(), weights.float()])


def _trained_counts(dataset: Dataset) -> np.ndarray:
    counts = np.zeros(len(dataset.classes), dtype=np.int64)
    for target in dataset.targets:
        counts += np.bincount(target.classes[target.trained], minlength=len(counts))
    return counts


def _centres(targets: tuple[Target, ...], n_classes: int, *, newest: bool) -> list[np.ndarray]:
    """List the trained pixels of each class that has any, (N, 3) int32 of plane, row, column."""
    lists = []
    for index in range(n_classes):
        found = []
        for plane, target in enumerate(targets):
            wanted = (target.classes == index) & target.trained
            rows, columns = np.nonzero(wanted & target.newest if newest else wanted)
            found.append(np.stack([np.full_like(rows, plane), rows, columns], axis=-1))
        pixels = np.concatenate(found).astype(np.int32)
        if len(pixels):
            lists.append(pixels)
    return lists
