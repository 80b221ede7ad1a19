"""A trained U-Net (Ronneberger et al. 2015) that needs nothing but PyTorch.

Whole images go in, normalised, and the probability of each class comes out for every pixel: the
image is mirrored at its borders here, so that each pixel is computed from its full context. A
package in the bioimage.io format holds a copy of this file.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional


class DoubleConvolution(nn.Module):
    """Two unpadded convolutions, each followed by a ReLU."""

    def __init__(self, in_channels: int, out_channels: int, kernel: Sequence[int]) -> None:
        super().__init__()
        kind: Any = nn.Conv2d if len(kernel) == 2 else nn.Conv3d
        self.convolutions = nn.ModuleList(
            kind(channels, out_channels, kernel_size=tuple(kernel))
            for channels in (in_channels, out_channels)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, *axes) to (B, C', *axes), twice ``kernel - 1`` px smaller."""
        for convolution in self.convolutions:
            x = functional.relu(convolution(x))
        return x


class StandaloneUNet(nn.Module):
    """A U-Net for planes or volumes of any size.

    Each level down doubles the base channels. ``poolings`` say by how much each level pools each
    axis, ``kernels`` those of the convolutions at each level, the deepest too. ``margins`` are
    pixels lost along each axis, at each of its ends, by an unpadded pass; ``cropped`` those of them
    that are lost on the way up, at both ends together.
    """

    def __init__(
        self,
        in_channels: int,
        n_classes: int,
        base_channels: int,
        poolings: Sequence[Sequence[int]],
        kernels: Sequence[Sequence[int]],
        margins: Sequence[int],
        cropped: Sequence[int],
    ) -> None:
        super().__init__()
        ndim = len(margins)
        self.poolings = [tuple(factors) for factors in poolings]
        self.kernels, self.margins, self.cropped = kernels, margins, cropped
        channels = [base_channels * 2**level for level in range(len(poolings) + 1)]
        self.contracting = nn.ModuleList(
            DoubleConvolution(i, o, kernel)
            for i, o, kernel in zip([in_channels, *channels[:-1]], channels, kernels, strict=True)
        )
        up: Any = nn.ConvTranspose2d if ndim == 2 else nn.ConvTranspose3d
        self.up_convolutions = nn.ModuleList(
            up(2 * c, c, kernel_size=factors, stride=factors)
            for c, factors in zip(channels[:-1], self.poolings, strict=True)
        )
        self.expanding = nn.ModuleList(
            DoubleConvolution(2 * c, c, kernel)
            for c, kernel in zip(channels[:-1], kernels[:-1], strict=True)
        )
        last: Any = nn.Conv2d if ndim == 2 else nn.Conv3d
        self.head = last(base_channels, n_classes, kernel_size=1)
        self._pool = functional.max_pool2d if ndim == 2 else functional.max_pool3d

    def forward(self, image: Tensor) -> Tensor:
        """Return probabilities.

        (B, C, Y, X) or (B, C, Z, Y, X) float32, normalised; (B, K, ...) float32, sums to 1 over the
        K classes.
        """
        x = image
        for axis in range(len(self.margins)):
            x = x.index_select(axis + 2, self._mirrored(axis, image.shape[axis + 2], x.device))
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(x)
            if level < len(self.poolings):
                skips.append(x)
                x = self._pool(x, kernel_size=self.poolings[level])
        for level in reversed(range(len(self.poolings))):
            x = self.up_convolutions[level](x)
            x = torch.cat([_central(skips.pop(), x), x], dim=1)
            x = self.expanding[level](x)
        x = self.head(x)
        for axis, size in enumerate(image.shape[2:], start=2):
            x = x.narrow(axis, 0, size)
        return x.softmax(dim=1)

    def _mirrored(self, axis: int, size: int, device: torch.device) -> Tensor:
        """Return the indices of an axis with its context, mirrored for ever without its ends."""
        stride = 1
        for factors in self.poolings:
            stride *= factors[axis]
        least = max(size, 2 * (self.kernels[0][axis] - 1))
        output = -(-(least + self.cropped[axis]) // stride) * stride - self.cropped[axis]
        margin = self.margins[axis]
        period = max(2 * (size - 1), 1)
        position = torch.arange(-margin, output + margin, device=device) % period
        return torch.minimum(position, period - position)


def _central(x: Tensor, like: Tensor) -> Tensor:
    """Return the central part that is as large as another tensor."""
    for axis in range(2, x.ndim):
        side = like.shape[axis]
        x = x.narrow(axis, (x.shape[axis] - side) // 2, side)
    return x
