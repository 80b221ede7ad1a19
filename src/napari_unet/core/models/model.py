"""A trained model: weights and what they mean, saved as one safetensors file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor

from napari_unet.core.forest.pixel_classifier import PixelClassifier
from napari_unet.core.images.intensity import Way
from napari_unet.core.io.atomic import write_whole
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import GRAPH, METADATA_KEY, ModelHeader, digest_of, header_of
from napari_unet.core.network.device import channels_last
from napari_unet.core.network.networks import TrainedNetwork, fused, new_network
from napari_unet.core.network.onnx_network import ForeignNetwork
from napari_unet.errors import InvalidModel


@dataclass(frozen=True, eq=False)
class Model:
    """A trained model.

    Attributes
    ----------
    header
        Network, classes, scaling, pixel size and history.
    weights
        The network's state, float32 on the CPU; of one of another program its ONNX file's bytes.
    classifier
        What answered before the network was trained, where it still counts.
    """

    header: ModelHeader
    weights: Mapping[str, Tensor]
    classifier: PixelClassifier | None = None
    _networks: dict[torch.device, TrainedNetwork] = field(
        default_factory=dict, init=False, repr=False
    )

    @property
    def classes(self) -> tuple[ClassInfo, ...]:
        """The classes, in the order of the output channels."""
        return self.header.classes

    @property
    def class_ids(self) -> np.ndarray:
        """Ids as painted, (K,) uint16, or uint8 where they fit, in the order of the outputs."""
        return self.header.class_ids

    def scaled(self, way: Way | None) -> Model:
        """Return it with another way of scaling images; ``None`` for its own.

        Raises
        ------
        InvalidInput
            It is one of another program, which brings its own.
        """
        return replace(self, header=self.header.scaled(way))

    def network(self, n_classes: int | None = None) -> TrainedNetwork:
        """Return a new network with these weights, to be trained further.

        Parameters
        ----------
        n_classes
            Outputs of the network, at least the model's, which come first; the last layer's
            weights of the others are drawn at random. ``None`` for the model's outputs alone.
        """
        config = self.header.unet
        if n_classes is not None:
            config = config.model_copy(update={"n_classes": n_classes})
        network = new_network(config)
        state = network.state_dict()
        for name, value in self.weights.items():
            state[name][: len(value)] = value
        network.load_state_dict(state)
        return network

    def prediction_network(self, device: torch.device) -> TrainedNetwork:
        """Return the network made ready for prediction on a device, the same at each call."""
        if device not in self._networks:
            with torch.device("meta"):  # its weights are replaced at once
                network = new_network(self.header.unet)
            network.load_state_dict(dict(self.weights), assign=True)
            ready = fused(network).to(device)
            layout = channels_last(self.header.network.ndim)
            self._networks[device] = ready.to(memory_format=layout)  # type: ignore[call-overload]
        return self._networks[device]

    @cached_property
    def digest(self) -> str:
        """What tells it from other models, see :func:`napari_unet.core.models.header.digest_of`."""
        return digest_of(self.to_bytes())

    def to_bytes(self) -> bytes:
        """Return the content of a model file."""
        tensors = {name: value.detach().cpu().contiguous() for name, value in self.weights.items()}
        if self.classifier is not None:
            arrays = self.classifier.arrays().items()
            tensors |= {name: torch.tensor(array) for name, array in arrays}
        return save_tensors(tensors, metadata={METADATA_KEY: self.header.model_dump_json()})

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a model file, beside the target first, so that no half file is left.

        Raises
        ------
        UnwritableOutput
            It cannot be written there.
        """
        write_whole(Path(path), self.to_bytes())

    @classmethod
    def from_bytes(cls, data: bytes) -> Model:
        """Read the content of a model file.

        Raises
        ------
        InvalidModel
            It is no model of this program, is damaged, or is from a newer version.
        """
        header = header_of(data)
        try:
            weights = load_tensors(data)
        except SafetensorError as error:
            raise InvalidModel(
                f"the model file is damaged ({error}); take another copy of it."
            ) from None
        if isinstance(header.network, ForeignNetwork):
            return cls(header, {GRAPH: graph_of(weights)})
        config = header.unet
        with torch.device("meta"):
            expected = _float_tensors(new_network(config))
        arrays = {
            name: weights.pop(name).numpy() for name in PixelClassifier.names() & weights.keys()
        }
        classifier = (
            PixelClassifier.checked(arrays, config.in_channels, config.n_classes)
            if arrays
            else None
        )
        if {name: (value.shape, value.dtype) for name, value in weights.items()} != expected:
            raise InvalidModel(
                "the weights in the model file do not fit its own description; take another copy."
            )
        if not all(torch.isfinite(value).all() for value in weights.values()):
            raise InvalidModel("the model file holds NaN or infinite weights; train it again.")
        return cls(header, weights, classifier)


def _float_tensors(network: TrainedNetwork) -> dict[str, tuple[torch.Size, torch.dtype]]:
    """Describe the tensors that a file holds: all but the counters of batch normalisation."""
    state = network.state_dict().items()
    return {name: (value.shape, value.dtype) for name, value in state if value.is_floating_point()}


def graph_of(weights: Mapping[str, Tensor]) -> Tensor:
    """Return the bytes of the ONNX file out of a model file's tensors, (N,) uint8."""
    graph = weights.get(GRAPH)
    if graph is None or len(weights) != 1 or graph.numpy().dtype != np.uint8 or graph.ndim != 1:
        raise InvalidModel(
            "the weights in the model file do not fit its own description; take another copy."
        )
    return graph
