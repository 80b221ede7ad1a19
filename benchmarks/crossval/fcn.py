"""A fully convolutional net without the expanding path's skips, after Long et al. 2014.

"Fully convolutional networks for semantic segmentation", CVPR 2015, as FCN-32s: a contracting path,
scores of the classes at its coarsest level by a 1 x 1 convolution, and bilinear upsampling to the
size of the image.

Other than there: the contracting path is that of the U-Net's preset, so that only the expanding
path differs (its stride is 16, not 32); it starts from random weights instead of a classifier's,
and is trained on tiles with the U-Net's augmentation and balance of classes, by Adam.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common.clocks import Clock
from benchmarks.crossval.data import Folder, Sample
from benchmarks.crossval.fitting import fit
from benchmarks.crossval.results import Settings, Training
from benchmarks.crossval.tiles import Tiles
from napari_unet.core.network.config import PRESETS, Preset
from napari_unet.core.network.device import pick_device
from napari_unet.core.network.unet import DoubleConvolution
from napari_unet.core.training.loss import class_balance

_BALANCE = 0.5  # as the U-Net's for dense labels


class ContractingNetwork(nn.Module):
    """The contracting path of a preset, and scores.

    Parameters
    ----------
    preset
        Width, depth, normalisation, dropout.
    channels, n_classes
        Of the image and of the output.
    """

    def __init__(self, preset: Preset, channels: int, n_classes: int) -> None:
        super().__init__()
        widths = [preset.base_channels * 2**level for level in range(preset.depth + 1)]
        self.blocks = nn.ModuleList(
            DoubleConvolution(i, o, kernel=(3, 3), batch_norm=preset.batch_norm)
            for i, o in zip([channels, *widths[:-1]], widths, strict=True)
        )
        self.dropout = nn.Dropout(preset.dropout)
        self.scores = nn.Conv2d(widths[-1], n_classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, Y, X), sides multiples of the stride, to (B, K, Y, X) logits."""
        size = x.shape[-2:]
        for level, block in enumerate(self.blocks):
            x = block(x if level == 0 else functional.max_pool2d(x, 2), padded=True)
        scores = self.scores(self.dropout(x))
        return functional.interpolate(scores, size=size, mode="bilinear", align_corners=False)


class FullyConvolutional:
    """The method, see the module."""

    timed = "the whole image at once"

    def __init__(self, folder: Folder, settings: Settings, clock: Clock, *, seed: int) -> None:
        self._folder, self._settings, self._clock, self._seed = folder, settings, clock, seed
        self._preset = PRESETS[settings.preset]  # type: ignore[index]
        self._stride = 2**self._preset.depth
        self._device = pick_device(settings.device)  # type: ignore[arg-type]

    def train(self, samples: Sequence[Sample]) -> Training:
        """Train on tiles as large as the U-Net's, and as many at a time."""
        start = self._clock()
        generator = torch.Generator().manual_seed(self._seed)
        tiles = Tiles(samples, self._folder, generator, self._device)
        torch.manual_seed(self._seed)
        self._network = ContractingNetwork(self._preset, tiles.channels, self._folder.n_classes)
        self._network.to(self._device)
        largest = max(max(item.labels.shape) for item in samples)
        side = max(1, min(self._preset.patch, largest) // self._stride) * self._stride
        return fit(
            self._network,
            lambda: tiles.draw(self._preset.batch, side, side),
            class_balance(torch.tensor(tiles.counts, dtype=torch.float64), exponent=_BALANCE),
            device=self._device,
            start=start,
            seconds=60 * self._settings.minutes,
            clock=self._clock,
        )

    def predict(self, item: Sample) -> np.ndarray:
        """Return probabilities of an image, mirrored to a multiple of the stride."""
        rows, columns = item.labels.shape
        width = [(0, 0), (0, -rows % self._stride), (0, -columns % self._stride)]
        padded = torch.from_numpy(np.pad(item.plane, width, mode="symmetric"))
        with torch.inference_mode():
            logits = self._network(padded[None].to(self._device))[0]
        return logits.float().softmax(dim=0)[:, :rows, :columns].cpu().numpy()

    def seconds_to_predict(self, item: Sample, taken: float) -> float:
        """Return what the prediction took."""
        return taken
