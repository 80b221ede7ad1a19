"""Keeps what is painted and trained in a viewer: in a project, or else for the next start."""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from napari.layers import Labels, Layer
from platformdirs import user_data_path
from psygnal import Signal
from qtpy.QtCore import QTimer

from napari_unet.core.objects.kinds import Kinds
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import Level, UnwritableOutput
from napari_unet.project.autosave import Autosave, NotSaved, Saved
from napari_unet.project.changes import NewVersion, PlaneStrokes
from napari_unet.project.entries import FolderEntry
from napari_unet.project.files import model_path
from napari_unet.project.index import AnnotationEntry, ProjectIndex
from napari_unet.project.kept_strokes import used_away
from napari_unet.project.location import Place
from napari_unet.project.open_project import read_version
from napari_unet.project.versions import History
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.desk.stroke_watch import How
from napari_unet.widgets.layers.spots import Spot, all_spots, spots_of
from napari_unet.widgets.layers.strokes import is_dressed
from napari_unet.widgets.project.kept_layers import any_painted, copies, is_kept, read_spot
from napari_unet.widgets.project.layer_keys import LayerKeys, Left, left_by
from napari_unet.widgets.qt.main_thread import MainThread

REMOVAL_MS = 2000


def recovery_root() -> Path:
    """Return the folder in which strokes and models are kept for the next start."""
    return user_data_path("napari-unet") / "recovery"


class ProjectKeeper:
    """Saves what is painted and trained, soon after each change.

    Nothing is written until something is painted or trained. Where no project folder has been
    chosen, it is kept for the next start. Signal: ``changed()``, when :attr:`place`, :attr:`index`,
    :attr:`saved_at` or :attr:`problem` may be another.
    """

    changed = Signal()

    def __init__(self, desk: Desk, settings: Callable[[], TrainSettings | None]) -> None:
        self.viewer, self.session = desk.viewer, desk.session
        self._choice, self._strokes = desk.choice, desk.watch.strokes
        self._settings = settings
        self._begun = False
        self._shown: set[str] = set()
        self._removed: set[str] = set()
        self.index = ProjectIndex()
        self.folder: FolderEntry | None = None
        self.saved_at: float | None = None
        self.problem = ""
        self.keys = LayerKeys()
        self._main = MainThread()
        self._removal = QTimer(singleShot=True, timeout=self._on_removals_lasted)
        self.place = Place.unnamed(recovery_root())
        self._autosave = self._new_autosave()
        self.history = History(
            desk.session, self._keep, self.strokes_used, lambda: used_away(self.index)
        )
        self._listen()
        self.history.begin(self.index, keep_model=True)

    def _listen(self) -> None:
        self.session.classes_changed.connect(self.tell)
        self.session.kinds_changed.connect(self._on_kinds_changed)
        self.history.in_use_changed.connect(self.tell)
        choice = self._choice
        self._of_choice = (choice.image_changed, choice.image_retaken, choice.image_measured)
        for told in self._of_choice:
            told.connect(self.tell)
        self._strokes.stroked.connect(self._on_stroked)
        self._strokes.layers_changed.connect(self._on_layers_changed)
        self._on_layers_changed()

    @property
    def autosave(self) -> Autosave:
        """What writes to the present place."""
        return self._autosave

    @property
    def layers(self) -> tuple[Labels, ...]:
        """What is kept: layers with classes, and cells that somebody corrected."""
        kept = (layer for layer in self._strokes.layers if is_kept(layer))
        return tuple(layer for layer in kept if self.keys.key_of(layer) not in self.keys.away)

    @property
    def begun(self) -> bool:
        """Whether there is anything to save: something was painted, trained or opened."""
        return self._begun

    @property
    def chosen(self) -> Labels | None:
        """The strokes that are chosen."""
        return self._choice.annotation

    @property
    def saved_folder(self) -> Path | None:
        """Where the project's files are, once something was saved."""
        recovery = self.place.recovery
        return self.place.folder or (None if recovery is None else recovery.folder)

    def save(self) -> None:
        """Save what there is, and wait for it; ``UnwritableOutput`` if it cannot be saved."""
        self.tell()
        if not self._autosave.save():
            raise UnwritableOutput(
                "the present project is not saved yet; wait, or choose Save as… and another folder."
            )
        self.index = self._autosave.index or self.index

    def put_away(self, layers: Collection[Layer]) -> None:
        """Save layers as those of an image that is to be closed; then they may be removed.

        ``UnwritableOutput`` if they cannot be saved; all is as before.
        """
        kept = [layer for layer in self.layers if layer in layers]
        if any_painted(kept):
            self.begin()
        self.tell()
        keys = {self.keys.key_of(layer) for layer in kept}
        if not self._begun or not keys:
            return
        try:
            with self.keys.putting_away(keys):
                self.save()
        finally:
            self.tell()
        self._shown -= keys
        self._removed |= keys - {x.key for x in self.index.annotations if x.planes}  # all is empty

    @contextmanager
    def going_to(self, place: Place, index: ProjectIndex) -> Iterator[None]:
        """Save somewhere else from now on; what there is has to be saved before.

        What is done within, to bring history and window there, is not saved at the present place.
        """
        self._autosave.close()
        self._begun = False
        if place.replaced is None or place.replaced is not self.place.recovery:
            self.place.leave()
        self.place, self.index, self.saved_at, self.problem = place, index, None, ""
        self._autosave = self._new_autosave()
        yield
        self._shown.clear()  # of the project before; that its layers went was not meant for this
        self._removed.clear()
        self._on_layers_changed()  # also if they are the same layers, in another project
        if place.folder is not None:
            self.begin()
        self.changed.emit()

    def begin(self) -> None:
        """Have everything saved from now on, as something was painted or trained."""
        if not self._begun:
            self._begun = True
            self.tell_all()

    def _on_kinds_changed(self, kinds: Kinds) -> None:
        if kinds.examples:
            self.begin()
        self.tell()

    def tell(self, *_: object) -> None:
        """Have classes, settings and the list of layers saved."""
        if self._begun and not self._main.closed:
            facts = self.keys.facts(
                self.viewer,
                self.layers,
                classes=self.session.classes,
                settings=self._settings(),
                in_use=self.history.in_use,
                kinds=self.session.kinds,
                removed=frozenset(self._removed),
                folder=self.folder,
            )
            self._autosave.know(facts)

    def tell_all(self) -> None:
        """Have that and all strokes saved; those that are saved are not written again."""
        self.tell()
        for layer in self.layers:
            self._tell_spots(layer, all_spots(layer.data.shape))

    def use(self, number: int) -> None:
        """Take a version of the project into use.

        ``UserError`` if its file is missing or damaged; the model in use stays.
        """
        folder = self.saved_folder
        if folder is not None:
            read_version(folder, self.index, number)
            self.session.load_model(model_path(folder, self.index.version(number)))

    def strokes_used(self) -> Callable[[], tuple[PlaneStrokes, ...]]:
        """Return what copies the chosen strokes, or else all, as they are then, in any thread."""
        everything = tuple(layer for layer in self.layers if is_dressed(layer))
        chosen = tuple(layer for layer in everything if layer is self.chosen)
        layers: tuple[Labels, ...] = chosen or everything
        found = [
            (self.keys.key_of(layer), layer.data, spot)
            for layer in layers
            for spot in self._strokes.known(layer) or all_spots(layer.data.shape)
        ]
        return partial(copies, found)

    def close(self) -> None:
        """Save what there is and end; a dock that is opened again goes on."""
        if self._main.closed:
            return
        with suppress(RuntimeError):  # at a program's end Qt may have deleted it already
            self._removal.stop()
        self.session.classes_changed.disconnect(self.tell)
        self.session.kinds_changed.disconnect(self._on_kinds_changed)
        for told in self._of_choice:
            told.disconnect(self.tell)
        self.history.stop_listening()
        self.tell()
        self._autosave.close()
        self._main.close()
        folder = self.saved_folder
        if folder is not None and self._begun:
            left_by[self.viewer] = Left(folder, self.place.folder is not None, self.keys)
        self.place.leave()

    def _new_autosave(self) -> Autosave:
        hear = partial(self._on_said, self.place)
        return Autosave(self.place.store, lambda said: self._main.call(partial(hear, said)))

    def _keep(self, version: NewVersion) -> None:
        self.begin()
        self.tell()
        self._autosave.keep(version)

    def know(self, layer: Labels, entry: AnnotationEntry) -> None:
        """Take in where a layer of the project has strokes."""
        for plane in entry.planes:
            (row, column), shape = plane.at, layer.data.shape
            box = (row, row + 1, column, column + 1)
            self._strokes.know(layer, spots_of(shape, plane.index, box))

    def _on_stroked(self, layer: Labels, spots: list[Spot], how: How) -> None:
        if self._main.closed or not is_kept(layer):
            return
        if self._begun:
            self._tell_spots(layer, spots)
        elif how != "drawn anew":
            self.begin()

    def _tell_spots(self, layer: Labels, spots: list[Spot]) -> None:
        key, data = self.keys.key_of(layer), layer.data
        for spot in spots:
            self._autosave.paint(key, spot.index, partial(read_spot, data, spot), spot.at)

    def _on_layers_changed(self) -> None:
        if self._main.closed:
            return
        present = {self.keys.key_of(layer): layer for layer in self.layers}
        new, self._shown = present.keys() - self._shown, self._shown | present.keys()
        self._removed -= present.keys()
        # A window that closes removes its layers too: only what stays away was meant.
        if self._shown > present.keys():
            self._removal.start(REMOVAL_MS)
        self.tell()
        for key in new if self._begun else ():
            self._tell_spots(present[key], all_spots(present[key].data.shape))

    def _on_removals_lasted(self) -> None:
        self._removed |= self._shown - {self.keys.key_of(layer) for layer in self.layers}
        self.tell()

    def _on_said(self, place: Place, said: Saved | NotSaved) -> None:
        if place is not self.place:
            return
        if isinstance(said, NotSaved):
            if said.text != self.problem:
                self.problem = said.text
                self.session.said.emit(Level.WARNING, said.text)
        else:
            self.problem, self.saved_at = "", time.monotonic()
            self.index = self._autosave.index or said.index  # it may be told late
            place.settle()
            for entry in said.index.annotations:
                layer = self.keys.layer_of(entry.key, self.layers)
                if isinstance(layer, Labels):
                    self.know(layer, entry)
            self.history.show(said.index)
        self.changed.emit()
