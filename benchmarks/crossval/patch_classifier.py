"""A network that classifies the centre pixel of a patch, after Ciresan et al. 2012.

"Deep neural networks segment neuronal membranes in electron microscopy images", NIPS 2012: the
winner of the ISBI 2012 challenge, against which the U-Net's paper measures itself. Convolutions and
2 x 2 max poolings by turns, then fully connected layers with 200 units and one output a class; 48
maps a convolution, a window of 65 px, the smallest of the three in that paper.

Other than there: rectified linear units, Adam instead of plain gradient descent, the augmentation
of the U-Net, one network instead of four, no foveation; and the correction of the output for the
classes' frequencies is Bayes' rule instead of a polynomial that is fitted.

The network is trained on tiles and scored on whole images by its dense equivalent, in which pooling
moves by one pixel and later layers are dilated instead: the same values, each of them computed
once. The prediction is timed one patch a pixel, as a sliding window is.
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
from napari_unet.core.network.device import pick_device
from napari_unet.core.training.loss import class_balance

WINDOW = 65
_REACH = WINDOW // 2
_MAPS = 48
_UNITS = 200
_KERNELS = (4, 4, 5)  # 65 -> 62 -> 31 -> 28 -> 14 -> 10 -> 5 px
_LAST = 5
_BATCH, _OUTPUT = 4, 64
_ROWS = 64  # of an image at a time
_TIMED_PATCHES = 64


class PatchNetwork(nn.Module):
    """The network on patches, and its dense equivalent.

    Parameters
    ----------
    channels, n_classes
        Of the image and of the output.
    """

    def __init__(self, channels: int, n_classes: int) -> None:
        super().__init__()
        inputs = (channels, *[_MAPS] * (len(_KERNELS) - 1))
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, _MAPS, kernel) for i, kernel in zip(inputs, _KERNELS, strict=True)
        )
        self.hidden = nn.Conv2d(_MAPS, _UNITS, _LAST)
        self.output = nn.Conv2d(_UNITS, n_classes, 1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight)
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor, *, dense: bool = True) -> Tensor:
        """Return logits, (B, K, 1, 1) for (B, C, 65, 65) patches.

        Dense: (B, C, Y, X) gives (B, K, Y - 64, X - 64), the logits of each patch in it.
        """
        dilation = 1
        for layer in self.convolutions:
            x = functional.relu(_convolve(x, layer, dilation))
            x = functional.max_pool2d(x, 2, stride=1 if dense else 2, dilation=dilation)
            dilation *= 2 if dense else 1
        return self.output(functional.relu(_convolve(x, self.hidden, dilation)))


def _convolve(x: Tensor, layer: nn.Module, dilation: int) -> Tensor:
    parameters = dict(layer.named_parameters())
    return functional.conv2d(x, parameters["weight"], parameters["bias"], dilation=dilation)


class PatchClassifier:
    """The method, see the module."""

    timed = (
        f"one patch a pixel, extrapolated from {_TIMED_PATCHES} patches at a time; scored on the "
        "dense equivalent's map"
    )

    def __init__(self, folder: Folder, settings: Settings, clock: Clock, *, seed: int) -> None:
        self._folder, self._settings, self._clock, self._seed = folder, settings, clock, seed
        self._device = pick_device(settings.device)  # type: ignore[arg-type]

    def train(self, samples: Sequence[Sample]) -> Training:
        """Train on tiles, the classes balanced as if as many patches of each were drawn."""
        start = self._clock()
        generator = torch.Generator().manual_seed(self._seed)
        tiles = Tiles(samples, self._folder, generator, self._device)
        torch.manual_seed(self._seed)
        self._network = PatchNetwork(tiles.channels, self._folder.n_classes).to(self._device)
        counts = torch.tensor(tiles.counts, dtype=torch.float64)
        self._frequencies = (counts / counts.sum()).float()
        return fit(
            self._network,
            lambda: tiles.draw(_BATCH, _OUTPUT + WINDOW - 1, _OUTPUT),
            class_balance(counts, exponent=1.0),
            device=self._device,
            start=start,
            seconds=60 * self._settings.minutes,
            clock=self._clock,
        )

    def predict(self, item: Sample) -> np.ndarray:
        """Return probabilities by the dense equivalent, the image mirrored at its borders."""
        parts = []
        with torch.inference_mode():
            padded = _mirrored(item.plane).to(self._device)
            for top in range(0, item.labels.shape[0], _ROWS):
                logits = self._network(padded[None, :, top : top + _ROWS + WINDOW - 1])[0]
                parts.append(logits.float().softmax(dim=0).cpu())
        balanced = torch.cat(parts, dim=1)
        # The balanced training takes every class for equally frequent.
        joint = balanced * self._frequencies[:, None, None]
        return (joint / joint.sum(dim=0)).numpy()

    def seconds_to_predict(self, item: Sample, taken: float) -> float:
        """Return the seconds of a sliding window, from those of a few patches."""
        windows = _mirrored(item.plane).unfold(1, WINDOW, 1).unfold(2, WINDOW, 1)
        rows, columns = windows.shape[1:3]
        places = np.random.default_rng(self._seed).integers(rows * columns, size=_TIMED_PATCHES)
        chosen = windows[:, places // columns, places % columns]
        patches = chosen.transpose(0, 1).contiguous().to(self._device)
        with torch.inference_mode():
            self._classified(patches)  # the first pass sets things up
            start = self._clock()
            self._classified(patches)
            seconds = self._clock() - start
        return seconds / _TIMED_PATCHES * rows * columns

    def _classified(self, patches: Tensor) -> Tensor:
        """Classify patches; copied to the CPU, so that the device has ended."""
        return self._network(patches, dense=False)[:, :, 0, 0].softmax(dim=1).cpu()


def _mirrored(plane: np.ndarray) -> Tensor:
    """Return (C, Y + 64, X + 64), so that each pixel is the centre of a patch."""
    width = ((0, 0), (_REACH, _REACH), (_REACH, _REACH))
    return torch.from_numpy(np.pad(plane, width, mode="reflect"))
