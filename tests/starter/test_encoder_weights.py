"""The encoder's file: the original's weights with its normalisation folded in."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch.nn import functional

# The script lies beside the package, not in it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from starter.encoder_weights import folded

from napari_unet.core.network.encoder import Encoder

TAPPED = (0, 2, 4, 10)
# EfficientNet-Lite0's first eleven blocks: expansion, side, stride, channels out.
LITE0 = [(1, 3, 1, 16), (6, 3, 2, 24), (6, 3, 1, 24), (6, 5, 2, 40), (6, 5, 1, 40), (6, 3, 2, 80)]
LITE0 += [(6, 3, 1, 80)] * 2 + [(6, 5, 1, 112)] * 3


def original_weights() -> dict[str, torch.Tensor]:
    """Random weights named and shaped as the original's, with normalisation layers of their own."""
    generator = torch.Generator().manual_seed(0)
    found: dict[str, torch.Tensor] = {}

    def layer(conv: str, norm: str, *shape: int) -> None:
        inside = shape[1] * shape[2] * shape[3]
        found[f"{conv}.weight"] = torch.randn(shape, generator=generator) * (2 / inside) ** 0.5
        found[f"{norm}.weight"] = 0.5 + torch.rand(shape[0], generator=generator)
        found[f"{norm}.bias"] = 0.1 * torch.randn(shape[0], generator=generator)
        found[f"{norm}.running_mean"] = 0.1 * torch.randn(shape[0], generator=generator)
        found[f"{norm}.running_var"] = 0.5 + torch.rand(shape[0], generator=generator)

    layer("_conv_stem", "_bn0", 32, 3, 3, 3)
    channels = 32
    for number, (expansion, side, _, out) in enumerate(LITE0):
        at, wide = f"_blocks.{number}.", channels * expansion
        if expansion > 1:
            layer(f"{at}_expand_conv", f"{at}_bn0", wide, channels, 1, 1)
        layer(f"{at}_depthwise_conv", f"{at}_bn1", wide, 1, side, side)
        layer(f"{at}_project_conv", f"{at}_bn2", out, wide, 1, 1)
        channels = out
    return found


def original(weights: dict[str, torch.Tensor], image: torch.Tensor) -> list[torch.Tensor]:
    """The original's forward pass, after TensorFlow's "same" padding."""

    def convolve(x, conv, norm, stride=1, groups=1):
        weight = weights[f"{conv}.weight"]
        total = weight.shape[-1] - stride
        x = functional.pad(x, [total // 2, total - total // 2] * 2) if total > 0 else x
        x = functional.conv2d(x, weight, stride=stride, groups=groups)
        mean, variance = weights[f"{norm}.running_mean"], weights[f"{norm}.running_var"]
        scale, shift = weights[f"{norm}.weight"], weights[f"{norm}.bias"]
        return functional.batch_norm(x, mean, variance, scale, shift, eps=1e-3)

    x = functional.relu6(convolve((image - 0.498) / 0.502, "_conv_stem", "_bn0", 2))
    taps = [x]
    for number, (expansion, _, stride, _) in enumerate(LITE0):
        at, y = f"_blocks.{number}.", x
        if expansion > 1:
            y = functional.relu6(convolve(y, f"{at}_expand_conv", f"{at}_bn0"))
        wide = y.shape[1]
        y = functional.relu6(convolve(y, f"{at}_depthwise_conv", f"{at}_bn1", stride, wide))
        y = convolve(y, f"{at}_project_conv", f"{at}_bn2")
        x = x + y if y.shape == x.shape else y
        if number in TAPPED:
            taps.append(x)
    return taps


@torch.no_grad()
def test_folded_weights_do_as_the_original():
    weights = original_weights()
    encoder = Encoder().eval()
    encoder.load_state_dict(folded(weights))
    image = torch.rand(1, 3, 64, 96, generator=torch.Generator().manual_seed(1))
    for ours, theirs in zip(encoder(image), original(weights, image), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)
