"""Where a training looks: patches around labelled pixels, drawn evenly over the classes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.labels.targets import Target
from napari_unet.core.network.config import TrainedConfig
from napari_unet.core.network.tile_size import box_of
from napari_unet.core.network.tiling import input_side, output_side
from napari_unet.core.network.unet import crop
from napari_unet.core.training.augment import sample, sampling_positions, vary_grey_values
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.loss import class_balance

_NEWEST_SHARE = 0.5
_LARGEST_SHIFT = 0.25
_ANCHOR_WEIGHT = 0.1  # of the mean weight of a labelled pixel; a patch has about 50 times as many


@dataclass(frozen=True)
class Batch:
    """What one step trains on.

    ``images`` (B, C, Y, X) float32, of volumes (B, C, Z, Y, X); ``classes`` (B, *axes) int64,
    smaller than the images if the network is unpadded; ``weights`` (B, *axes) float32, w(x), 0
    where unlabelled or held out.
    """

    images: Tensor
    classes: Tensor
    weights: Tensor


class PatchSource:
    """Draws batches from a dataset.

    ``side`` is that of a patch's output in pixels, or one for each axis, made to fit the network,
    which decides how much context a patch needs, and the largest image. ``elastic`` is the standard
    deviation of the displacements in pixels, ``balance_exponent`` that of
    :func:`napari_unet.core.training.loss.class_balance`. A voxel's size is (plane, row, column), in
    any unit; ``None`` in 2D. ``anchors`` are of each image, int16 of its size: classes of
    unlabelled pixels that count a little too where a patch reaches them, -1 where there are none;
    empty for none at all.
    """

    def __init__(
        self,
        dataset: Dataset,
        config: TrainedConfig,
        *,
        side: int | Sequence[int],
        elastic: float,
        balance_exponent: float,
        device: torch.device,
        voxel_size: tuple[float, float, float] | None = None,
        anchors: Sequence[np.ndarray] = (),
    ) -> None:
        self._config = config
        self._elastic = elastic
        self._voxel_size = voxel_size
        self._largest = largest_image(dataset)
        self.resize(side)
        counts = torch.tensor(_trained_counts(dataset), dtype=torch.float64)
        balance = class_balance(counts, exponent=balance_exponent)
        targets = [_target_tensor(target, balance) for target in dataset.targets]
        for target, classes in zip(targets, anchors, strict=False):
            _anchor(target, torch.from_numpy(classes))
        self._images = [
            (torch.from_numpy(image).to(device), target.to(device))
            for image, target in zip(dataset.images, targets, strict=True)
        ]
        count = len(dataset.classes)
        self._centres = _centres(dataset.targets, count, newest=False)
        self._newest = _centres(dataset.targets, count, newest=True)
        self._device = device

    @property
    def side(self) -> int:
        """The side along columns, and in 2D along rows, of a patch's output."""
        return self.sides[-1]

    def resize(self, side: int | Sequence[int]) -> None:
        """Change a patch's output, in pixels; never larger than the images need."""
        config = self._config
        wanted = (side,) * config.ndim if isinstance(side, int) else side
        sides = [
            min(length, -(-largest // stride) * stride)
            for length, largest, stride in zip(wanted, self._largest, config.strides, strict=True)
        ]
        self.sides: tuple[int, ...]
        self._input_sides: tuple[int, ...]
        if config.pad_in_training:
            self.sides = self._input_sides = tuple(
                max(length // stride * stride, 2 * stride)
                for length, stride in zip(sides, config.strides, strict=True)
            )
        else:
            self.sides = tuple(output_side(config, n, axis) for axis, n in enumerate(sides))
            self._input_sides = tuple(input_side(config, n, axis) for axis, n in enumerate(sides))

    def draw(self, count: int, generator: torch.Generator) -> Batch:
        """Draw a batch.

        Each patch is drawn around the newest strokes, where there are any, with a probability of a
        half. The generator, on the CPU, draws everything.
        """
        positions = sampling_positions(
            generator,
            count,
            self._input_sides,
            elastic=self._elastic,
            voxel_size=self._voxel_size,
        ).to(self._device)
        images, targets = [], []
        for index in range(count):
            number, centre = self._draw_centre(generator)
            image, target = sample(*self._images[number], positions[index] + centre)
            images.append(image)
            targets.append(target)
        target = crop(torch.stack(targets), *self.sides)
        return Batch(
            images=vary_grey_values(generator, torch.stack(images)),
            classes=(target[:, 0].round().long() - 1).clamp_min(0),
            weights=target[:, 1],
        )

    def _draw_centre(self, generator: torch.Generator) -> tuple[int, Tensor]:
        newest = float(torch.rand((), generator=generator)) < _NEWEST_SHARE
        centres = self._newest if newest and self._newest else self._centres
        pixels = centres[int(torch.randint(len(centres), (1,), generator=generator))]
        image, at = pixels.at(int(torch.randint(len(pixels), (1,), generator=generator)))
        largest = torch.tensor(self.sides) * _LARGEST_SHIFT
        shift = largest * (2 * torch.rand(len(at), generator=generator) - 1)
        centre = torch.tensor([float(index) for index in at]) + shift
        return image, centre.to(self._device)


def largest_image(dataset: Dataset) -> tuple[int, ...]:
    """Return the longest sides of the images; of planes, which are turned, one for both axes."""
    sides = np.max([image.shape[1:] for image in dataset.images], axis=0)
    return tuple(int(side) for side in (sides if len(sides) == 3 else [sides.max()] * 2))


def volume_sides(
    dataset: Dataset, voxels: int, voxel_size: tuple[float, float, float]
) -> tuple[int, ...]:
    """Return the sides of patches of that many voxels, cubes in space as far as volumes allow."""
    return box_of(voxels, largest_image(dataset), [1 / length for length in voxel_size])


def _target_tensor(target: Target, balance: Tensor) -> Tensor:
    """Return (2, *axes): class index + 1 (0 unlabelled), and the weight w(x)."""
    classes = torch.from_numpy(target.classes.astype(np.int64))
    weights = balance[classes.clamp_min(0)] + torch.from_numpy(target.border)  # equation 2
    weights = torch.where(torch.from_numpy(target.trained), weights, torch.zeros(()))
    return torch.stack([(classes + 1).float(), weights.float()])


def _anchor(target: Tensor, classes: Tensor) -> None:
    """Give unlabelled pixels of a target the classes of anchors."""
    where = (target[0] == 0) & (classes >= 0)
    target[0][where] = classes[where].float() + 1
    target[1][where] = _ANCHOR_WEIGHT


def _trained_counts(dataset: Dataset) -> np.ndarray:
    counts = np.zeros(len(dataset.classes), dtype=np.int64)
    for target in dataset.targets:
        counts += np.bincount(target.classes[target.trained], minlength=len(counts))
    return counts


@dataclass(frozen=True, eq=False)
class _Centres:
    """Pixels of one class, image after image.

    Of each image its (*axes), and (N,) int32 or int64, flat indices of its pixels.
    """

    shapes: tuple[tuple[int, ...], ...]
    indices: tuple[np.ndarray, ...]

    def __len__(self) -> int:
        return sum(map(len, self.indices))

    def at(self, number: int) -> tuple[int, tuple[int, ...]]:
        """Return the image and the index along each axis of one of all pixels."""
        for image, (shape, flat) in enumerate(zip(self.shapes, self.indices, strict=True)):
            if number < len(flat):
                return image, tuple(int(i) for i in np.unravel_index(flat[number], shape))
            number -= len(flat)
        raise IndexError(number)


def _centres(targets: tuple[Target, ...], n_classes: int, *, newest: bool) -> list[_Centres]:
    """Return the trained pixels of each class that has any."""
    shapes = tuple(target.classes.shape for target in targets)
    lists = []
    for index in range(n_classes):
        found = []
        for target in targets:
            wanted = (target.classes == index) & target.trained
            flat = np.flatnonzero(wanted & target.newest if newest else wanted)
            found.append(flat.astype(np.int32) if wanted.size < 2**31 else flat)
        pixels = _Centres(shapes, tuple(found))
        if len(pixels):
            lists.append(pixels)
    return lists
