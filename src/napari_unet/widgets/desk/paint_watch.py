"""How many pixels of each class are painted, kept up to date while somebody paints."""

import time
from collections import Counter

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.images.box import Tile
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.doubts import doubt_about
from napari_unet.widgets.desk.stroke_watch import How, StrokeWatch
from napari_unet.widgets.layers.planes import Index
from napari_unet.widgets.layers.spots import Spot, all_spots
from napari_unet.widgets.layers.strokes import count_ids, is_computed, is_dressed

_WAIT_MS = 250
_SLICE_SECONDS = 0.015


class PaintWatch(QObject):
    """Counts the strokes of the chosen annotation layer.

    Only planes that may have changed, of large planes cells, are counted again, at most four times
    a second and a short while at a time, so that painting on a large stack stays smooth. Signal:
    ``changed()``, when ``counts`` has been brought up to date. ``strokes``: tells where strokes may
    have changed, of all layers.
    """

    changed = Signal()

    def __init__(self, viewer: ViewerModel, choice: Choice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.strokes = StrokeWatch(viewer, self)
        self._layer: Labels | None = None
        self._spots: dict[Spot, dict[int, int]] = {}  # that were ever painted on
        self._dirty: dict[Spot, None] = {}
        self._doubt: str | None = None
        self._timer = QTimer(self, singleShot=True, timeout=self._on_timeout)
        self.strokes.replaced.connect(self._on_replaced)
        self.strokes.stroked.connect(self._on_stroked)
        choice.annotation_changed.connect(self._watch)
        self._watch(choice.annotation)

    @property
    def counts(self) -> dict[int, int]:
        """Number of painted pixels by id, in ascending order of id."""
        total: Counter[int] = Counter()
        for counts in self._spots.values():
            total.update(counts)
        return dict(sorted(total.items()))

    @property
    def counts_by_spot(self) -> dict[Spot, dict[int, int]]:
        """What ``counts`` is the sum of: of each plane or cell that was ever painted on."""
        return dict(self._spots)

    @property
    def settled(self) -> bool:
        """Whether ``counts`` is up to date."""
        return not self._dirty

    @property
    def doubt(self) -> str | None:
        """Ask whether the layer holds strokes, if it is not the plugin's own and looks otherwise.

        See :func:`napari_unet.widgets.desk.doubts.doubt_about`.
        """
        return None if self._layer is None or is_dressed(self._layer) else self._doubt

    def painted_planes(self) -> dict[Index, list[Tile] | None]:
        """Return the planes with strokes as they are now, and of large ones the painted cells."""
        while self._dirty:
            self._count_next()
        self._timer.stop()
        self._tell()
        found: dict[Index, list[Tile] | None] = {}
        for spot in sorted(spot for spot, counts in self._spots.items() if counts):
            if spot.cell is None:
                found[spot.index] = None
            else:
                cells = found.setdefault(spot.index, [])
                assert cells is not None
                cells.append(Tile(spot.cell[:2], spot.cell[2:]))
        return found

    def _watch(self, layer: Labels | None) -> None:
        self._layer = layer
        self._spots.clear()
        self._dirty.clear()
        self._doubt = None
        if layer is not None and not is_computed(layer):
            self._dirty.update(dict.fromkeys(all_spots(layer.data.shape)))
        self._timer.start(0)

    def _on_replaced(self, layer: Labels) -> None:
        if layer is self._layer:
            self._watch(layer)

    def _on_stroked(self, layer: Labels, spots: list[Spot], _how: How) -> None:
        if layer is self._layer and not is_computed(layer):
            self._dirty.update(dict.fromkeys(spots))
            if not self._timer.isActive():
                self._timer.start(_WAIT_MS)

    def _on_timeout(self) -> None:
        end = time.perf_counter() + _SLICE_SECONDS
        while self._dirty and time.perf_counter() < end:
            self._count_next()
        if self._dirty:
            self._timer.start(0)
        else:
            self._tell()

    def _tell(self) -> None:
        if self._layer is not None and not is_dressed(self._layer):
            self._doubt = doubt_about(self._layer, self._spots)
        self.changed.emit()

    def _count_next(self) -> None:
        spot = next(iter(self._dirty))
        del self._dirty[spot]
        layer = self._layer
        counts = count_ids(np.asarray(layer.data[spot.slices])) if layer is not None else {}
        if layer is not None and counts:
            self.strokes.know(layer, [spot])
        if counts or spot in self._spots:
            self._spots[spot] = counts
