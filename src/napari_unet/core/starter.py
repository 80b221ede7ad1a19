"""The weights that ship with the package: a network that has seen many synthetic images."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import torch
from safetensors.torch import load
from torch import Tensor

from napari_unet.core.config import PRESETS
from napari_unet.core.unet import UNet

_FIRST = "contracting.0.convolutions.0.weight"


def starter_network(in_channels: int, n_classes: int) -> UNet:
    """Return a guided network with the starter's weights.

    It improves a forest's answer without any training, for any classes; ``starter/`` in the
    repository says how it was made.

    Parameters
    ----------
    in_channels
        Of the image. The starter knows one channel; each of several gets an equal part of its
        weight.
    n_classes
        Any number; the weights do not depend on it.
    """
    network = UNet(PRESETS["compact"].network(in_channels, n_classes, guided=True))
    state = network.state_dict()
    for name, value in _weights().items():
        state[name].copy_(_spread(value, in_channels) if name == _FIRST else value)
    network.load_state_dict(state)
    return network


def _spread(weight: Tensor, in_channels: int) -> Tensor:
    """Map (C', 2, 3, 3), image and guide, to (C', in_channels + 1, 3, 3)."""
    image, guide = weight.split(1, dim=1)
    return torch.cat([image.expand(-1, in_channels, -1, -1) / in_channels, guide], dim=1)


@lru_cache(maxsize=1)
def _weights() -> dict[str, Tensor]:
    data = (files("napari_unet") / "weights" / "starter.safetensors").read_bytes()
    return {name: value.float() for name, value in load(data).items()}
