"""A network that mends the answer of pixel classifiers, one class at a time.

It is the expanding path of a U-Net (Ronneberger et al. 2015, doi:10.1007/978-3-319-24574-4_28)
whose contracting path is the encoder, without any layer that normalises. Beside the encoder's taps
it sees the image and the guide, the log-odds of one class, at each resolution; it answers with
new log-odds of that class. So it fits any number and meaning of classes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.network.encoder import TAP_CHANNELS, Taps

LARGEST = 4.0  # of the guide's log-odds
SMALLEST = 1 / (1 + math.exp(LARGEST))  # the probability with the least of them
_WIDTHS = (64, 48, 32, 24, 16)  # from the coarsest level to that of the image
_SIDEWAYS = (64, 32, 24, 24, 8)  # channels that a tap, or the image, is brought down to
_CLIP = (-0.5, 1.5)  # of normalised grey values
TAP_SCALE = 1 / 6  # brings what the taps say to a standard deviation of about 1
LEAK = 0.1

Start = tuple[int, int]
_ALL_OF_IT: Sequence[Start] = ((0, 0),) * (len(_WIDTHS) + 1)


class Refiner(nn.Module):
    """See the module."""

    def __init__(self) -> None:
        super().__init__()
        deep, *sides = _SIDEWAYS
        taps = (TAP_CHANNELS[4], TAP_CHANNELS[3], TAP_CHANNELS[2], sum(TAP_CHANNELS[:2]))
        self.sideways = nn.ModuleList(
            [nn.Conv2d(i, o, 1) for i, o in zip(taps, (deep, *sides[:-1]), strict=True)]
            + [nn.Conv2d(3, sides[-1], 3, padding=1)]
        )
        # What comes up is made narrow before it is enlarged to the image's size.
        self.narrow = nn.Conv2d(_WIDTHS[3], _WIDTHS[4], 1)
        from_below = (0, *_WIDTHS[:3], _WIDTHS[4])
        self.levels = nn.ModuleList(
            [
                _Level(below + side + 1, width)
                for below, side, width in zip(from_below, _SIDEWAYS, _WIDTHS, strict=True)
            ]
        )
        self.last = nn.Conv2d(_WIDTHS[-1], 1, 1)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                # He et al. 2015 (arXiv:1502.01852), equation 15.
                nn.init.kaiming_normal_(layer.weight, LEAK)
                if layer.bias is not None:
                    nn.init.zeros_(layer.bias)

    def forward(self, image: Tensor, taps: Taps, guide: Tensor) -> Tensor:
        """Return the log-odds of a class.

        Parameters
        ----------
        image
            (B, 3, Y, X), normalised, grey three times; Y and X are multiples of 16.
        taps
            Of that image, see :class:`napari_unet.core.network.encoder.Encoder`.
        guide
            (B, 1, Y, X) log-odds, or (K, 1, Y, X) for K classes of one image.

        Returns
        -------
        Tensor
            Shaped as the guide.
        """
        return self.refine(self.seen(image, taps), guide)

    def seen(self, image: Tensor, taps: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return what does not depend on the class, from the coarsest level to the finest."""
        scaled = [tap * TAP_SCALE for tap in taps]
        finest = torch.cat(scaled[:2], dim=1)
        inputs = (scaled[4], scaled[3], scaled[2], finest, image.clamp(*_CLIP))
        return tuple(_bend(side(x)) for side, x in zip(self.sideways, inputs, strict=True))

    def refine(
        self, seen: tuple[Tensor, ...], guide: Tensor, starts: Sequence[Start] = _ALL_OF_IT
    ) -> Tensor:
        """Return the log-odds from what :meth:`seen` found and a guide.

        The answer is as large as what was seen at the finest level. ``starts`` are the rows and
        columns, in its own pixels, where the guide and then each level's maps begin; there may be
        more of a guide or of a coarser level than of the next.
        """
        guide = guide.clamp(-LARGEST, LARGEST)
        guides = [guide / LARGEST]
        for _ in range(len(self.levels) - 1):
            guides.append(functional.avg_pool2d(guides[-1], 2))
        x = seen[0].new_zeros(0)
        for number, (level, side) in enumerate(zip(self.levels, seen, strict=True)):
            last = len(self.levels) - 1 - number
            side = side.expand(len(guide), -1, -1, -1)
            here = starts[number + 1]
            parts = [side, _cut(guides[last], 1 / 2**last, starts[0], here, side).to(side.dtype)]
            if number:
                x = x if last else self.narrow(x)
                up = functional.interpolate(
                    x, scale_factor=2.0, mode="bilinear", align_corners=False
                )
                parts.append(_cut(up, 2, starts[number], here, side))
            x = level(torch.cat(parts, dim=1))
        return self.last(x)


def _cut(x: Tensor, scale: float, begins: Start, start: Start, like: Tensor) -> Tensor:
    """Return the part as large as another map; ``begins`` is enlarged by a scale."""
    for axis, (first, wanted) in enumerate(zip(begins, start, strict=True), start=2):
        x = x.narrow(axis, wanted - int(first * scale), like.shape[axis])
    return x


class _Level(nn.Module):
    """Two convolutions, the second one added."""

    def __init__(self, inside: int, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = _bend(self.first(x))
        return x + _bend(self.second(x))


def _bend(x: Tensor) -> Tensor:
    return functional.leaky_relu(x, LEAK)
