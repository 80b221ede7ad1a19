"""The pretrained U-Net: encoder, linear head and refiner as one network that can be trained.

The encoder is its contracting path, the refiner its expanding path (Ronneberger et al. 2015,
doi:10.1007/978-3-319-24574-4_28). What the linear head makes of the encoder's layers is the
refiner's guide, class by class. Once the head is fitted, which takes no training, it answers as
:mod:`napari_unet.core.forest.class_map` does without the forest.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.images.box import Box
from napari_unet.core.network.encoder import (
    FEATURES,
    TAP_CHANNELS,
    TAP_STRIDES,
    Encoder,
    Taps,
    colour_matrix,
    fill_up,
)
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.refiner import SMALLEST, TAP_SCALE, Refiner

# Of the refiner's levels, from the coarsest: the stride, and how many of its own pixels it needs
# around the output. Two convolutions take one each, and what is enlarged is known to half a pixel
# of the coarser level from its edge; the finest convolves the image once before.
_LEVELS = ((16, 5), (8, 5), (4, 5), (2, 4), (1, 3))
_GUIDED = 80  # pixels around the output where there must be a guide


class PretrainedUNet(nn.Module):
    """See the module.

    Parameters
    ----------
    config
        Channels and classes.
    """

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.in_channels)
        self.colours = nn.Conv2d(config.in_channels, 3, 1)
        self.refiner = Refiner()
        self.head = nn.Conv2d(FEATURES, config.n_classes, 1)
        with torch.no_grad():
            self.colours.weight.copy_(colour_matrix(config.in_channels)[..., None, None])
            self.colours.bias.zero_()  # type: ignore[union-attr]

    def forward(
        self,
        x: Tensor,
        *,
        output: Box | None = None,
        padded: bool = True,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """Return logits, which are log-odds of each class.

        Parameters
        ----------
        x
            (B, C, Y, X), normalised grey values; sides are multiples of 16. Zeros surround it, as
            they do a patch in training: give ``margin`` pixels more where the image goes on.
        output
            The part of ``x`` to answer for, corners are multiples of 16; ``None`` for all of it.
        padded
            Always so.
        generator
            Draws nothing.

        Returns
        -------
        Tensor
            (B, n_classes, Y', X') of the output.
        """
        size = x.shape[2:]
        output = output or tuple(slice(0, side) for side in size)
        taps, image = self.encoder(x), self.colours(x)
        guided = _cells(output, 1, _GUIDED, size)
        p = self._linear(taps, guided, size).softmax(dim=1).clamp(SMALLEST, 1 - SMALLEST)
        guides = p.log() - (1 - p).log()
        levels = [_cells(output, *level, size) for level in _LEVELS]
        seen = self.refiner.seen(
            image[:, :, *levels[-1]],
            [tap[:, :, *cells] for tap, cells in zip(taps, _of_taps(levels), strict=True)],
        )
        starts = [_start(guided), *map(_start, levels)]
        odds = [self.refiner.refine(seen, guide, starts) for guide in guides.split(1, dim=1)]
        return torch.cat(odds, dim=1)[:, :, *_within(output, levels[-1])]

    def _linear(self, taps: Taps, part: Box, size: torch.Size) -> Tensor:
        """Return what the head makes of a part of what was seen, (B, K, Y, X)."""
        assert self.head.bias is not None
        logits = self.head.bias[:, None, None]
        weights = self.head.weight.split(TAP_CHANNELS, dim=1)
        for tap, weight, stride in zip(taps, weights, TAP_STRIDES, strict=True):
            cells = _cells(part, stride, 1, size)
            coarse = functional.conv2d(tap[:, :, *cells] * TAP_SCALE, weight)
            large = functional.interpolate(
                coarse, scale_factor=float(stride), mode="bilinear", align_corners=False
            )
            logits = logits + large[:, :, *_within(part, cells, stride)]
        return logits

    def part(self, x: Tensor, tile: Box) -> Tensor:
        """Return the logits of a part of ``x`` of any size, (B, n_classes, Y', X').

        Where its sides are no multiples of 16, its last pixels are repeated.
        """
        stride = self.config.strides[-1]
        output = tuple(
            slice(s.start // stride * stride, -(-s.stop // stride) * stride) for s in tile
        )
        return self(fill_up(x), output=output)[:, :, *_within(tile, output)]


def _cells(part: Box, stride: int, around: int, size: torch.Size) -> Box:
    """Return a part of an image in cells of a stride, with so many more around as there are."""
    return tuple(
        slice(max(0, s.start // stride - around), min(side // stride, s.stop // stride + around))
        for s, side in zip(part, size, strict=True)
    )


def _within(part: Box, whole: Box, stride: int = 1) -> Box:
    """Return where a part lies in a larger one that is in cells of a stride."""
    return tuple(
        slice(inner.start - outer.start * stride, inner.stop - outer.start * stride)
        for inner, outer in zip(part, whole, strict=True)
    )


def _start(part: Box) -> tuple[int, int]:
    return part[0].start, part[1].start


def _of_taps(levels: list[Box]) -> list[Box]:
    """Return the refiner's levels as the encoder's taps, of which two are of one level."""
    *coarser, half, _ = levels
    return [half, half, *coarser[::-1]]
