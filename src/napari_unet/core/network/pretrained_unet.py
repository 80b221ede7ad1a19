"""A U-Net (Ronneberger et al. 2015) whose contracting path is the encoder that has seen ImageNet.

The expanding path is narrow, since at the image's size each channel costs most. It sees what the
encoder's layers say at each resolution, and the image itself at its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.network.encoder import CLIP, TAP_CHANNELS, Encoder
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.unet import DoubleConvolution, crop

_BLOCKS, _COARSEST = 8, 80  # of the encoder, and channels that the last of them gives
# From the coarsest level, of 16 pixels, to the one of the image's size.
_SIDEWAYS = (64, 32, 24, 24)  # channels that what the encoder says is brought down to
_WIDTHS = (48, 32, 24, 16)
# Pixels around the output that each level needs, in its own pixels: two convolutions take one
# each, and what is enlarged is known to half a pixel of the coarser level from its edge.
CONTEXT = (3, 5, 5, 4, 2)
_TAP_SPREAD = 6.0  # about the standard deviation of what the encoder says


class PretrainedUNet(nn.Module):
    """See the module.

    Parameters
    ----------
    config
        Channels and normalisation.
    """

    def __init__(self, config: PretrainedConfig) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config.in_channels, _BLOCKS)
        taps = (_COARSEST, TAP_CHANNELS[3], TAP_CHANNELS[2], sum(TAP_CHANNELS[:2]))
        self.sideways = nn.ModuleList(
            nn.Conv2d(i, o, 1) for i, o in zip(taps, _SIDEWAYS, strict=True)
        )
        # What comes up is made narrow before it is enlarged to the image's size.
        self.narrow = nn.Conv2d(_WIDTHS[2], _WIDTHS[3], 1)
        below = (_SIDEWAYS[0], *_WIDTHS[:2], _WIDTHS[3])
        beside = (*_SIDEWAYS[1:], config.in_channels)
        self.expanding = nn.ModuleList(
            DoubleConvolution(b + s, width, kernel=(3, 3), batch_norm=config.batch_norm)
            for b, s, width in zip(below, beside, _WIDTHS, strict=True)
        )
        self.head = nn.Conv2d(_WIDTHS[3], config.n_classes, 1)
        for module in (*self.sideways, self.narrow, *self.expanding.modules(), self.head):
            if isinstance(module, nn.Conv2d):
                # He et al. 2015 (arXiv:1502.01852), equation 10.
                inputs = module.in_channels * math.prod(module.kernel_size)
                nn.init.normal_(module.weight, std=math.sqrt(2 / inputs))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)
        with torch.no_grad():
            for parameter in self.sideways.parameters():
                parameter.div_(_TAP_SPREAD)

    def forward(
        self, x: Tensor, *, padded: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return logits.

        Parameters
        ----------
        x
            (B, C, Y, X), normalised grey values; sides are multiples of 16.
        padded
            Whether the expanding path's convolutions are zero-padded, which keeps the size; else
            ``margin`` pixels are lost at each border, as far as zeros around the input reach.
        generator
            Draws nothing.

        Returns
        -------
        Tensor
            (B, n_classes, Y', X').
        """
        first, second, *coarser = self.encoder(x)
        beside = [torch.cat([first, second], dim=1), *coarser][::-1]
        if not padded:
            x, beside = self._needed(x, beside)
        seen = [functional.relu(s(y)) for s, y in zip(self.sideways, beside, strict=True)]
        found, *seen = (*seen, x.clamp(*CLIP))
        for level, (block, side) in enumerate(zip(self.expanding, seen, strict=True)):
            found = self.narrow(found) if level == len(seen) - 1 else found
            found = functional.interpolate(
                found, scale_factor=2.0, mode="bilinear", align_corners=False
            )
            found = torch.cat([crop(found, *side.shape[2:]), side], dim=1)
            found = block(found, padded=padded)
        return self.head(found)

    def _needed(self, image: Tensor, beside: list[Tensor]) -> tuple[Tensor, list[Tensor]]:
        """Cut what each level says to what its part of the output needs."""
        *contexts, finest = CONTEXT
        output = [side - 2 * self.config.margin for side in image.shape[2:]]
        cut = []
        for level, (tap, context) in enumerate(zip(beside, contexts, strict=True)):
            stride = self.config.stride // 2**level
            cut.append(crop(tap, *(side // stride + 2 * context for side in output)))
        return crop(image, *(side + 2 * finest for side in output)), cut
