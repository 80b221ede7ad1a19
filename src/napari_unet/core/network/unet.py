"""The U-Net (Ronneberger et al. 2015, section 2 and figure 1), one definition for each preset."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from napari_unet.core.images.box import Box
from napari_unet.core.network.config import UNetConfig


class _Layers(NamedTuple):
    """The kinds of layers for a number of axes."""

    convolution: Callable[..., nn.Module]
    up_convolution: Callable[..., nn.Module]
    norm: Callable[..., nn.Module]


_LAYERS = {
    2: _Layers(nn.Conv2d, nn.ConvTranspose2d, nn.BatchNorm2d),
    3: _Layers(nn.Conv3d, nn.ConvTranspose3d, nn.BatchNorm3d),
}
_CONVOLUTIONS = (nn.Conv2d, nn.Conv3d, nn.ConvTranspose2d, nn.ConvTranspose3d)


class DoubleConvolution(nn.Module):
    """Two convolutions, each followed by a ReLU.

    ``kernel`` is along each axis, (3, 3) for planes. Batch normalisation replaces the bias of a
    convolution.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, kernel: tuple[int, ...], batch_norm: bool
    ) -> None:
        super().__init__()
        kind = _LAYERS[len(kernel)]
        self._kernel = kernel
        self.convolutions = nn.ModuleList(
            kind.convolution(channels, out_channels, kernel_size=kernel, bias=not batch_norm)
            for channels in (in_channels, out_channels)
        )
        self.norms = nn.ModuleList(
            kind.norm(out_channels) if batch_norm else nn.Identity() for _ in range(2)
        )

    def forward(self, x: Tensor, *, padded: bool) -> Tensor:
        """Map (B, C, *axes) to (B, C', *axes), twice ``kernel - 1`` px smaller unless padded."""
        convolve = functional.conv2d if len(self._kernel) == 2 else functional.conv3d
        padding = [side // 2 if padded else 0 for side in self._kernel]
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            parameters = dict(convolution.named_parameters())
            x = convolve(x, parameters["weight"], parameters.get("bias"), padding=padding)
            x = functional.relu(norm(x), inplace=True)
        return x

    def fuse(self) -> None:
        """Put batch normalisation, as it is when it does not train, into the convolutions."""
        for index, norm in enumerate(self.norms):
            if isinstance(norm, nn.BatchNorm2d | nn.BatchNorm3d):
                convolution: Any = self.convolutions[index]
                self.convolutions[index] = fuse_conv_bn_eval(convolution, norm)
                self.norms[index] = nn.Identity()


class UNet(nn.Module):
    """A contracting and an expanding path joined by cropped copies, for planes or volumes.

    Weights are drawn as the paper says, normal with standard deviation sqrt(2 / N), N the number of
    incoming connections of a unit (section 3, after He et al. 2015).
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        channels = [config.base_channels * 2**level for level in range(config.depth + 1)]
        inputs = [config.in_channels, *channels[:-1]]
        self.contracting = nn.ModuleList(
            DoubleConvolution(i, o, kernel=kernel, batch_norm=config.batch_norm)
            for i, o, kernel in zip(inputs, channels, config.kernels, strict=True)
        )
        kind = _LAYERS[config.ndim]
        self.up_convolutions = nn.ModuleList(
            kind.up_convolution(2 * c, c, kernel_size=factors, stride=factors)
            for c, factors in zip(channels[:-1], config.poolings, strict=True)
        )
        self.expanding = nn.ModuleList(
            DoubleConvolution(2 * c, c, kernel=kernel, batch_norm=config.batch_norm)
            for c, kernel in zip(channels[:-1], config.kernels[:-1], strict=True)
        )
        self.head = kind.convolution(channels[0], config.n_classes, kernel_size=1)
        for module in self.modules():
            if isinstance(module, _CONVOLUTIONS):
                # Strides that equal the kernel leave one tap of an up-convolution to each output.
                taps = math.prod(module.kernel_size) // math.prod(module.stride)
                nn.init.normal_(module.weight, std=math.sqrt(2 / (module.in_channels * taps)))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self, x: Tensor, *, padded: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return logits.

        (B, C, Y, X), of volumes (B, C, Z, Y, X), becomes (B, n_classes, Y', X') or (B, n_classes,
        Z', Y', X'). Padded convolutions keep the size, sides being multiples of ``strides``;
        unpadded, ``margins`` pixels are lost at each border, and sides are such that each pooled
        map is even, see :func:`napari_unet.core.network.tiling.input_side`. The generator, on the
        network's device, draws what dropout drops while training; ``None`` for torch's own.
        """
        depth = self.config.depth
        pool = functional.max_pool2d if self.config.ndim == 2 else functional.max_pool3d
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(x, padded=padded)
            if self.training and level >= depth - 1:
                x = drop_out(x, self.config.dropout, generator)
            if level < depth:
                skips.append(x)
                x = pool(x, kernel_size=self.config.poolings[level])
        for level in reversed(range(depth)):
            x = self.up_convolutions[level](x)
            x = torch.cat([crop(skips.pop(), *x.shape[2:]), x], dim=1)
            x = self.expanding[level](x, padded=padded)
        return self.head(x)

    def part(self, x: Tensor, tile: Box) -> Tensor:
        """Return the logits of a part of ``x``, (B, n_classes, *axes), of an unpadded pass."""
        found = self(x)
        for axis, (span, margin) in enumerate(zip(tile, self.config.margins, strict=True), start=2):
            found = found.narrow(axis, span.start - margin, span.stop - span.start)
        return found


def drop_out(x: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    """Set values to 0 with that probability and scale the others up, so that the mean stays.

    Other than torch's own dropout it draws from a generator, so that a training can be repeated.
    """
    if probability == 0:
        return x
    kept = torch.empty_like(x).bernoulli_(1 - probability, generator=generator)
    return x * kept / (1 - probability)


def crop(x: Tensor, *sides: int) -> Tensor:
    """Return the central part of those sides of (B, C, Y, X) or (B, C, Z, Y, X)."""
    for axis, side in enumerate(sides, start=2):
        x = x.narrow(axis, (x.shape[axis] - side) // 2, side)
    return x
