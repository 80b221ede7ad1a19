"""The cells of the chosen image, and the layer that they are in."""

from collections.abc import Collection

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QObject, Signal

from napari_unet.core.models.header import ModelHeader
from napari_unet.widgets.cells.places import Key, current_key, place_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.geometry import transform_of
from napari_unet.widgets.layers.image_marks import stored_mark
from napari_unet.widgets.layers.picture import is_taken_as, picture_of
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.result_arrays import blank_data, write_part
from napari_unet.widgets.layers.results import (
    SEGMENTATION_OPACITY,
    add_at,
    own_layers,
    segmentation_of,
)
from napari_unet.widgets.layers.roles import Role, detail, entry, remember
from napari_unet.widgets.layers.strokes import find_annotation
from napari_unet.widgets.qt.connections import Connections

_INT32 = np.dtype(np.int32)


class CellBook(QObject):
    """Knows the cells of each image that they were found in.

    Signals: ``record_changed()`` when another image's cells are worked on, or none; ``measured()``
    when there are other rows.
    """

    record_changed = Signal()
    measured = Signal()

    def __init__(self, viewer: ViewerModel, choice: Choice, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.viewer = viewer
        self._choice = choice
        self._records: dict[str, CellRecord] = {}
        Connections(self).add(viewer.layers.events.removed, self._on_layer_removed)
        choice.image_changed.connect(self._on_image_changed)
        choice.image_retaken.connect(self._on_image_changed)

    @property
    def image(self) -> Image | None:
        """The chosen image."""
        return self._choice.image

    @property
    def record(self) -> CellRecord | None:
        """The cells of the chosen image; ``None`` if there are none, or it is taken otherwise."""
        image = self._choice.image
        record = None if image is None else self._records.get(str(image.unique_id))
        if image is None or record is None or not is_taken_as(image, record.meaning):
            return None
        return record

    @property
    def records(self) -> tuple[CellRecord, ...]:
        """The cells of all images, taken as they are now."""
        return tuple(record for record in self._records.values() if self.is_current(record))

    @property
    def current(self) -> Key | None:
        """The place of the chosen image that is looked at."""
        record = self.record
        if record is None:
            return None
        return current_key(record.image, self.viewer.dims.point, record.ndim)

    def begin(self, image: Image, header: ModelHeader) -> CellRecord:
        """Return the record to write cells of a model into; others of the image are kept if alike.

        ``UnwritableOutput`` if there is no room for the layer.
        """
        record, ndim = self.record, header.network.ndim
        if record is None or record.image is not image or record.ndim != ndim:
            layer = self._fresh_layer(image, ndim)
            record = CellRecord(image, layer, ndim, picture_of(image).meaning)
            self._records[str(image.unique_id)] = record
            self.record_changed.emit()
        record.header = header
        return record

    def adopt(self, image: Image) -> CellRecord | None:
        """Return a record of cells that are in a layer already; ``None`` if there are none."""
        layer = cells_of(self.viewer, image)
        if layer is None or spatial_shape(layer) != spatial_shape(image):
            return None
        ndim = 3 if detail(layer, "ndim") == 3 else 2
        record = CellRecord(image, layer, ndim, picture_of(image).meaning)
        record.earlier = corrected_places(layer)
        self._records[str(image.unique_id)] = record
        self.record_changed.emit()
        return record

    def would_lose(self, image: Image, keys: Collection[Key], ndim: int) -> bool:
        """Return whether to find cells of some places of an image drops corrections."""
        layer, record = cells_of(self.viewer, image), self.record
        if layer is None:
            return False
        if record is None or record.layer is not layer or record.ndim != ndim:
            return bool(corrected_places(layer))
        return any(key in keys for key in record.corrections)

    def note_corrections(self, record: CellRecord) -> None:
        """Keep with the layer which places are corrected, for docks and projects to come."""
        places = sorted(map(list, record.corrections), key=str)
        remember(record.layer, corrected=places or None)

    def is_current(self, record: CellRecord) -> bool:
        """Return whether cells are still those of an image that is there, taken as it was."""
        known = self._records.get(str(record.image.unique_id))
        return known is record and is_taken_as(record.image, record.meaning)

    def write(self, record: CellRecord, key: Key, ids: np.ndarray) -> None:
        """Show the cells of a place."""
        if record.editable:
            write_part(record.layer, place_of(key), None, ids)
        record.layer.refresh(extent=False)

    def show_found(self, record: CellRecord, key: Key, ids: np.ndarray) -> None:
        """Show what was found in a place; undo is of this result alone from now on."""
        self.write(record, key, ids)
        self.note_corrections(record)
        if record.editable:
            mode = record.layer.mode
            record.layer.editable = False  # napari forgets its history then
            record.layer.editable = True
            record.layer.mode = mode

    def _fresh_layer(self, image: Image, ndim: int) -> Labels:
        before = cells_of(self.viewer, image)
        if before is not None:
            self.viewer.layers.remove(before)
        layer = Labels(
            **blank_data(image, _INT32),
            name=f"{image.name} cells",
            metadata=entry(Role.CELLS, image=stored_mark(image), ndim=ndim),
            opacity=SEGMENTATION_OPACITY,
            **transform_of(image),
        )
        layers = self.viewer.layers
        strokes = find_annotation(layers, image)
        add_at(layers, len(layers) if strokes is None else layers.index(strokes), layer)
        segmentation = segmentation_of(self.viewer, image)
        if segmentation is not None:
            segmentation.visible = False  # its colours would mix with those of the cells
        return layer

    def _on_image_changed(self, _image: Image | None = None) -> None:
        self.record_changed.emit()

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        for own, record in list(self._records.items()):
            if removed in (record.image, record.layer):
                del self._records[own]
                self.record_changed.emit()


def cells_of(viewer: ViewerModel, image: Image) -> Labels | None:
    """Return the layer with an image's cells, if there is one."""
    return next(iter(own_layers(viewer, Role.CELLS, image)), None)


def corrected_places(layer: Labels) -> set[Key]:
    """Return the places of a layer of cells that are known to be corrected."""
    known = detail(layer, "corrected")
    places = known if isinstance(known, list | tuple) else ()
    return {tuple(place) for place in places if len(place) == layer.ndim - 2}
