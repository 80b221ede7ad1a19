"""What a model says of a tile: its network's answer, its classifier's, or something in between."""

import numpy as np
import torch

from napari_unet.core.forest.class_map import ClassMap
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.box import Tile
from napari_unet.core.images.lazy_plane import Plane, intensities_of, read_part
from napari_unet.core.images.normalise import not_imaged, rescale
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import channels_last, computing
from napari_unet.core.network.tiling import context, inner
from napari_unet.core.prediction.kept_answers import KeptAnswers
from napari_unet.errors import InvalidInput


class Answers:
    """A model's answers for the tiles of one plane.

    The plane is (C, Y, X), for a model of volumes (C, Z, Y, X); any real dtype; need not be in
    memory. ``class_map`` is what the model's classifier says of it, ``kept`` what its network said
    of tiles, where the caller keeps them for later.
    """

    def __init__(
        self,
        model: Model,
        plane: Plane,
        *,
        device: torch.device,
        dtype: torch.dtype,
        class_map: ClassMap | None = None,
        kept: KeptAnswers | None = None,
    ) -> None:
        self._model, self._plane = model, plane
        self._device, self._dtype = device, dtype
        self._config = model.header.unet
        if len(plane.shape) != 1 + self._config.ndim:
            raise InvalidInput(
                f"the model is {self._config.ndim}D and was given an image of shape "
                f"{plane.shape[1:]}; choose an image of {self._config.ndim} axes."
            )
        self._share = model.header.network_share if model.classifier is not None else 1.0
        self._map = class_map
        if self._map is None and model.classifier is not None and self._share < 1:
            self._map = ClassMap(PixelFeatures(plane, model.header.scaling), model.classifier)
        if self._map is None:
            self._scaled = model.header.scaling.of(intensities_of(plane))
        else:
            self._scaled = self._map.scaled
        self._kept = None if kept is None else kept.of(plane, model.weights, self._scaled)

    def probabilities(self, tile: Tile) -> np.ndarray:
        """Return each class's probability, (K, *axes) float32 of the tile's size.

        Of no class where nothing was imaged.
        """
        pixels = read_part(self._plane, *context(self._config, tile, self._plane.shape[1:]))
        missing = not_imaged(pixels)
        found = np.zeros((self._config.n_classes, *tile.sides), dtype=np.float32)
        if self._share > 0:
            found += self._share * self._said(pixels, tile)
        if self._share < 1:
            assert self._map is not None
            found += (1 - self._share) * self._map.probabilities(tile)
        if missing is not None:
            found[:, missing[inner(self._config, tile)]] = 0
        return found

    def _said(self, pixels: np.ndarray, tile: Tile) -> np.ndarray:
        if self._kept is None:
            return self._by_network(pixels, tile)
        return self._kept.said(tile, lambda: self._by_network(pixels, tile))

    def _by_network(self, pixels: np.ndarray, tile: Tile) -> np.ndarray:
        patch = rescale(pixels, self._scaled)
        network = self._model.prediction_network(self._device)
        x = torch.from_numpy(np.ascontiguousarray(patch))[None].to(self._device)  # (1, C, *axes)
        x = x.contiguous(memory_format=channels_last(self._config.ndim))
        with computing(self._device, self._dtype), torch.inference_mode():
            logits = network.part(x, inner(self._config, tile))[0].float()  # (K, *axes)
            # The softmax before equation 1 of Ronneberger et al. 2015.
            return logits.softmax(dim=0).cpu().numpy()
