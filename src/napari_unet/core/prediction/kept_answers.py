"""What a network said of tiles of a plane, for as long as it would say the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from napari_unet.core.images.box import Tile
from napari_unet.core.images.intensity import Intensities

_MOST_BYTES = 2**26  # a plane


class KeptAnswers:
    """The latest answers on one plane, forgotten with other weights or another scaling.

    A stroke changes the first answer at once and the network's weights only later: whoever waits
    for a correction waits for the first answer alone.
    """

    def __init__(self) -> None:
        self._weights: Mapping[str, Tensor] | None = None
        self._scaled: Intensities | None = None
        self._tiles: OrderedDict[Tile, np.ndarray] = OrderedDict()

    def of(self, weights: Mapping[str, Tensor], scaled: Intensities) -> KeptAnswers:
        """Forget what other weights said, or these of the plane scaled otherwise."""
        if weights is not self._weights or scaled != self._scaled:
            self._weights, self._scaled = weights, scaled
            self._tiles.clear()
        return self

    def said(self, tile: Tile, ask: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the (K, Y, X) probabilities of a tile; ask where they are not known."""
        found = self._tiles.get(tile)
        if found is None:
            found = self._tiles[tile] = ask().astype(np.float16)
            while sum(one.nbytes for one in self._tiles.values()) > _MOST_BYTES:
                self._tiles.popitem(last=False)
        return found
