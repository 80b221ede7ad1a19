"""The weights that ship with the package, for any number of channels."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files
from typing import TypeVar

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor, nn

from napari_unet.core.network.encoder import Encoder, for_channels
from napari_unet.core.network.refiner import Refiner

N = TypeVar("N", bound=nn.Module)


def pretrained_encoder(in_channels: int) -> Encoder:
    """Return the encoder that has seen ImageNet, on the CPU, ready to predict."""
    with torch.device("meta"):
        encoder = Encoder(in_channels)
    return _filled(encoder, _weights("encoder"), "stem.weight", in_channels)


def pretrained_refiner(in_channels: int) -> Refiner:
    """Return the refiner that has seen many tasks, on the CPU, ready to predict."""
    with torch.device("meta"):
        refiner = Refiner(in_channels)
    return _filled(refiner, _weights("refiner"), "sideways.4.weight", in_channels)


def _filled(network: N, weights: dict[str, Tensor], first: str, channels: int) -> N:
    state = weights | {first: for_channels(weights[first], channels)}
    # Copies: somebody may train them on.
    network.load_state_dict({name: value.clone() for name, value in state.items()}, assign=True)
    network.eval().requires_grad_(False)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@lru_cache(maxsize=2)
def _weights(name: str) -> dict[str, Tensor]:
    return {key: value.float() for key, value in load(_bytes(name)).items()}


@lru_cache(maxsize=1)
def encoder_digest() -> np.ndarray:
    """Return what tells the shipped encoder's weights from others, (8,) uint8."""
    digest = hashlib.sha256(_bytes("encoder")).digest()
    return np.frombuffer(digest[:8], dtype=np.uint8)


def _bytes(name: str) -> bytes:
    return (files("napari_unet") / "weights" / f"{name}.safetensors").read_bytes()
