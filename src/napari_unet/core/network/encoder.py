"""The contracting path that has seen ImageNet: EfficientNet-Lite0 up to its eleventh block.

Tan and Le 2019 (arXiv:1905.11946), in the variant without squeeze-and-excitation and with ReLU6.
Its batch normalisation is folded into the convolutions, so that nothing depends on the tile.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 16  # of the coarsest tap; sizes of what goes in are multiples of it
TAP_CHANNELS = (32, 16, 24, 40, 112)
TAP_STRIDES = (2, 2, 4, 8, 16)
FEATURES = sum(TAP_CHANNELS)
MARGIN = 176  # pixels on each side that a value of the coarsest tap may depend on

CLIP = (-0.5, 1.5)  # of normalised grey values
MEAN, SCALE = 0.498, 0.502  # what its weights were trained with
# Channels in and out, expansion, side of the kernel, stride.
_BLOCKS = (
    (32, 16, 1, 3, 1),
    (16, 24, 6, 3, 2),
    (24, 24, 6, 3, 1),
    (24, 40, 6, 5, 2),
    (40, 40, 6, 5, 1),
    (40, 80, 6, 3, 2),
    (80, 80, 6, 3, 1),
    (80, 80, 6, 3, 1),
    (80, 112, 6, 5, 1),
    (112, 112, 6, 5, 1),
    (112, 112, 6, 5, 1),
)
_TAPPED = (0, 2, 4)  # and the last one

Taps = tuple[Tensor, ...]


class Encoder(nn.Module):
    """EfficientNet-Lite0 without its last five blocks.

    Zeros surround each layer's input as in training, so at an image's border nothing needs to be
    read beyond it; inside an image give :data:`MARGIN` more on each side, see :func:`window`.
    The last of the eleven ``blocks`` has the coarsest tap; ``tapped`` are the numbers of those that
    have one.
    """

    def __init__(self, in_channels: int = 3) -> None:
        super().__init__()
        self.stem = Convolution(in_channels, 32, 3, 2)
        self.blocks = nn.ModuleList([Block(*row) for row in _BLOCKS])
        self.tapped = (*_TAPPED, len(_BLOCKS) - 1)

    def forward(self, image: Tensor) -> Taps:
        """Return what five layers say.

        The image is (B, C, Y, X), normalised grey values, Y and X multiples of :data:`STRIDE`; each
        tap (B, C', Y / stride, X / stride), see :data:`TAP_CHANNELS` and :data:`TAP_STRIDES`.
        """
        x = _bent(self.stem((image.clamp(*CLIP) - MEAN) / SCALE))
        taps = [x]
        for number, block in enumerate(self.blocks):
            x = block(x)
            if number in self.tapped:
                taps.append(x)
        return tuple(taps)


class Block(nn.Module):
    """Widen, convolve each channel by itself, narrow; plus the input where the shapes agree."""

    def __init__(self, inside: int, out: int, expansion: int, side: int, stride: int) -> None:
        super().__init__()
        wide = inside * expansion
        self.expand = Convolution(inside, wide, 1, 1) if expansion > 1 else None
        self.depthwise = Convolution(wide, wide, side, stride, groups=wide)
        self.project = Convolution(wide, out, 1, 1)
        self.adds = stride == 1 and inside == out

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, Y, X) to (B, C', Y / stride, X / stride)."""
        y = x if self.expand is None else _bent(self.expand(x))
        y = self.project(_bent(self.depthwise(y)))
        return x + y if self.adds else y


class Convolution(nn.Conv2d):
    """A convolution whose result is 1 / stride as large; with stride 2, one less is put before."""

    def __init__(self, inside: int, out: int, side: int, stride: int, groups: int = 1) -> None:
        self.around = (side // 2 - (stride == 2), side // 2)  # zeros before and after
        even = side // 2 if stride == 1 else 0
        super().__init__(inside, out, side, stride, even, groups=groups)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, Y, X) to (B, C', Y / stride, X / stride)."""
        if self.stride == (2, 2):
            x = functional.pad(x, list(self.around) * 2)
        return super().forward(x)


def _bent(x: Tensor) -> Tensor:
    return functional.relu6(x, inplace=True)


def colour_matrix(channels: int) -> Tensor:
    """Return which share of each of C channels goes to red, green and blue, (3, C) float32.

    Equal channels give grey. One channel goes to all, of two the blue is the mean, and more are
    dealt out in turn.
    """
    if channels == 1:
        return torch.ones(3, 1)
    if channels == 2:
        return torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]])
    dealt = (torch.arange(channels) % 3 == torch.arange(3)[:, None]).float()
    return dealt / dealt.sum(dim=1, keepdim=True)


def for_channels(weight: Tensor, channels: int) -> Tensor:
    """Return the (C', channels, ...) weight of a first layer made for colours, (C', 3, ...)."""
    return torch.einsum("oi...,ic->oc...", weight, colour_matrix(channels))


def fill_up(image: Tensor) -> Tensor:
    """Repeat the last row and column of (B, C, Y, X) until :data:`STRIDE` divides Y and X."""
    down, right = (-image.shape[-2] % STRIDE, -image.shape[-1] % STRIDE)
    return functional.pad(image, (0, right, 0, down), mode="replicate") if down or right else image


def window(start: int, stop: int, size: int, margin: int = MARGIN) -> tuple[int, int]:
    """Return what to read along an axis so that ``start`` to ``stop`` comes out as of the whole.

    The beginning is a multiple of :data:`STRIDE`, and so is the end unless it is the axis' own.
    """
    begin = max(0, (start - margin) // STRIDE * STRIDE)
    return begin, min(size, -(-(stop + margin) // STRIDE) * STRIDE)
