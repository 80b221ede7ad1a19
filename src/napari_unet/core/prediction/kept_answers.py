"""What a network said of tiles of a plane, for as long as it would say the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import numpy as np
from torch import Tensor

from napari_unet.core.images.box import Tile, lies_within
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import Plane

_MOST_BYTES = 2**26


class KeptAnswers:
    """The latest answers on one plane, forgotten with another plane, weights or scaling.

    A stroke changes the first answer at once and the network's weights only later: whoever waits
    for a correction waits for the first answer alone.
    """

    def __init__(self) -> None:
        self._plane: Plane | None = None
        self._weights: Mapping[str, Tensor] | None = None
        self._scaled: Intensities = ()
        self._tiles: OrderedDict[Tile, np.ndarray] = OrderedDict()

    def of(self, plane: Plane, weights: Mapping[str, Tensor], scaled: Intensities) -> KeptAnswers:
        """Forget what was said of anything else."""
        same = plane is self._plane and weights is self._weights and scaled == self._scaled
        if not same:
            self._plane, self._weights, self._scaled = plane, weights, scaled
            self._tiles.clear()
        return self

    def said(self, tile: Tile, ask: Callable[[], np.ndarray]) -> np.ndarray:
        """Return the (K, Y, X) probabilities of a tile; ask where none is kept that holds it."""
        for known, answer in self._tiles.items():
            if lies_within(sum(tile.ranges, ()), sum(known.ranges, ())):
                self._tiles.move_to_end(known)
                return answer[:, *tile.within(known)]
        answer = self._tiles[tile] = ask().astype(np.float16)
        while sum(one.nbytes for one in self._tiles.values()) > _MOST_BYTES:
            self._tiles.popitem(last=False)
        return answer
