"""A click on a cell in the viewer selects it."""

from collections.abc import Generator
from typing import Any

from napari.components import ViewerModel
from qtpy.QtCore import QObject, Signal

from napari_unet.widgets.cells.book import CellBook
from napari_unet.widgets.cells.selection import CellSelection
from napari_unet.widgets.qt.connections import Connections, when_destroyed

_LOOKING = ("pan_zoom", "pick")


class CellClicks(QObject):
    """Listens to the canvas and to the layer's selected label.

    A click with a tool that changes something is left to that tool; with Shift or Control it adds
    to what is selected.

    Notes
    -----
    Signal: ``on_cell(key, cell)``, after a click has selected it.
    """

    on_cell = Signal(object, int)

    def __init__(
        self, book: CellBook, selection: CellSelection, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._book, self._selection = book, selection
        self._links = Connections(self)
        self._layer: Any = None
        self._expected = False
        _listen(book.viewer, self)
        book.record_changed.connect(self._on_record_changed)
        self._on_record_changed()

    def clicked(self, event: Any) -> None:
        """Select the cell at the place of a click."""
        record, key = self._book.record, self._book.current
        if record is None or key is None or not record.layer.visible:
            return
        value = record.layer.get_value(
            event.position,
            view_direction=event.view_direction,
            dims_displayed=event.dims_displayed,
            world=True,
        )
        cell = value[1] if isinstance(value, tuple) else value
        if cell is None or int(cell) == 0:
            return
        added = {"Shift", "Control"} & {str(modifier) for modifier in event.modifiers}
        before = self._selection.cells if added else ()
        self._selection.select([*before, (key, int(cell))])
        self.on_cell.emit(key, int(cell))

    def expect(self, expected: bool) -> None:
        """Say whether somebody is to click on cells: a tool that would paint is put away then."""
        self._expected = expected
        self._put_tool_away()

    def _put_tool_away(self) -> None:
        record = self._book.record
        if self._expected and record is not None and not self.looks():
            record.layer.mode = "pan_zoom"
            self._book.viewer.layers.selection.active = record.layer

    def looks(self) -> bool:
        """Return whether a click would change nothing."""
        active = self._book.viewer.layers.selection.active
        return active is None or str(active.mode) in _LOOKING

    def _on_record_changed(self) -> None:
        record = self._book.record
        layer = None if record is None else record.layer
        if layer is self._layer:
            return
        if self._layer is not None:
            self._links.remove(self._layer.events.selected_label, self._on_label_selected)
        self._layer = layer
        if layer is not None:
            self._links.add(layer.events.selected_label, self._on_label_selected)
            self._put_tool_away()

    def _on_label_selected(self) -> None:
        """Follow napari's own picker, and its box for the label."""
        record, key = self._book.record, self._book.current
        if record is None or key is None:
            return
        cell = int(record.layer.selected_label)
        if any(cell == chosen for _, chosen in self._selection.cells):
            return
        table = record.tables.get(key)
        if table is not None and cell in table["id"]:
            self._selection.select([(key, cell)])


def _listen(viewer: ViewerModel, clicks: CellClicks) -> None:
    """Call back after a click that did not move, for as long as the object is there."""

    def on_press(_viewer: ViewerModel, event: Any) -> Generator[None, None, None]:
        if event.button != 1 or not clicks.looks():
            return
        start = tuple(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if max(abs(a - b) for a, b in zip(start, event.pos, strict=True)) < 4:
            clicks.clicked(event)

    callbacks = viewer.mouse_drag_callbacks
    callbacks.append(on_press)
    when_destroyed(clicks, lambda: callbacks.remove(on_press))
