"""Where strokes may have changed: all that counts, Live and the autosave know of it."""

from collections.abc import Callable, Iterable
from itertools import product
from typing import Any, Literal, TypeGuard
from weakref import WeakKeyDictionary

import numpy as np
from napari.components import ViewerModel
from napari.layers import Labels, Layer
from qtpy.QtCore import QObject, Signal

from napari_unet.core.images.box import Region
from napari_unet.core.images.cutout import is_large
from napari_unet.widgets.layers.planes import Index, has_plane
from napari_unet.widgets.layers.roles import Role, details, role_of
from napari_unet.widgets.layers.spots import Spot, all_spots, spots_of
from napari_unet.widgets.layers.strokes import can_be_painted
from napari_unet.widgets.layers.view import box_in_view, current_index
from napari_unet.widgets.qt.connections import Connections

How = Literal["going on", "ended", "drawn anew"]
"""Of a stroke; a layer that is drawn anew may have got one by undo or redo, and mostly has not."""


class StrokeWatch(QObject):
    """Tells which planes, of large planes cells, of which labels may have changed.

    Labels are what can be painted on, and cells. A plane that is told of too often costs a look at
    it, one that is not told of is lost; so where it is not sure, it tells. Signals:
    ``stroked(layer, spots, how)``, where ``how`` is a :data:`How`; ``replaced(layer)`` before that,
    if it has other data; ``layers_changed()`` if there are other layers, or one has another name or
    other details.
    """

    stroked = Signal(object, object, str)
    replaced = Signal(object)
    layers_changed = Signal()

    def __init__(self, viewer: ViewerModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._seen_at: dict[Labels, tuple[float, ...]] = {}  # of each layer that is watched
        self._known: WeakKeyDictionary[Labels, set[Spot]] = WeakKeyDictionary()
        self._links = Connections(self)
        self._links.add(details.changed, self._on_details_changed)
        self._links.add(viewer.layers.events.inserted, self._look)
        self._links.add(viewer.layers.events.removed, self._look)
        self._look()

    @property
    def layers(self) -> tuple[Labels, ...]:
        """The labels of the viewer."""
        return tuple(self._seen_at)

    def known(self, layer: Labels) -> list[Spot]:
        """Return the spots of a layer that have or may have strokes."""
        return sorted(self._known.get(layer, ()))

    def know(self, layer: Labels, spots: Iterable[Spot]) -> None:
        """Take in that there are strokes."""
        self._known.setdefault(layer, set()).update(spots)

    def in_view(self, layer: Labels) -> list[Spot]:
        """Return the plane, or the cells of it, that are looked at."""
        return self._current(layer, box_in_view(layer, self._viewer))

    def _current(self, layer: Labels, box: Region | None) -> list[Spot]:
        return spots_of(layer.data.shape, current_index(layer, self._viewer.dims.point), box)

    def _look(self, _event: object = None) -> None:
        there = [layer for layer in self._viewer.layers if _is_watched(layer)]
        before = set(self._seen_at)
        for layer in before - set(there):
            del self._seen_at[layer]
            for emitter, slot in self._events(layer):
                self._links.remove(emitter, slot)
        for layer in there:
            if layer not in before:
                self._seen_at[layer] = tuple(self._viewer.dims.point)
                for emitter, slot in self._events(layer):
                    self._links.add(emitter, slot)
        if before != set(there):
            self.layers_changed.emit()

    def _events(self, layer: Labels) -> list[tuple[Any, Callable[..., None]]]:
        events = layer.events
        return [
            (events.paint, self._on_stroke_ended),
            (events.labels_update, self._on_painted),
            (events.set_data, self._on_refreshed),
            (events.data, self._on_replaced),
            (events.name, self._on_renamed),
        ]

    def _on_details_changed(self, layer: Layer) -> None:
        if layer in self._seen_at:
            self.layers_changed.emit()
            if role_of(layer) is Role.CELLS:
                self._tell(layer, all_spots(layer.data.shape))

    def _on_renamed(self, _event: object) -> None:
        self.layers_changed.emit()

    def _on_stroke_ended(self, event: Any) -> None:
        layer, box = event.source, _stroke_box(event)
        told = [x for at in _stroke_planes(event) for x in spots_of(layer.data.shape, at, box)]
        self._tell(layer, [*self._painted_on(layer, box), *told])

    def _on_painted(self, event: Any) -> None:
        layer = event.source
        self._tell(layer, self._painted_on(layer, _shown_box(event)), "going on")

    def _on_refreshed(self, event: Any) -> None:
        """Undo and redo say no more than that the layer is drawn anew, as another plane does."""
        layer, point = event.source, tuple(self._viewer.dims.point)
        if self._seen_at.get(layer) == point:
            shape = layer.data.shape
            known = [spot for spot in self._known.get(layer, ()) if has_plane(shape, spot.index)]
            shown = [] if is_large(shape) else self.in_view(layer)
            self._tell(layer, [*known, *shown], "drawn anew")
        self._seen_at[layer] = point

    def _on_replaced(self, event: Any) -> None:
        layer = event.source
        self._known.pop(layer, None)
        self.replaced.emit(layer)
        self.layers_changed.emit()
        self._tell(layer, all_spots(layer.data.shape))

    def _painted_on(self, layer: Labels, box: Region | None) -> list[Spot]:
        dims = self._viewer.dims
        if dims.ndisplay == 3 or layer.n_edit_dimensions > 2:
            return all_spots(layer.data.shape)
        rows_down = tuple(dims.displayed) == (dims.ndim - 2, dims.ndim - 1)
        return self._current(layer, box if rows_down else None)

    def _tell(self, layer: Labels, spots: Iterable[Spot], how: How = "ended") -> None:
        spots = list(dict.fromkeys(spots))
        self.know(layer, spots)
        self.stroked.emit(layer, spots, how)


def _is_watched(layer: Layer) -> TypeGuard[Labels]:
    if can_be_painted(layer):
        return True
    return isinstance(layer, Labels) and role_of(layer) is Role.CELLS and not layer.multiscale


def _shown_box(event: Any) -> Region | None:
    """Return the rows and columns that an update of what is shown is about, if it says so."""
    offset, data = getattr(event, "offset", None), getattr(event, "data", None)
    if offset is None or data is None or len(offset) != 2:
        return None
    top, left = (int(at) for at in offset)
    return top, top + data.shape[0], left, left + data.shape[1]


def _stroke_box(event: Any) -> Region | None:
    """Return the rows and columns that a stroke changed, if the event says so."""
    atoms = getattr(event, "value", None) or ()
    spans = [[_span_of(part) for part in indices[-2:]] for indices, *_ in atoms]
    if not spans or any(span is None for both in spans for span in both):
        return None
    rows, columns = ([both[axis] or (0, 0) for both in spans] for axis in (0, 1))
    return (
        min(start for start, _ in rows),
        max(stop for _, stop in rows),
        min(start for start, _ in columns),
        max(stop for _, stop in columns),
    )


def _stroke_planes(event: Any) -> list[Index]:
    """Return the planes that a stroke changed, if the event says so, else none.

    What is not painted by hand, such as cells, may lie on planes that are not looked at.
    """
    planes: dict[Index, None] = {}
    for indices, *_ in getattr(event, "value", None) or ():
        spans = [_span_of(part) for part in indices[:-2]]
        ranges = [range(*span) for span in spans if span is not None]
        if len(ranges) == len(spans):
            planes.update(dict.fromkeys(product(*ranges)))
    return list(planes)


def edited_boxes(atoms: Any) -> list[tuple[slice, ...]]:
    """Return which box of a layer's data each part of a stroke, of an undo or a redo changed.

    ``atoms`` are as napari's history has them: where, and what was and is there.
    """
    spans = ([_span_of(part) for part in indices] for indices, *_ in atoms or ())
    return [tuple(slice(*(span or (None,))) for span in box) for box in spans]


def _span_of(index: Any) -> tuple[int, int] | None:
    """Return start and stop of what indexes an axis; ``None`` if it is all of it, or nothing."""
    if isinstance(index, slice):
        return None if index.start is None or index.stop is None else (index.start, index.stop)
    return (int(np.min(index)), int(np.max(index)) + 1) if np.size(index) else None
