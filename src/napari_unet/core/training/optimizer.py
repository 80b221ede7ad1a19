"""How weights follow the gradient: the optimiser and its learning rate over time."""

from __future__ import annotations

import math

import torch

from napari_unet.core.network.config import Preset
from napari_unet.core.network.networks import TrainedNetwork

_MOMENTUM = 0.99
_WEIGHT_DECAY = 1e-4
_WARM_UP_STEPS = 20
_LAST_FACTOR = 0.01


def new_optimizer(network: TrainedNetwork, preset: Preset) -> torch.optim.Optimizer:
    """Return the preset's optimiser.

    For ``unet2015`` stochastic gradient descent with a momentum of 0.99 (Ronneberger et al. 2015,
    section 3); for the others AdamW, which needs far fewer steps.
    """
    weights = list(network.parameters())
    fused = weights[0].device.type in ("cpu", "cuda")  # one pass over the weights
    if preset.optimizer == "sgd":
        return torch.optim.SGD(weights, lr=preset.learning_rate, momentum=_MOMENTUM)
    return torch.optim.AdamW(
        weights, lr=preset.learning_rate, weight_decay=_WEIGHT_DECAY, fused=fused
    )


def rate_factor(progress: float, steps: int) -> float:
    """Return the learning rate's factor: a linear warm-up, then half a cosine to 1 %.

    ``progress`` is the share of the budget that is spent, 0 to 1; ``steps`` those made so far.
    """
    warm = min(1.0, (steps + 1) / _WARM_UP_STEPS)
    cosine = 0.5 * (1 + math.cos(math.pi * progress))
    return warm * (_LAST_FACTOR + (1 - _LAST_FACTOR) * cosine)
