"""The refiner on one image, as the first answer uses it."""

import numpy as np
import torch

from napari_unet.core.forest.class_map import log_odds, mixed
from napari_unet.core.network.device import computing, fast_dtype
from napari_unet.core.network.encoder import fill_up
from napari_unet.core.network.pretrained import pretrained_encoder
from napari_unet.core.network.refiner import Refiner

_CPU = torch.device("cpu")


class Refining:
    """A refiner on a (C, Y, X) normalised image; grey is given to it three times."""

    def __init__(self, network: Refiner, image: np.ndarray) -> None:
        self._network, self._size = network, image.shape[1:]
        image = np.repeat(image, 3, axis=0) if len(image) == 1 else image
        full = fill_up(torch.from_numpy(image[None]))
        self._dtype = fast_dtype(_CPU)
        with computing(_CPU, self._dtype), torch.inference_mode():
            self._seen = network.seen(full, pretrained_encoder(len(image))(full))

    def refined(self, guide: np.ndarray) -> np.ndarray:
        """Return what it makes of (K, Y, X) probabilities."""
        odds = fill_up(torch.from_numpy(log_odds(guide))[:, None])
        with computing(_CPU, self._dtype), torch.inference_mode():
            found = self._network.refine(self._seen, odds).float().sigmoid()[:, 0]
        found = found[:, : self._size[0], : self._size[1]].numpy()
        return found / found.sum(axis=0).clip(1e-6)

    def shown(self, guide: np.ndarray) -> np.ndarray:
        """Return the first answer, (K, Y, X) probabilities."""
        return mixed(guide, self.refined(guide))
