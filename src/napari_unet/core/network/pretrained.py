"""The weights that ship: the encoder's, for any number of channels, and the refiner's."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from importlib.resources import files

import numpy as np
import torch
from safetensors.torch import load
from torch import Tensor

from napari_unet.core.network.encoder import Encoder, for_channels
from napari_unet.core.network.refiner import Refiner

_ENCODER, _REFINER = "encoder.safetensors", "refiner.safetensors"
_FIRST = "stem.weight"


def pretrained_encoder(in_channels: int) -> Encoder:
    """Return the encoder that has seen ImageNet, on the CPU, ready to predict."""
    with torch.device("meta"):
        encoder = Encoder(in_channels)
    give_weights(encoder, in_channels)
    encoder.eval().requires_grad_(False)
    return encoder.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def give_weights(encoder: Encoder, in_channels: int) -> None:
    """Give an encoder copies of the weights that have seen ImageNet."""
    known = _weights(_ENCODER)
    known = known | {_FIRST: for_channels(known[_FIRST], in_channels)}
    state = {name: known[name].clone() for name in encoder.state_dict()}
    encoder.load_state_dict(state, assign=True)


@lru_cache(maxsize=1)
def pretrained_refiner() -> Refiner:
    """Return the refiner that has seen microscopy, on the CPU, ready to predict; it is shared."""
    with torch.device("meta"):
        refiner = Refiner()
    refiner.load_state_dict(_weights(_REFINER), assign=True)
    refiner.eval().requires_grad_(False)
    return refiner.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@lru_cache(maxsize=1)
def pretrained_digest() -> np.ndarray:
    """Return what tells the shipped weights from others, (8,) uint8."""
    digest = hashlib.sha256(_bytes(_ENCODER) + _bytes(_REFINER)).digest()
    return np.frombuffer(digest[:8], dtype=np.uint8)


@lru_cache(maxsize=2)
def _weights(name: str) -> dict[str, Tensor]:
    return {key: value.float() for key, value in load(_bytes(name)).items()}


def _bytes(name: str) -> bytes:
    return (files("napari_unet") / "weights" / name).read_bytes()
