"""Goes from one image of a folder to another; the strokes of each are kept in the project."""

from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from napari.layers import Image, Layer
from qtpy.QtCore import QObject, QTimer

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io.open_image import open_image
from napari_unet.core.labels import class_table
from napari_unet.errors import InvalidInput, Level, UserError
from napari_unet.project.index import AnnotationEntry, ImageEntry
from napari_unet.project.kept_strokes import image_at, layers_of, was_changed
from napari_unet.project.open_project import read_layer
from napari_unet.session.working_set import WorkingSet
from napari_unet.widgets.desk.background import Bench, Worker
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.image_marks import (
    file_of,
    full_data,
    give_id,
    id_of,
    mark_in,
    mark_of,
)
from napari_unet.widgets.layers.picture import is_picture, picture_of
from napari_unet.widgets.layers.removal import let_draw
from napari_unet.widgets.layers.roles import remember
from napari_unet.widgets.layers.strokes import new_annotation
from napari_unet.widgets.project.folder_list import FolderList
from napari_unet.widgets.project.keeper import ProjectKeeper
from napari_unet.widgets.project.kept_layers import show_kept
from napari_unet.widgets.project.layer_entries import take_as
from napari_unet.widgets.project.open_file import open_file, take_alike
from napari_unet.widgets.qt.connections import ended_with

_PAUSE_MS = 50
_MOST_PASSED_OVER = 3  # each is told of


@dataclass(frozen=True, eq=False)
class _Found:
    """What was read of an image before it is shown."""

    source: ImageSource
    image: ImageEntry | None
    layers: tuple[tuple[AnnotationEntry, np.ndarray], ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class _Brush:
    """How somebody was painting."""

    label: int
    size: float


class FolderImages(QObject):
    """Shows one image of a folder at a time, and puts the one before away with its strokes.

    Files are looked at in a thread. An image is put away only once its strokes are saved.
    ``files``: the images of the folder. ``list``: which lists them.
    """

    def __init__(
        self, desk: Desk, keeper: ProjectKeeper, files: WorkingSet, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.files = files
        self.list = FolderList(keeper, files, self)
        self.viewer, self._session, self._choice = desk.viewer, desk.session, desk.choice
        self._keeper = keeper
        self._bench = Bench("project-image")
        self._target: Path | None = None  # what is shown, or will be
        self._switching = False
        self._passed_over = 0  # images that cannot be read, before the first that can
        self.list.listed.connect(self._on_listed)
        ended_with(self, self._bench.close)
        self.list.begin()

    def go(self, step: int) -> None:
        """Show the next image, or the one before if ``step`` is -1."""
        to = self.files.beside(self._target or self.files.shown, step)
        if to is not None:
            self.show(to)
        elif self.files.folder is not None:
            end = "last" if step > 0 else "first"
            self._session.said.emit(Level.INFO, f"this is the {end} image of the folder.")

    def show(self, path: Path) -> None:
        """Show an image of the folder, with its strokes, in place of the one before."""
        if self._switching:  # what there is on the one before is not saved yet
            QTimer.singleShot(_PAUSE_MS, partial(self.show, path))
            return
        self._target = path
        work = partial(self._look_at, path)
        self._bench.do(
            work, partial(self._on_found, path), partial(self._on_refused, path), kind="show"
        )

    def _on_listed(self, shown: bool) -> None:
        """Show what was shown last, or what is open, or the first image."""
        if not shown:
            return
        self._passed_over = 0
        there = self.files.positions
        chosen = None if self._choice.image is None else _path_of(self._choice.image)
        opened = map(_path_of, self.viewer.layers)
        wanted = [path for path in (self.list.last_shown, chosen, *opened) if path in there]
        first = wanted[0] if wanted else self.files.beside(None, 1)
        if first is not None:
            self.show(first)

    def _look_at(self, path: Path, _worker: Worker) -> _Found:
        """Read, in a thread, what there is to know of an image, and what was put away with it."""
        keeper, project = self._keeper, self._keeper.saved_folder
        with open_image(path) as source:
            found = source
        entry, said = image_at(project, keeper.index, path)
        problems = [*said]
        layers: list[tuple[AnnotationEntry, np.ndarray]] = []
        if entry is not None and project is not None:
            if was_changed(path, entry):
                problems.append(
                    f"the image {path.name} was changed since it was painted on; see whether the "
                    "strokes fit."
                )
            for layer in layers_of(keeper.index, entry):
                try:
                    layers.append((layer, read_layer(project, layer, problems, set()).data()))
                except UserError as error:
                    problems.append(str(error))
        return _Found(found, entry, tuple(layers), tuple(problems))

    def _on_refused(self, path: Path, text: str) -> None:
        self.files.refuse(path)
        on = self.files.shown is None and self._passed_over < _MOST_PASSED_OVER
        text = text if on else f"{text} Next goes on after it."
        self._session.said.emit(Level.WARNING, text)
        if on:
            self._passed_over += 1
            self.go(1)

    def _on_found(self, path: Path, found: _Found) -> None:
        if path != self._target or self._bench.closed:
            return
        if self._switching:  # the window was drawn between two layers
            QTimer.singleShot(0, partial(self._on_found, path, found))
            return
        self._switching = True
        try:
            self._switch(path, found)
        finally:
            self._switching = False

    def _switch(self, path: Path, found: _Found) -> None:
        before, brush = self._shown_image(), self._brush()
        if before is not None and _path_of(before) == path:
            self._become(path, before)
            return
        opened = [x for x in self.viewer.layers if is_picture(x) and _path_of(x) == path]
        try:
            image = opened[-1] if opened else open_file(self.viewer, path, found.source)
        except UserError as error:
            self._on_refused(path, str(error))
            return
        let_draw()
        try:
            if not opened:
                self._take(image, found, before)
            if before is not None:
                self._put_away(before)
        except UserError as error:
            self._target = self.files.shown
            if not opened:
                self._remove([image])
            self._session.said.emit(Level.ERROR, f"{error} So {path.name} is not shown yet.")
            return
        for text in found.problems:
            self._session.said.emit(Level.WARNING, text)
        if before is None or not np.array_equal(before.extent.world, image.extent.world):
            self.viewer.reset_view()
        self._become(path, image)
        if not opened:
            self._bring(image, found)
        self._go_on_painting(image, brush)

    def _become(self, path: Path, image: Image) -> None:
        self._choice.image = image
        self.list.is_shown(path)

    def _take(self, image: Image, found: _Found, before: Image | None) -> None:
        """Take an image as it was taken when it was painted on, or else as the one before."""
        entry = found.image
        if entry is None:
            if before is not None:
                with suppress(InvalidInput):  # the one before is no image any more
                    take_alike(image, picture_of(before))
        elif tuple(full_data(image).shape) == entry.shape:
            give_id(image, mark_of(image).id if entry.id is None else entry.id)
            self._keeper.keys.assign_image(mark_of(image), entry.key)
            try:
                take_as(image, entry, {entry.key: image})
            except InvalidInput as error:
                self._session.said.emit(Level.WARNING, str(error))

    def _bring(self, image: Image, found: _Found) -> None:
        """Show what was put away with an image; other images' classes go on being there."""
        entry = found.image
        if entry is None:
            return
        if tuple(full_data(image).shape) != entry.shape:
            text = (
                f"{image.name} has the shape {tuple(full_data(image).shape)} and had {entry.shape} "
                "when it was painted on, so its strokes are not shown; they stay in the project."
            )
            self._session.said.emit(Level.WARNING, text)
            return
        for layer, data in found.layers:
            ids = [info.id for info in layer.classes]
            others = [info for info in layer.classes if info.id not in self._ids()]
            if others:
                known = sorted((*self._session.classes, *others), key=lambda info: info.id)
                self._session.use_classes(tuple(known))
            classes = class_table.with_ids(self._session.classes, ids)
            show_kept(self._keeper, layer, data, mark_of(image), classes)

    def _ids(self) -> set[int]:
        return {info.id for info in self._session.classes}

    def _put_away(self, image: Image) -> None:
        """Save what is on an image, then close it with all that was computed of it.

        ``UserError`` if it cannot be saved; all stays open then.
        """
        own = id_of(image)
        on_it = [x for x in self.viewer.layers if (mark := mark_in(x)) and mark.id == own]
        self._keeper.put_away(on_it)
        self._remove([*on_it, image])

    def _remove(self, layers: list[Layer]) -> None:
        for layer in layers:
            remember(layer, put_away=True)
        for layer in layers:
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
                let_draw()

    def _shown_image(self) -> Image | None:
        shown = self.files.shown
        images = (x for x in self.viewer.layers if is_picture(x) and _path_of(x) == shown)
        return None if shown is None else next(images, None)

    def _brush(self) -> _Brush | None:
        """Return how somebody is painting on the image that is shown, if so."""
        strokes, image = self._choice.annotation, self._shown_image()
        if strokes is None or image is None or self._choice.image is not image:
            return None
        paints = strokes.mode in ("paint", "erase", "fill")
        return _Brush(strokes.selected_label, strokes.brush_size) if paints else None

    def _go_on_painting(self, image: Image, brush: _Brush | None) -> None:
        """Have strokes to paint on where somebody is at it, with the same brush."""
        if brush is None:
            return
        strokes = self._choice.annotation
        if strokes is None:
            try:
                strokes = new_annotation(image, self._session.classes)
            except InvalidInput:
                return
            self.viewer.add_layer(strokes)
        self.viewer.layers.selection.active = strokes
        strokes.selected_label, strokes.brush_size = brush.label, brush.size
        strokes.mode = "paint"


def _path_of(layer: Layer) -> Path | None:
    path = file_of(layer) if isinstance(layer, Image) else None
    return None if path is None else Path(path)
