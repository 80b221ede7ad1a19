"""The answer before any training of a network: the mean of a forest's and the starter's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.forest.filter_blocks import FILTERS_A_CHANNEL
from napari_unet.core.forest.random_forest import Forest
from napari_unet.core.network.config import PRESETS, UNetConfig
from napari_unet.core.network.unet import UNet, fused
from napari_unet.errors import InvalidModel

_FOREST, _STARTER = "forest.", "starter."


@dataclass(frozen=True, eq=False)
class FirstAnswer:
    """A forest and the network that it guides.

    Attributes
    ----------
    forest
        Fitted on strokes.
    weights
        Of the guided network, float32 on the CPU.
    in_channels
        Of the image.
    """

    forest: Forest
    weights: Mapping[str, Tensor]
    in_channels: int
    _networks: dict[torch.device, UNet] = field(default_factory=dict, init=False, repr=False)

    @property
    def config(self) -> UNetConfig:
        """The guided network's configuration."""
        return _config(self.in_channels, self.forest.n_classes)

    def network(self, device: torch.device) -> UNet:
        """Return the guided network made ready for prediction, the same at each call."""
        if device not in self._networks:
            with torch.device("meta"):
                network = UNet(self.config)
            network.load_state_dict(dict(self.weights), assign=True)
            self._networks[device] = fused(network).to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self._networks[device]

    def tensors(self) -> dict[str, Tensor]:
        """Return what a model file holds of it, by name."""
        arrays = self.forest.arrays().items()
        found = {_FOREST + name: torch.from_numpy(np.ascontiguousarray(a)) for name, a in arrays}
        halves = {_STARTER + name: value.half() for name, value in self.weights.items()}
        return found | halves

    @classmethod
    def taken_from(
        cls, tensors: dict[str, Tensor], in_channels: int, n_classes: int
    ) -> FirstAnswer | None:
        """Take its tensors out of a model file's; ``None`` if there are none.

        Raises
        ------
        InvalidModel
            They do not fit.
        """
        forest = _taken(tensors, _FOREST)
        weights = {name: value.float() for name, value in _taken(tensors, _STARTER).items()}
        if not forest and not weights:
            return None
        with torch.device("meta"):
            expected = UNet(_config(in_channels, n_classes)).state_dict()
        wanted = {name: v.shape for name, v in expected.items() if v.is_floating_point()}
        fits = {name: value.shape for name, value in weights.items()} == wanted
        if not fits or not all(torch.isfinite(value).all() for value in weights.values()):
            raise InvalidModel("the starter in the model file is damaged; take another copy of it.")
        arrays = {name: value.numpy() for name, value in forest.items()}
        checked = Forest.checked(arrays, in_channels * FILTERS_A_CHANNEL, n_classes)
        return cls(checked, weights, in_channels)


def _config(in_channels: int, n_classes: int) -> UNetConfig:
    return PRESETS["compact"].network(in_channels, n_classes, guided=True)


def _taken(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    names = [name for name in tensors if name.startswith(prefix)]
    return {name.removeprefix(prefix): tensors.pop(name) for name in names}
