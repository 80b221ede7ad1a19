"""The classes and the model in use. Neither Qt nor napari."""

import os
from collections.abc import Iterable
from pathlib import Path

from psygnal import Signal

from napari_unet.core.images.intensity import Way
from napari_unet.core.io.atomic import write_whole
from napari_unet.core.labels import class_table
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import ModelHeader, header_of, with_way
from napari_unet.core.objects.kinds import Kinds
from napari_unet.core.sharing.bioimageio_reader import model_bytes
from napari_unet.errors import InvalidInput


class ClassesAndModel:
    """What a session has, whatever runs in it.

    Signals: ``classes_changed(classes)``; ``model_changed(header | None)`` when the model in use
    was replaced or saved; ``kinds_changed(kinds)`` of cells.
    """

    classes_changed = Signal(tuple)
    model_changed = Signal(object)
    kinds_changed = Signal(object)

    def __init__(self) -> None:
        self.model: bytes | None = None
        self.header: ModelHeader | None = None
        self.unsaved = False
        self.way: Way = "automatic"
        self.classes = class_table.with_ids((), (1, 2))
        self.kinds = Kinds()
        self._told_classes: tuple[ClassInfo, ...] = ()  # of the last model that was opened
        self._model_job: int | None = None  # which job the model in use came from

    def add_class(self, name: str | None = None) -> ClassInfo:
        """Append a class with the next free id."""
        self._set_classes(class_table.with_another(self.classes, name))
        return self.classes[-1]

    def rename_class(self, class_id: int, name: str) -> None:
        """Give a class another name; an empty one is refused."""
        self._set_classes(class_table.with_name(self.classes, class_id, name))

    def recolor_class(self, class_id: int, color: str) -> None:
        """Give a class another colour, ``#RRGGBB``."""
        self._set_classes(class_table.with_color(self.classes, class_id, color))

    def know_ids(self, ids: Iterable[int]) -> None:
        """Add a class for each painted id that has none, so that each stroke has a name."""
        classes = class_table.with_ids(self.classes, ids)
        if classes != self.classes:
            self._set_classes(classes)

    def use_classes(self, classes: tuple[ClassInfo, ...]) -> None:
        """Replace the classes, for example by those of another annotation layer."""
        self._told_classes = ()
        if classes and classes != self.classes:
            self._set_classes(classes)

    def use_kinds(self, kinds: Kinds) -> None:
        """Replace the kinds of cells and what teaches them."""
        self.kinds = kinds
        self.kinds_changed.emit(kinds)

    def load_model(self, path: str | os.PathLike[str]) -> ModelHeader:
        """Take a saved model, or a bioimage.io package, into use.

        The classes of a model of strokes replace the session's, but not names and colours that were
        given by hand. If it cannot be read, the model in use stays.
        """
        data = model_bytes(path)
        header = header_of(data)
        self.way = header.scaling.way
        self._use(data, header, unsaved=False)
        if header.label_kind == "scribbles":
            before, self._told_classes = self._told_classes, header.classes
            self._set_classes(class_table.with_those_of(self.classes, header.classes, before))
        return header

    def use_way(self, way: Way) -> None:
        """Scale the grey values of images in another way, with the model in use and later ones.

        ``InvalidInput`` if the model in use is of another program, which brings its own.
        """
        if self.model is not None and self.header is not None and self.header.scaling.way != way:
            self.model = with_way(self.model, way)
            self.header = header_of(self.model)
            self.unsaved = True
        self.way = way
        self.model_changed.emit(self.header)

    def save_model(self, path: str | os.PathLike[str]) -> None:
        """Write the model in use, beside the target first, so that no half file is left."""
        if self.model is None:
            raise InvalidInput("there is no model yet; train one first.")
        write_whole(Path(path), self.model)
        self.unsaved = False
        self.model_changed.emit(self.header)

    def forget_model(self) -> None:
        """Start over: the next training begins with fresh weights."""
        self.model, self.header, self.unsaved = None, None, False
        self.model_changed.emit(None)

    def _use(
        self, model: bytes, header: ModelHeader, *, unsaved: bool = True, job: int | None = None
    ) -> None:
        if header.scaling.way != self.way:
            model = with_way(model, self.way)
            header = header_of(model)
        self.model, self.header, self.unsaved, self._model_job = model, header, unsaved, job
        self.model_changed.emit(header)

    def _set_classes(self, classes: tuple[ClassInfo, ...]) -> None:
        self.classes = classes
        self.classes_changed.emit(classes)
