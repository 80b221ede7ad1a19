"""Which cells are selected: in the table, in the layer, and with an outline around them."""

from collections.abc import Iterable

import numpy as np
from napari.layers import Shapes
from qtpy.QtCore import QObject, Signal
from skimage.measure import find_contours

from napari_unet.core.objects.edit import pixels_of
from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.places import Key
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.cells.table_model import Cell
from napari_unet.widgets.layers.geometry import transform_of
from napari_unet.widgets.layers.roles import Role, entry, role_of
from napari_unet.widgets.layers.view import current_index, in_view

MOST_OUTLINED = 200
_COLOR = "#FFFFFF"
_WIDTH = 2.0  # pixels of the screen when it is drawn


class CellSelection(QObject):
    """Holds what is selected, and shows it in the viewer.

    Signal: ``changed()``.
    """

    changed = Signal()

    def __init__(self, book: CellBook, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._book = book
        self._cells: tuple[Cell, ...] = ()
        book.record_changed.connect(self.clear)
        book.measured.connect(self._on_measured)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """The selected cells: where each is, and its id."""
        return self._cells

    def in_places(self) -> dict[Key, list[int]]:
        """Return the selected ids by their place."""
        found: dict[Key, list[int]] = {}
        for key, cell in self._cells:
            found.setdefault(key, []).append(cell)
        return found

    def clear(self) -> None:
        """Select nothing."""
        self.select(())

    def select(self, cells: Iterable[Cell], *, show: bool = False) -> None:
        """Select cells, and if asked for bring the last of them into view."""
        cells = tuple(dict.fromkeys(cells))
        record = self._book.record
        if cells == self._cells:
            return
        self._cells = cells
        if record is not None and cells:
            if record.layer.selected_label != cells[-1][1]:
                record.layer.selected_label = cells[-1][1]
            if show:
                self._bring_into_view(record, *cells[-1])
        self._outline()
        self.changed.emit()

    def _on_measured(self) -> None:
        """Forget cells that are gone, and draw the others as they are now."""
        record = self._book.record
        if not self._cells or record is None:
            return
        there = {key: set(table["id"].tolist()) for key, table in record.tables.items()}
        self._cells = tuple((key, cell) for key, cell in self._cells if cell in there.get(key, ()))
        self._outline()
        self.changed.emit()

    def _bring_into_view(self, record: CellRecord, key: Key, cell: int) -> None:
        """Go to the plane of a cell, and move the view if its middle is not on the canvas."""
        pixels = pixels_of(record.ids(key), [cell]).get(cell)
        if pixels is None:
            return
        viewer, layer = self._book.viewer, record.layer
        middle = [float(axis.mean()) for axis in pixels]
        position = _in_order(key, middle)
        index = current_index(record.image, viewer.dims.point)
        slices_shown = set(pixels[0].tolist()) if None in key else set()
        stays = [at is None and here in slices_shown for at, here in zip(key, index, strict=True)]
        world = np.array(layer.data_to_world(position))
        first = viewer.dims.ndim - len(world)
        for axis, value in enumerate(world):
            dim = axis + first
            if dim not in viewer.dims.displayed and not (axis < len(stays) and stays[axis]):
                viewer.dims.set_point(dim, value)
        if viewer.dims.ndisplay == 3 or not self._on_canvas(record, position[-2:]):
            shown = [world[dim - first] for dim in viewer.dims.displayed]
            viewer.camera.center = (0.0, *shown)[-3:]

    def _on_canvas(self, record: CellRecord, middle: list[float]) -> bool:
        region = in_view(record.image, self._book.viewer)[1]
        if region is None:
            return True
        top, bottom, left, right = region
        return top <= middle[0] < bottom and left <= middle[1] < right

    def _outline(self) -> None:
        """Draw a line around each selected cell, in a layer of its own that is there for that."""
        record, viewer = self._book.record, self._book.viewer
        layers = viewer.layers
        paths = [] if record is None else _outlines(record, self.in_places())
        layer = next((x for x in layers if role_of(x) is Role.OUTLINES), None)
        # To a layer of planes that is shown in 3D napari 0.9.2 cannot add any, but show a new one.
        flat = layer is not None and layer.ndim < viewer.dims.ndisplay
        if layer is not None and (record is None or layer.ndim != record.layer.ndim or flat):
            layers.remove(layer)
            layer = None
        if record is None or (layer is None and not paths):
            return
        place = transform_of(record.layer)
        there = layer is not None
        if layer is None:
            layer = Shapes(
                ndim=record.layer.ndim,
                name="selected cells",
                metadata=entry(Role.OUTLINES),
                **place,
            )
        layer.data = []
        if paths:
            width = _WIDTH / viewer.camera.zoom / max(abs(place["scale"][-1]), 1e-12)
            layer.add_paths(paths, edge_color=_COLOR, edge_width=width)
        if not there:
            selected, active = set(layers.selection), layers.selection.active
            layers.append(layer)
            layers.selection = selected
            layers.selection.active = active


def _in_order(key: Key, middle: list[float]) -> list[float]:
    """Return a position within a place, (row, column) or (slice, row, column), along all axes."""
    return [*(middle[0] if at is None else float(at) for at in key), *middle[-2:]]


def _outlines(record: CellRecord, places: dict[Key, list[int]]) -> list[np.ndarray]:
    """Return closed paths around cells, (point, axis) in pixels; in a volume one a slice."""
    paths: list[np.ndarray] = []
    for key, cells in places.items():
        wanted = cells[-MOST_OUTLINED:]
        for pixels in pixels_of(record.ids(key), wanted).values():
            for at, outline in _contours(pixels):
                position = _in_order(key, [*at, 0.0, 0.0])
                path = np.tile(np.array(position, float), (len(outline), 1))
                path[:, -2:] = outline
                paths.append(path)
                if len(paths) >= MOST_OUTLINED:
                    return paths
    return paths


def _contours(pixels: tuple[np.ndarray, ...]) -> list[tuple[list[float], np.ndarray]]:
    """Return the outer outline of an object, for a volume one a slice with the slice's number."""
    starts = [int(axis.min()) for axis in pixels]
    shape = [int(axis.max()) - start + 3 for axis, start in zip(pixels, starts, strict=True)]
    mask = np.zeros(shape, bool)
    mask[tuple(axis - start + 1 for axis, start in zip(pixels, starts, strict=True))] = True
    offset = np.array(starts[-2:]) - 1
    if mask.ndim == 2:
        return [([], _outer(mask) + offset)]
    return [
        ([float(starts[0] + number - 1)], _outer(plane) + offset)
        for number, plane in enumerate(mask)
        if plane.any()
    ]


def _outer(plane: np.ndarray) -> np.ndarray:
    return max(find_contours(plane.astype(float), 0.5), key=len)
