"""Averages of the weights over time, which jump less than the weights and predict better."""

from __future__ import annotations

import copy

import torch
from torch import Tensor

from napari_unet.core.network.networks import TrainedNetwork

_DECAY = 0.98
_WARM_UP = 9.0


class AveragedWeights:
    """An exponential moving average of a network's weights and running statistics.

    The decay grows from 0.1 to its final value during the first steps, so that a random start is
    forgotten. The decay, the share of the average that a step keeps, grows from 0.1 to its final
    value during the first steps, so that a random start is forgotten: the average reaches back over
    about one ``warm_up``-th of the steps so far.
    """

    def __init__(
        self, network: TrainedNetwork, *, decay: float = _DECAY, warm_up: float = _WARM_UP
    ) -> None:
        self._decay, self._warm_up = decay, warm_up
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self._updates = 0

    def update(self, network: TrainedNetwork) -> None:
        """Take in the weights after a step."""
        self._updates += 1
        decay = min(self._decay, self._updates / (self._updates + self._warm_up))
        averaged, current = _floats(self.network), _floats(network)
        with torch.no_grad():
            torch._foreach_lerp_(averaged, current, 1 - decay)

    def copy_to(self, network: TrainedNetwork) -> None:
        """Set a network's weights to the average."""
        network.load_state_dict(self.network.state_dict())

    def state(self) -> dict[str, Tensor]:
        """Return a copy of the averaged weights, float32 on the CPU."""
        return {
            name: value.detach().to("cpu", copy=True).contiguous()
            for name, value in self.network.state_dict().items()
            if value.is_floating_point()
        }


def _floats(network: TrainedNetwork) -> list[Tensor]:
    return [value for value in network.state_dict().values() if value.is_floating_point()]
