"""The pretrained U-Net: encoder, linear head and refiner as one network that can be trained.

The encoder is its contracting path, the refiner its expanding path (Ronneberger et al. 2015,
doi:10.1007/978-3-319-24574-4_28). What the linear head makes of the encoder's layers is the
refiner's guide, class by class. Once the head is fitted, which takes no training, it answers as
:mod:`napari_unet.core.forest.class_map` does without the forest.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.network.encoder import (
    FEATURES,
    TAP_CHANNELS,
    TAP_STRIDES,
    Encoder,
    Taps,
    colour_matrix,
)
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.refiner import SMALLEST, TAP_SCALE, Refiner
from napari_unet.core.network.unet import crop

# Pixels around the output that each level of the refiner needs, in its own pixels, from the
# coarsest: two convolutions take one each, and what is enlarged is known to half a pixel of the
# coarser level from its edge.
CONTEXT = (5, 5, 5, 4, 2)
GUIDED = CONTEXT[0] * TAP_STRIDES[-1]  # pixels around the output where there must be a guide


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
        self, x: Tensor, *, padded: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return logits, which are log-odds of each class.

        Parameters
        ----------
        x
            (B, C, Y, X), normalised grey values; sides are multiples of 16.
        padded
            Whether convolutions are zero-padded, which keeps the size; else ``margin`` pixels are
            lost at each border.
        generator
            Draws nothing.

        Returns
        -------
        Tensor
            (B, n_classes, Y', X').
        """
        taps, image = self.encoder(x), self.colours(x)
        output = [side if padded else side - 2 * self.config.margin for side in x.shape[2:]]
        guided = [side if padded else side + 2 * GUIDED for side in output]
        p = self._linear(taps, guided).softmax(dim=1).clamp(SMALLEST, 1 - SMALLEST)
        guides = p.log() - (1 - p).log()
        seen = self.refiner.seen(image, taps) if padded else self._seen(image, taps, output)
        odds = [self.refiner.refine(seen, guide) for guide in guides.split(1, dim=1)]
        return crop(torch.cat(odds, dim=1), *output)

    def _linear(self, taps: Taps, size: list[int]) -> Tensor:
        """Return what the head makes of the middle of what was seen, (B, K, Y, X)."""
        assert self.head.bias is not None
        logits = self.head.bias[:, None, None]
        weights = self.head.weight.split(TAP_CHANNELS, dim=1)
        for tap, weight, stride in zip(taps, weights, TAP_STRIDES, strict=True):
            cells = [min(n, s // stride + 2) for n, s in zip(tap.shape[2:], size, strict=True)]
            coarse = functional.conv2d(crop(tap, *cells) * TAP_SCALE, weight)
            large = functional.interpolate(
                coarse, scale_factor=float(stride), mode="bilinear", align_corners=False
            )
            logits = logits + crop(large, *size)
        return logits

    def _seen(self, image: Tensor, taps: Taps, output: list[int]) -> tuple[Tensor, ...]:
        """Return what the refiner sees of what the output needs."""
        *coarser, finest = CONTEXT
        contexts = dict(zip(TAP_STRIDES[:0:-1], coarser, strict=True))
        needed = [
            crop(tap, *(side // stride + 2 * contexts[stride] for side in output))
            for tap, stride in zip(taps, TAP_STRIDES, strict=True)
        ]
        around = crop(image, *(side + 2 * (finest + 1) for side in output))
        *seen, last = self.refiner.seen(around, needed)
        return *seen, crop(last, *(side + 2 * finest for side in output))
