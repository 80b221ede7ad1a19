"""What of a model other programs can run: its network, with nothing of this program around it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from napari_unet.core.models.model import Model
from napari_unet.core.network.config import TrainedConfig, UNetConfig
from napari_unet.core.network.networks import new_network
from napari_unet.errors import InvalidModel

_MOST_BYTES = 2**31 - 2**20  # ONNX files are at most 2 GiB, and so is a message of protobuf


@dataclass(frozen=True, eq=False)
class Portable:
    """A network that stands for itself.

    ``state`` are its weights, float32 on the CPU, batch normalisation folded into them.
    """

    config: TrainedConfig
    state: Mapping[str, Tensor]

    @property
    def arguments(self) -> dict[str, Any] | None:
        """What the standalone network is made with, as plain lists and numbers.

        ``None`` for a network on the pretrained encoder, of which there is no standalone one.
        """
        return _arguments(self.config) if isinstance(self.config, UNetConfig) else None


def portable(model: Model) -> Portable:
    """Take a model's network out of it.

    ``InvalidModel`` if the model answers by more than its network, or its weights are too large for
    ONNX.
    """
    header = model.header
    if model.classifier is not None and header.network_share < 1:
        raise InvalidModel(
            "this model of Live answers by a pixel classifier in part, which other programs cannot "
            "run, so it cannot be exported; paint on and train it with Train, which makes a model "
            "of the network alone."
        )
    unet = header.unet
    with torch.device("meta"):
        shapes = new_network(unet).parameters()
    if 4 * sum(shape.numel() for shape in shapes) > _MOST_BYTES:
        raise InvalidModel(
            "the weights of this model are larger than 2 GiB, the most that ONNX holds, so it "
            "cannot be exported; train one with fewer channels."
        )
    network = model.prediction_network(torch.device("cpu"))
    state = {name: value.contiguous() for name, value in network.state_dict().items()}
    return Portable(unet, state)


def _arguments(config: UNetConfig) -> dict[str, Any]:
    return {
        "in_channels": config.in_channels,
        "n_classes": config.n_classes,
        "base_channels": config.base_channels,
        "poolings": [list(factors) for factors in config.poolings],
        "kernels": [list(kernel) for kernel in config.kernels],
        "margins": list(config.margins),
        "cropped": list(config.cropped),
    }
