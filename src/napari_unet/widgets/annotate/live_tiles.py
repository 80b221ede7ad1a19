"""Tiles of live predictions on their way into layers, shown a few times a second."""

import time

import numpy as np
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, QTimer

from napari_unet.core.images.box import Region
from napari_unet.core.labels.classes import background_id
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.planes import Index, has_plane, spatial_shape
from napari_unet.widgets.layers.results import Legend, put_classes, show_part

_SECONDS_BETWEEN_SHOWS = 0.1


class TileWriter(QObject):
    """Writes tiles into the segmentation layers of their images.

    A tile is in its layer at once. What was written is shown together, at most ten times a
    second: each time, the whole canvas is drawn, which without a GPU takes 30 ms.
    """

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer, self._session = desk.viewer, desk.session
        self._unseen: dict[tuple[Image, Index], tuple[Labels, Region]] = {}
        self._last = -np.inf
        self._timer = QTimer(self, singleShot=True, timeout=self._show)

    def write(self, image: Image, index: Index, region: Region, ids: np.ndarray) -> None:
        """Write predicted ids, (Y, X) of the region; what does not fit the image is dropped."""
        shape = spatial_shape(image)
        if not has_plane(shape, index) or region[1] > shape[-2] or region[3] > shape[-1]:
            return  # the layer got other data meanwhile
        legend = Legend(self._session.classes, background_id("scribbles"), strokes=True)
        layer = put_classes(self._viewer, image, index, region, ids, legend)
        seen = self._unseen.get((image, index))
        together = region if seen is None else _around(seen[1], region)
        self._unseen[image, index] = (layer, together)
        if not self._timer.isActive():
            wait = self._last + _SECONDS_BETWEEN_SHOWS - time.monotonic()
            self._timer.start(max(0, round(1000 * wait)) if np.isfinite(wait) else 0)

    def _show(self) -> None:
        self._last = time.monotonic()
        unseen, self._unseen = self._unseen, {}
        for (image, index), (layer, region) in unseen.items():
            if layer in self._viewer.layers and image in self._viewer.layers:
                show_part(self._viewer, layer, image, index, region)


def _around(one: Region, other: Region) -> Region:
    """Return the smallest region that holds two."""
    return (
        min(one[0], other[0]),
        max(one[1], other[1]),
        min(one[2], other[2]),
        max(one[3], other[3]),
    )
