"""How many pixels of each class are painted, kept up to date while somebody paints."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.widgets.annotation import count_ids
from napari_unet.widgets.choice import Choice
from napari_unet.widgets.connections import Connections
from napari_unet.widgets.layers import Index, current_index, plane_indices

_WAIT_MS = 250
_SLICE_SECONDS = 0.015


class PaintWatch(QObject):
    """Counts the strokes of the chosen annotation layer.

    Only planes that may have changed are counted again, at most four times a second and a short
    while at a time, so that painting on a large stack stays smooth.

    Parameters
    ----------
    viewer
        Tells which plane is painted on.
    choice
        Tells which layer is watched.

    Notes
    -----
    Signals: ``changed()``, when ``counts`` has been brought up to date, and ``stroked(indices)``
    at once when strokes of these planes may have changed, but not in the middle of one.
    """

    changed = Signal()
    stroked = Signal(object)

    def __init__(self, viewer: ViewerModel, choice: Choice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._planes: dict[Index, dict[int, int]] = {}  # of planes that were ever painted on
        self._dirty: dict[Index, None] = {}
        self._links = Connections(self)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._on_timeout)
        choice.annotation_changed.connect(self._watch)
        self._watch(choice.annotation)

    @property
    def counts(self) -> dict[int, int]:
        """Number of painted pixels by id, in ascending order of id."""
        total: Counter[int] = Counter()
        for counts in self._planes.values():
            total.update(counts)
        return dict(sorted(total.items()))

    @property
    def counts_by_plane(self) -> dict[Index, dict[int, int]]:
        """What ``counts`` is the sum of: of each plane that was ever painted on."""
        return dict(self._planes)

    def painted_planes(self) -> list[Index]:
        """Return the planes with strokes, as they are now."""
        while self._dirty:
            self._count_next()
        self._timer.stop()
        self.changed.emit()
        return sorted(index for index, counts in self._planes.items() if counts)

    def _watch(self, layer: Labels | None) -> None:
        if self._layer is not None:
            for emitter, slot in self._events(self._layer):
                self._links.remove(emitter, slot)
        self._layer = layer
        if layer is not None:
            for emitter, slot in self._events(layer):
                self._links.add(emitter, slot)
        self._start_over()

    def _events(self, layer: Labels) -> list[tuple[Any, Callable[[], None]]]:
        events = layer.events
        return [
            (events.paint, self._on_stroke_ended),
            (events.labels_update, self._on_painted),
            (events.set_data, self._on_refreshed),  # undo and redo say no more than this
            (events.data, self._start_over),
        ]

    def _start_over(self) -> None:
        self._planes.clear()
        self._dirty.clear()
        if self._layer is not None:
            self._dirty.update(dict.fromkeys(plane_indices(self._layer.data.shape)))
            self.stroked.emit([current_index(self._layer, self._viewer.dims.point)])
        self._timer.start(0)

    def _on_painted(self) -> None:
        if self._layer is not None:
            self._mark(self._painted_on(self._layer))

    def _on_stroke_ended(self) -> None:
        if self._layer is not None:
            indices = self._painted_on(self._layer)
            self._mark(indices)
            self.stroked.emit(indices)

    def _on_refreshed(self) -> None:
        if self._layer is not None:
            current = current_index(self._layer, self._viewer.dims.point)
            self._mark([*self._planes, current])
            self.stroked.emit([current])

    def _painted_on(self, layer: Labels) -> list[Index]:
        if self._viewer.dims.ndisplay == 3 or layer.n_edit_dimensions > 2:
            return plane_indices(layer.data.shape)
        return [current_index(layer, self._viewer.dims.point)]

    def _mark(self, indices: list[Index]) -> None:
        self._dirty.update(dict.fromkeys(indices))
        if not self._timer.isActive():
            self._timer.start(_WAIT_MS)

    def _on_timeout(self) -> None:
        end = time.perf_counter() + _SLICE_SECONDS
        while self._dirty and time.perf_counter() < end:
            self._count_next()
        if self._dirty:
            self._timer.start(0)
        else:
            self.changed.emit()

    def _count_next(self) -> None:
        index = next(iter(self._dirty))
        del self._dirty[index]
        counts = count_ids(np.asarray(self._layer.data[index])) if self._layer is not None else {}
        if counts or index in self._planes:
            self._planes[index] = counts
