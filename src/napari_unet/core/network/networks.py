"""The networks that are trained here, by their configuration."""

from __future__ import annotations

from copy import deepcopy

import torch

from napari_unet.core.network.config import TrainedConfig, UNetConfig
from napari_unet.core.network.pretrained import give_weights, pretrained_refiner
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.pretrained_unet import PretrainedUNet
from napari_unet.core.network.unet import DoubleConvolution, UNet

TrainedNetwork = UNet | PretrainedUNet


def new_network(config: TrainedConfig) -> TrainedNetwork:
    """Return a network with random weights."""
    return PretrainedUNet(config) if isinstance(config, PretrainedConfig) else UNet(config)


def drawn(config: TrainedConfig, seed: int) -> TrainedNetwork:
    """Return a network as a training begins with it: random weights, but for what is pretrained."""
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        network = new_network(config)
    if isinstance(network, PretrainedUNet):
        give_weights(network.encoder, config.in_channels)
        network.refiner.load_state_dict(pretrained_refiner().state_dict())
    return network


def fused(network: TrainedNetwork) -> TrainedNetwork:
    """Return a copy for prediction in which batch normalisation is folded into the convolutions.

    The output is the same to rounding; a pass reads and writes each map once less.
    """
    copy = deepcopy(network).eval().requires_grad_(False)
    for block in copy.modules():
        if isinstance(block, DoubleConvolution):
            block.fuse()
    if isinstance(copy.config, UNetConfig):
        copy.config = copy.config.model_copy(update={"batch_norm": False})
    return copy
