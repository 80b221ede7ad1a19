"""New, Open, Save as and Restore: which project a window works on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput, Level, UserError
from napari_unet.project.files import model_path
from napari_unet.project.index import AnnotationEntry
from napari_unet.project.kept_strokes import only_away
from napari_unet.project.location import Place
from napari_unet.project.open_project import OpenedProject, open_project, read_version
from napari_unet.project.recovery import Recoverable, Recovery, recoverable
from napari_unet.session.state import State
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.desk.showing import show_chosen
from napari_unet.widgets.layers.image_marks import ImageMark, give_id, image_of, mark_of
from napari_unet.widgets.layers.removal import let_draw
from napari_unet.widgets.layers.strokes import paint_with
from napari_unet.widgets.project.image_matching import match_images
from napari_unet.widgets.project.keeper import ProjectKeeper, recovery_root
from napari_unet.widgets.project.kept_layers import show_kept
from napari_unet.widgets.project.layer_entries import mark_from, open_layer, take_as
from napari_unet.widgets.project.layer_keys import left_by

_MOST_SAID = 4


@dataclass(frozen=True, eq=False)
class _Read:
    """A project that was read: its layers of strokes as arrays, and what could not be read."""

    opened: OpenedProject
    strokes: tuple[tuple[AnnotationEntry, np.ndarray], ...]
    problems: tuple[str, ...]


class ProjectOpening:
    """Takes a viewer from one project to another; the one before is saved first."""

    def __init__(
        self, keeper: ProjectKeeper, show_settings: Callable[[TrainSettings], None]
    ) -> None:
        self._keeper = keeper
        self._show_settings = show_settings
        self._bench = Bench("project-open")
        self.opening = False

    def close(self) -> None:
        """Drop what is still being read."""
        self._bench.close()

    def recoverable(self) -> list[Recoverable]:
        """Return what earlier runs left that can be restored, the newest first."""
        return recoverable(recovery_root())

    def new(self, folder: Path) -> None:
        """Begin a project with the strokes and the model that are open now, without a history.

        ``UserError`` if something runs, or the folder cannot be used.
        """
        self._prepare()
        keeper = self._keeper
        source, index = keeper.saved_folder, only_away(keeper.index)
        place = Place.copied(source if index.annotations else None, index, folder, None)
        keeper.keys.begin(index)
        with keeper.going_to(place, index):
            keeper.history.begin(index, keep_model=True)

    def save_as(self, folder: Path) -> None:
        """Save all of the project, its history too, in another folder from now on.

        ``UserError`` if something runs, or the folder cannot be used.
        """
        self._check_free()
        keeper = self._keeper
        source = None
        if keeper.begun and not keeper.problem:
            keeper.save()
        if keeper.index.annotations or keeper.index.versions:
            source = keeper.saved_folder
        recovery = keeper.place.recovery
        place = Place.copied(source, keeper.index, folder, recovery)
        waiting = keeper.autosave.unsaved_versions
        with keeper.going_to(place, keeper.index):
            pass  # it stays as it is
        for version in waiting:
            keeper.autosave.keep(version)

    def open(self, folder: Path) -> None:
        """Open a project; its strokes take the place of those that are open now.

        ``UserError`` if something runs, or the present project cannot be saved.
        """
        self._prepare()
        self._read(folder)

    def restore(self, folder: Path) -> None:
        """Go on with what an earlier run left.

        ``UserError`` if something runs, or another napari has it.
        """
        self._prepare()
        self._read(folder, Recovery(folder))

    def discard(self, folder: Path) -> None:
        """Remove what an earlier run left; ``UserError`` if another napari has it."""
        Recovery(folder).discard()
        self._keeper.changed.emit()

    def go_on(self) -> None:
        """Go on where an earlier dock of this viewer was closed, if there was one."""
        keeper = self._keeper
        left = left_by.pop(keeper.viewer, None)
        if left is None:
            return
        try:
            opened = open_project(left.folder)
            recovery = None if left.chosen else Recovery(left.folder)
            place = Place.opened(opened, recovery_root(), recovery)
        except UserError as error:
            keeper.session.said.emit(Level.WARNING, str(error))
            return
        keeper.keys, keeper.folder = left.keys, opened.index.folder
        with keeper.going_to(place, opened.index):
            keeper.history.begin(opened.index, keep_model=True)
        keeper.begin()

    def _check_free(self) -> None:
        if self.opening:
            raise InvalidInput("a project is being opened; wait for it.")
        self._check_idle()

    def _check_idle(self) -> None:
        if self._keeper.session.state is not State.IDLE:
            raise InvalidInput("a training is running; stop it first.")

    def _prepare(self) -> None:
        self._check_free()
        if self._keeper.begun:
            self._keeper.save()

    def _read(self, folder: Path, recovery: Recovery | None = None) -> None:
        """Read a project in another thread, then show it."""
        self.opening = True
        self._keeper.changed.emit()
        self._bench.do(
            lambda _worker: _read(folder),
            partial(self._show, recovery),
            partial(self._fail, recovery),
        )

    def _fail(self, recovery: Recovery | None, text: str) -> None:
        self.opening = False
        if recovery is not None:
            recovery.leave()
        self._keeper.session.said.emit(Level.ERROR, text)
        self._keeper.changed.emit()

    def _show(self, recovery: Recovery | None, read: _Read) -> None:
        keeper, index = self._keeper, read.opened.index
        try:
            self._check_idle()
            if keeper.begun:
                keeper.save()  # painting may have gone on meanwhile
        except UserError as error:
            self._fail(recovery, str(error))
            return
        problems = list(read.problems)
        try:
            with keeper.going_to(Place.opened(read.opened, recovery_root(), recovery), index):
                self._show_all(read, problems)
        finally:
            self.opening = False
        keeper.begin()
        keeper.changed.emit()
        self._say(problems)

    def _show_all(self, read: _Read, problems: list[str]) -> None:
        keeper, index = self._keeper, read.opened.index
        keeper.folder = index.folder
        keeper.history.begin(index, keep_model=False)
        for layer in keeper.layers:
            keeper.viewer.layers.remove(layer)
            let_draw()
        keeper.keys.begin(index)
        marks = self._show_images(read.opened, problems)
        classes = {layer.key: layer.classes or index.classes for layer in index.annotations}
        for entry, data in read.strokes:
            named = classes[entry.key] or keeper.session.classes
            show_kept(keeper, entry, data, marks.get(entry.image or ""), named)
        self._show_model(read.opened, problems)
        strokes = keeper.chosen
        if strokes is None:
            keeper.session.use_classes(index.classes)
        else:
            own = classes.get(keeper.keys.key_of(strokes), index.classes)
            keeper.session.use_classes(own)
            for layer in keeper.layers:
                layer.mode = "paint"
            image = image_of(keeper.viewer.layers, strokes)
            if image is not None:
                show_chosen(keeper.viewer, image)
            paint_with(keeper.viewer, strokes, strokes.selected_label)
        keeper.session.use_kinds(index.kinds)
        if index.settings is not None:
            self._show_settings(index.settings)

    def _show_images(self, opened: OpenedProject, problems: list[str]) -> dict[str, ImageMark]:
        """Find or open the images; returns by which marks their strokes know them, by key."""
        keeper = self._keeper
        marks = {x.entry.key: mark_from(x.entry, x.path) for x in opened.images}
        found = match_images(marks, keeper.viewer.layers)
        for image in opened.images:
            key = image.entry.key
            if key not in found and image.path is not None:
                try:
                    found[key] = open_layer(keeper.viewer, image.entry, marks[key], image.path)
                    let_draw()
                except UserError as error:
                    problems.append(str(error))
            keeper.keys.assign_image(marks[key], key)
            if key in found:
                give_id(found[key], marks[key].id)
                marks[key] = mark_of(found[key])
                in_memory = f"the image {image.entry.name!r} was only in memory"
                problems[:] = [x for x in problems if not x.startswith(in_memory)]
        for image in opened.images:
            if image.entry.key in found:
                try:
                    take_as(found[image.entry.key], image.entry, found)
                except UserError as error:
                    problems.append(str(error))
        return marks

    def _show_model(self, opened: OpenedProject, problems: list[str]) -> None:
        session, number = self._keeper.session, opened.index.in_use
        session.forget_model()
        if number is None:
            return
        try:
            read_version(opened.folder, opened.index, number)
            session.load_model(model_path(opened.folder, opened.index.version(number)))
        except UserError as error:
            problems.append(str(error))

    def _say(self, problems: Sequence[str]) -> None:
        said = self._keeper.session.said
        for problem in problems[:_MOST_SAID]:
            said.emit(Level.WARNING, problem)
        if len(problems) > _MOST_SAID:
            said.emit(Level.WARNING, f"{len(problems) - _MOST_SAID} more could not be read.")


def _read(folder: Path) -> _Read:
    opened = open_project(folder)
    strokes, problems = [], list(opened.problems)
    for layer in opened.layers:
        try:
            strokes.append((layer.entry, layer.data()))
        except UserError as error:
            problems.append(str(error))
    return _Read(opened, tuple(strokes), tuple(problems))
