"""Watches what a viewer's projects keep, and says which parts of it may have changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeGuard
from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.layers import Labels, Layer

from napari_unet.widgets.layers.paint_events import shown_box, stroke_box, stroke_planes
from napari_unet.widgets.layers.planes import Index, Region
from napari_unet.widgets.layers.roles import Role, details, role_of
from napari_unet.widgets.layers.spots import Spot, all_spots, spots_of
from napari_unet.widgets.layers.strokes import can_be_painted, is_dressed
from napari_unet.widgets.layers.view import current_index
from napari_unet.widgets.project.layer_entries import kept_cells


class StrokeSaving:
    """Tells which planes, of large planes cells, of which annotation layer may have changed.

    An annotation layer is one that the plugin gave classes to; cells that somebody corrected are
    kept as such a layer is. A plane that is told of too often
    costs a look at it, one that is not told of is lost; so where it is not sure, it tells.

    Parameters
    ----------
    viewer
        Whose layers.
    painted
        Is told a layer and spots of it, in the main thread; also in the middle of a stroke.
    changed
        Is told that there are other layers, or that one is called otherwise.

    Notes
    -----
    The first call of :meth:`look` finds the layers that are there.
    """

    def __init__(
        self,
        viewer: ViewerModel,
        painted: Callable[[Labels, list[Spot]], None],
        changed: Callable[[], None],
    ) -> None:
        self._viewer = viewer
        self._painted = painted
        self._changed = changed
        self._known: WeakKeyDictionary[Labels, set[Spot]] = WeakKeyDictionary()
        self._seen_at: WeakKeyDictionary[Labels, tuple[float, ...]] = WeakKeyDictionary()
        self._watched: dict[Labels, list[tuple[Any, Callable[..., None]]]] = {}
        details.changed.connect(self._on_details_changed)
        viewer.layers.events.removed.connect(self.look)
        viewer.layers.events.inserted.connect(self.look)

    @property
    def layers(self) -> tuple[Labels, ...]:
        """The annotation layers of the viewer, the lowest first."""
        return tuple(self._watched)

    def known(self, layer: Labels) -> list[Spot]:
        """Return the spots of a layer that have or may have strokes."""
        return sorted(self._known.get(layer, ()))

    def know(self, layer: Labels, places: Iterable[tuple[Index, tuple[int, int]]]) -> None:
        """Take in that there are strokes: on planes, at a row and column each."""
        shape, known = layer.data.shape, self._known.setdefault(layer, set())
        for index, (row, column) in places:
            known.update(spots_of(shape, index, (row, row + 1, column, column + 1)))

    def look(self, _event: object = None) -> None:
        """Look which annotation layers there are now."""
        there = [x for x in self._viewer.layers if _is_kept(x)]
        gone = [layer for layer in self._watched if layer not in there]
        new = [layer for layer in there if layer not in self._watched]
        for layer in gone:
            self._unwatch(layer)
        for layer in new:
            self._watch(layer)
        if gone or new:
            self._changed()

    def close(self) -> None:
        """Watch no more."""
        details.changed.disconnect(self._on_details_changed)
        self._viewer.layers.events.removed.disconnect(self.look)
        self._viewer.layers.events.inserted.disconnect(self.look)
        for layer in list(self._watched):
            self._unwatch(layer)

    def _on_details_changed(self, layer: Layer) -> None:
        """Hear that cells were corrected or found anew, or that strokes have other classes."""
        role = role_of(layer)
        if role not in (Role.CELLS, Role.STROKES) or layer not in self._viewer.layers:
            return
        self.look()
        if isinstance(layer, Labels) and layer in self._watched:
            self._changed()
            if role is Role.CELLS:
                self._tell(layer, all_spots(layer.data.shape))

    def _watch(self, layer: Labels) -> None:
        events = layer.events
        links: list[tuple[Any, Callable[..., None]]] = [
            (events.paint, lambda event: self._on_stroked(layer, event)),
            (events.labels_update, lambda event: self._on_painted(layer, shown_box(event))),
            (events.set_data, lambda _event: self._on_refreshed(layer)),
            (events.data, lambda _event: self._on_replaced(layer)),
            (events.name, lambda _event: self._changed()),
        ]
        for emitter, slot in links:
            emitter.connect(slot)
        self._watched[layer] = links
        self._seen_at[layer] = tuple(self._viewer.dims.point)

    def _unwatch(self, layer: Labels) -> None:
        for emitter, slot in self._watched.pop(layer):
            emitter.disconnect(slot)

    def _on_stroked(self, layer: Labels, event: Any) -> None:
        box = stroke_box(event)
        self._on_painted(layer, box)
        for index in stroke_planes(event):
            self._tell(layer, spots_of(layer.data.shape, index, box))

    def _on_painted(self, layer: Labels, box: Region | None) -> None:
        dims, shape = self._viewer.dims, layer.data.shape
        if dims.ndisplay == 3 or layer.n_edit_dimensions > 2:
            self._tell(layer, all_spots(shape))
        else:
            rows_down = tuple(dims.displayed) == (dims.ndim - 2, dims.ndim - 1)
            index = current_index(layer, dims.point)
            self._tell(layer, spots_of(shape, index, box if rows_down else None))

    def _on_refreshed(self, layer: Labels) -> None:
        """Undo and redo say no more than that the layer is drawn anew, as another plane does."""
        point = tuple(self._viewer.dims.point)
        if self._seen_at.get(layer) == point and layer in self._known:
            self._painted(layer, self.known(layer))
        self._seen_at[layer] = point

    def _on_replaced(self, layer: Labels) -> None:
        self._known.pop(layer, None)
        self._changed()
        self._tell(layer, all_spots(layer.data.shape))

    def _tell(self, layer: Labels, spots: list[Spot]) -> None:
        self._known.setdefault(layer, set()).update(spots)
        self._painted(layer, spots)


def _is_kept(layer: Layer) -> TypeGuard[Labels]:
    if can_be_painted(layer):
        return is_dressed(layer)
    return isinstance(layer, Labels) and kept_cells(layer) is not None
