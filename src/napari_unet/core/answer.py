"""What a model says of a tile: its network's answer, its first answer, or something in between."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.device import computing
from napari_unet.core.guide import FilterBlocks, Guide
from napari_unet.core.image import rescale
from napari_unet.core.model import Model
from napari_unet.core.plane_reading import Plane, range_of, read_part
from napari_unet.core.tiling import Tile, context
from napari_unet.core.unet import UNet

# A network trained on few strokes is too sure of itself to be weighed against another answer
# (Guo et al. 2017, arXiv 1706.04599, section 4.2); measured, see docs/method.md.
_TEMPERATURE = 3.0


class Answers:
    """A model's answers for the tiles of one plane.

    Parameters
    ----------
    model
        A trained model.
    plane
        (C, Y, X), any real dtype; need not be in memory.
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
        self._config = model.header.network
        of_model = model.header.network_share if model.first is not None else 1.0
        self._share = of_model if share is None else share
        self._guide = guide
        if self._guide is None and model.first is not None and self._share < 1:
            self._guide = Guide(FilterBlocks(plane), model.first.forest)
        self._ranges = range_of(plane) if self._guide is None else self._guide.ranges

    def probabilities(self, tile: Tile) -> np.ndarray:
        """Return each class's probability, (K, Y, X) float32 of the tile's size."""
        shape = (self._plane.shape[-2], self._plane.shape[-1])
        rows, columns = context(self._config, tile, shape)
        patch = rescale(read_part(self._plane, rows, columns), self._ranges)
        size = (tile.rows[1] - tile.rows[0], tile.columns[1] - tile.columns[0])
        found = np.zeros((self._config.n_classes, *size), dtype=np.float32)
        if self._share > 0:
            network = self._model.prediction_network(self._device)
            temperature = _TEMPERATURE if self._model.first is not None else 1.0
            found += self._share * self._forward(network, patch, tile, temperature)
        if self._share < 1:
            assert self._guide is not None and self._model.first is not None
            patch = np.concatenate([patch, self._guide.read(rows, columns)])
            network = self._model.first.network(self._device)
            by_starter = self._forward(network, patch, tile)
            by_forest = self._guide.probabilities(np.arange(*tile.rows), np.arange(*tile.columns))
            # Measured: the mean of the two is at least as good as either.
            found += (1 - self._share) * 0.5 * (by_starter + by_forest)
        return found

    def _forward(
        self, network: UNet, patch: np.ndarray, tile: Tile, temperature: float = 1.0
    ) -> np.ndarray:
        x = torch.from_numpy(np.ascontiguousarray(patch))[None].to(self._device)  # (1, C, Y, X)
        with computing(self._device, self._dtype), torch.inference_mode():
            logits = network(x.contiguous(memory_format=torch.channels_last)) / temperature
            return _probabilities(logits, tile, self._config.stride)


def _probabilities(logits: Tensor, tile: Tile, stride: int) -> np.ndarray:
    """Softmax over the channels (Ronneberger et al. 2015, section 3), cut to the tile."""
    top, left = tile.rows[0] % stride, tile.columns[0] % stride
    bottom = top + tile.rows[1] - tile.rows[0]
    right = left + tile.columns[1] - tile.columns[0]
    return logits[0, :, top:bottom, left:right].float().softmax(dim=0).cpu().numpy()
