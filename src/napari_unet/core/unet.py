"""The U-Net (Ronneberger et al. 2015, section 2 and figure 1), one definition for each preset."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from napari_unet.core.config import UNetConfig

BATCH_NORM_EPSILON = 1e-5


class DoubleConvolution(nn.Module):
    """Two 3x3 convolutions, each followed by a ReLU.

    Parameters
    ----------
    in_channels, out_channels
        Channels before and after.
    batch_norm
        Whether each convolution is followed by batch normalisation, which then replaces its bias.
    """

    def __init__(self, in_channels: int, out_channels: int, *, batch_norm: bool) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(channels, out_channels, kernel_size=3, bias=not batch_norm)
            for channels in (in_channels, out_channels)
        )
        self.norms = nn.ModuleList(
            nn.BatchNorm2d(out_channels, eps=BATCH_NORM_EPSILON) if batch_norm else nn.Identity()
            for _ in range(2)
        )

    def forward(self, x: Tensor, padding: int) -> Tensor:
        """Map (B, C, Y, X) to (B, C', Y', X'), 4 px smaller a side pair unless padded by 1."""
        for convolution, norm in zip(self.convolutions, self.norms, strict=True):
            parameters = dict(convolution.named_parameters())
            x = functional.conv2d(x, parameters["weight"], parameters.get("bias"), padding=padding)
            x = functional.relu(norm(x), inplace=True)
        return x


class UNet(nn.Module):
    """A contracting and an expanding path joined by cropped copies.

    Weights are drawn as the paper says, normal with standard deviation sqrt(2 / N), N the number
    of incoming connections of a unit (section 3, after He et al. 2015).

    Parameters
    ----------
    config
        Channels, depth, normalisation, dropout.
    """

    def __init__(self, config: UNetConfig) -> None:
        super().__init__()
        self.config = config
        channels = [config.base_channels * 2**level for level in range(config.depth + 1)]
        inputs = [config.in_channels + (1 if config.guided else 0), *channels[:-1]]
        self.contracting = nn.ModuleList(
            DoubleConvolution(i, o, batch_norm=config.batch_norm)
            for i, o in zip(inputs, channels, strict=True)
        )
        self.up_convolutions = nn.ModuleList(
            nn.ConvTranspose2d(2 * c, c, kernel_size=2, stride=2) for c in channels[:-1]
        )
        self.expanding = nn.ModuleList(
            DoubleConvolution(2 * c, c, batch_norm=config.batch_norm) for c in channels[:-1]
        )
        outputs = 2 if config.guided else config.n_classes
        self.head = nn.Conv2d(channels[0], outputs, kernel_size=1)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                # Strides that equal the kernel leave one tap of an up-convolution to each output.
                taps = math.prod(module.kernel_size) // math.prod(module.stride)
                nn.init.normal_(module.weight, std=math.sqrt(2 / (module.in_channels * taps)))
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(
        self, x: Tensor, *, padded: bool = False, generator: torch.Generator | None = None
    ) -> Tensor:
        """Return logits.

        Parameters
        ----------
        x
            (B, C, Y, X), of a guided network with its ``guides`` after the image's channels.
            Padded: sides are multiples of ``stride``; unpadded: sides for which each pooled map
            is even, see :func:`napari_unet.core.tiling.input_side`.
        padded
            Whether 3x3 convolutions are zero-padded, which keeps the size; else ``margin`` pixels
            are lost at each border.
        generator
            On the network's device; draws what dropout drops while training. ``None`` for torch's
            own.

        Returns
        -------
        Tensor
            (B, n_classes, Y', X').
        """
        if self.config.guides < 2:
            return self._pass(x, padded=padded, generator=generator)
        image, guides = x.split([self.config.in_channels, self.config.guides], dim=1)
        of_classes = [
            self._pass(torch.cat([image, guide], dim=1), padded=padded, generator=generator)
            for guide in guides.split(1, dim=1)
        ]
        return torch.cat([this - other for other, this in map(_two, of_classes)], dim=1)

    def _pass(self, x: Tensor, *, padded: bool, generator: torch.Generator | None) -> Tensor:
        padding = 1 if padded else 0
        depth = self.config.depth
        skips: list[Tensor] = []
        for level, block in enumerate(self.contracting):
            x = block(x, padding)
            if self.training and level >= depth - 1:
                x = drop_out(x, self.config.dropout, generator)
            if level < depth:
                skips.append(x)
                x = functional.max_pool2d(x, kernel_size=2)
        for level in reversed(range(depth)):
            x = self.up_convolutions[level](x)
            x = torch.cat([crop(skips.pop(), x.shape[-2], x.shape[-1]), x], dim=1)
            x = self.expanding[level](x, padding)
        return self.head(x)


def _two(logits: Tensor) -> tuple[Tensor, Tensor]:
    """Split (B, 2, Y, X) into its channels, other classes and this one."""
    other, this = logits.split(1, dim=1)
    return other, this


def drop_out(x: Tensor, probability: float, generator: torch.Generator | None) -> Tensor:
    """Set values to 0 with that probability and scale the others up, so that the mean stays.

    Other than torch's own dropout it draws from a generator, so that a training can be repeated.
    """
    if probability == 0:
        return x
    kept = torch.empty_like(x).bernoulli_(1 - probability, generator=generator)
    return x * kept / (1 - probability)


def crop(x: Tensor, rows: int, columns: int) -> Tensor:
    """Return the central ``rows`` x ``columns`` of (B, C, Y, X)."""
    top = (x.shape[-2] - rows) // 2
    left = (x.shape[-1] - columns) // 2
    return x[..., top : top + rows, left : left + columns]


def fused(network: UNet) -> UNet:
    """Return a copy for prediction in which batch normalisation is folded into the convolutions.

    The output is the same to rounding; a pass reads and writes each map once less.
    """
    config = network.config.model_copy(update={"batch_norm": False})
    with torch.device("meta"):
        copy = UNet(config)
    if not network.config.batch_norm:
        state = {name: value.detach().clone() for name, value in network.state_dict().items()}
    else:
        state = _folded_state(network)
    copy.load_state_dict(state, assign=True)
    return copy.eval().requires_grad_(False)


def _folded_state(network: UNet) -> dict[str, Tensor]:
    state = {
        name: value.detach().clone()
        for name, value in network.state_dict().items()
        if ".norms." not in name
    }
    for path, block in network.named_modules():
        if not isinstance(block, DoubleConvolution):
            continue
        for index, norm in enumerate(block.norms):
            name = f"{path}.convolutions.{index}"
            of_norm = norm.state_dict()
            scale = of_norm["weight"] / torch.sqrt(of_norm["running_var"] + BATCH_NORM_EPSILON)
            state[f"{name}.weight"] = state[f"{name}.weight"] * scale[:, None, None, None]
            state[f"{name}.bias"] = of_norm["bias"] - of_norm["running_mean"] * scale
    return state
