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

from napari_unet.core.images.box import Tile
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.doubts import doubt_about
from napari_unet.widgets.layers.paint_events import shown_box, stroke_box, stroke_planes
from napari_unet.widgets.layers.planes import Index, Region, plane_indices
from napari_unet.widgets.layers.spots import Spot, spots_of
from napari_unet.widgets.layers.strokes import count_ids, is_computed, is_dressed
from napari_unet.widgets.layers.view import box_in_view, current_index
from napari_unet.widgets.qt.connections import Connections

_WAIT_MS = 250
_SLICE_SECONDS = 0.015


class PaintWatch(QObject):
    """Counts the strokes of the chosen annotation layer.

    Only planes that may have changed, of large planes cells, are counted again, at most four times
    a second and a short while at a time, so that painting on a large stack stays smooth.

    Parameters
    ----------
    viewer
        Tells which plane is painted on.
    choice
        Tells which layer is watched.

    Notes
    -----
    Signals: ``changed()``, when ``counts`` has been brought up to date, and ``stroked(spots)``
    at once when strokes there may have changed, but not in the middle of one.
    """

    changed = Signal()
    stroked = Signal(object)

    def __init__(self, viewer: ViewerModel, choice: Choice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._layer: Labels | None = None
        self._spots: dict[Spot, dict[int, int]] = {}  # that were ever painted on
        self._dirty: dict[Spot, None] = {}
        self._doubt: str | None = None
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

        See :func:`napari_unet.widgets.layers.doubts.doubt_about`.
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
        if self._layer is not None:
            for emitter, slot in self._events(self._layer):
                self._links.remove(emitter, slot)
        self._layer = layer
        if layer is not None:
            for emitter, slot in self._events(layer):
                self._links.add(emitter, slot)
        self._start_over()

    def _events(self, layer: Labels) -> list[tuple[Any, Callable[..., None]]]:
        events = layer.events
        return [
            (events.paint, self._on_stroke_ended),
            (events.labels_update, self._on_painted),
            (events.set_data, self._on_refreshed),  # undo and redo say no more than this
            (events.data, self._start_over),
        ]

    def _start_over(self) -> None:
        self._spots.clear()
        self._dirty.clear()
        self._doubt = None
        if self._layer is not None and not is_computed(self._layer):
            shape = self._layer.data.shape
            for index in plane_indices(shape):
                self._dirty.update(dict.fromkeys(spots_of(shape, index)))
            self.stroked.emit(self._current_spots(self._layer))
        self._timer.start(0)

    def _on_painted(self, event: object) -> None:
        if self._layer is not None:
            self._mark(self._painted_on(self._layer, shown_box(event)))

    def _on_stroke_ended(self, event: object) -> None:
        if self._layer is not None:
            box, shape = stroke_box(event), self._layer.data.shape
            told = [x for index in stroke_planes(event) for x in spots_of(shape, index, box)]
            spots = list(dict.fromkeys([*self._painted_on(self._layer, box), *told]))
            self._mark(spots)
            self.stroked.emit(spots)

    def _on_refreshed(self) -> None:
        if self._layer is not None:
            shown = self._current_spots(self._layer, box_in_view(self._layer, self._viewer))
            told = [spot for spot in shown if spot.cell is None or spot in self._dirty]
            told += [spot for spot in self._spots if spot.cell is not None]
            self._mark([*self._spots, *shown])
            self.stroked.emit(told)

    def _current_spots(self, layer: Labels, region: Region | None = None) -> list[Spot]:
        index = current_index(layer, self._viewer.dims.point)
        return spots_of(layer.data.shape, index, region)

    def _painted_on(self, layer: Labels, box: Region | None) -> list[Spot]:
        dims, shape = self._viewer.dims, layer.data.shape
        if dims.ndisplay == 3 or layer.n_edit_dimensions > 2:
            return [spot for index in plane_indices(shape) for spot in spots_of(shape, index)]
        rows_down = tuple(dims.displayed) == (dims.ndim - 2, dims.ndim - 1)
        return self._current_spots(layer, box if rows_down else None)

    def _mark(self, spots: list[Spot]) -> None:
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
        if counts or spot in self._spots:
            self._spots[spot] = counts
