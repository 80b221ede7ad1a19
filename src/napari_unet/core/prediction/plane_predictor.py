"""What a model says of a tile: its network's answer, its first answer, or something in between."""

from __future__ import annotations

import numpy as np
import torch

from napari_unet.core.forest.filter_blocks import FilterBlocks
from napari_unet.core.forest.forest_map import Guide
from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import Plane, range_of, read_part
from napari_unet.core.images.normalise import rescale
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import channels_last, computing
from napari_unet.core.network.tiling import context, offset
from napari_unet.core.network.unet import UNet
from napari_unet.errors import InvalidInput

# A network trained on few strokes is too sure of itself to be weighed against another answer
# (Guo et al. 2017, arXiv 1706.04599, section 4.2); measured, see docs/method.md.
TEMPERATURE = 3.0


class Answers:
    """A model's answers for the tiles of one plane.

    Parameters
    ----------
    model
        A trained model.
    plane
        (C, Y, X), for a model of volumes (C, Z, Y, X); any real dtype; need not be in memory.
    device, dtype
        Where and in which precision to compute.
    guide
        What the model's forest says of the plane, where the caller keeps it for later.
    share
        How much the network counts, instead of what the model says itself.
    """

    def __init__(
        self,
        model: Model,
        plane: Plane,
        *,
        device: torch.device,
        dtype: torch.dtype,
        guide: Guide | None = None,
        share: float | None = None,
    ) -> None:
        self._model, self._plane = model, plane
        self._device, self._dtype = device, dtype
        self._config = model.header.unet
        if len(plane.shape) != 1 + self._config.ndim:
            raise InvalidInput(
                f"the model is {self._config.ndim}D and was given an image of shape "
                f"{plane.shape[1:]}; choose an image of {self._config.ndim} axes."
            )
        of_model = model.header.network_share if model.first is not None else 1.0
        self._share = of_model if share is None else share
        self._guide = guide
        if self._guide is None and model.first is not None and self._share < 1:
            self._guide = Guide(FilterBlocks(plane), model.first.forest)
        self._ranges = range_of(plane) if self._guide is None else self._guide.ranges

    def probabilities(self, tile: Tile) -> np.ndarray:
        """Return each class's probability, (K, *axes) float32 of the tile's size."""
        indices = context(self._config, tile, self._plane.shape[1:])
        patch = rescale(read_part(self._plane, *indices), self._ranges)
        found = np.zeros((self._config.n_classes, *tile.sides), dtype=np.float32)
        if self._share > 0:
            network = self._model.prediction_network(self._device)
            temperature = TEMPERATURE if self._model.first is not None else 1.0
            found += self._share * self._forward(network, patch, tile, temperature)
        if self._share < 1:
            assert self._guide is not None and self._model.first is not None
            patch = np.concatenate([patch, self._guide.read(*indices)])
            network = self._model.first.network(self._device)
            by_starter = self._forward(network, patch, tile)
            by_forest = self._guide.probabilities(np.arange(*tile.rows), np.arange(*tile.columns))
            # Measured: the mean of the two is at least as good as either.
            found += (1 - self._share) * 0.5 * (by_starter + by_forest)
        return found

    def _forward(
        self, network: UNet, patch: np.ndarray, tile: Tile, temperature: float = 1.0
    ) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(patch))[None].to(self._device)  # (1, C, *axes)
        x = x.contiguous(memory_format=channels_last(self._config.ndim))
        with computing(self._device, self._dtype), torch.inference_mode():
            logits = network(x)[0] / temperature  # (K, *axes)
            logits = logits[:, *offset(self._config, tile)].float()
            # The softmax before equation 1 of Ronneberger et al. 2015.
            return logits.softmax(dim=0).cpu().numpy()
