"""The images of a folder, what the project knows of each, and the folder's place in it."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from qtpy.QtCore import QObject, Signal

from napari_unet.core.batch.find_images import Listing, list_images
from napari_unet.errors import Level
from napari_unet.project.entries import FolderEntry
from napari_unet.project.files import places_of
from napari_unet.project.kept_strokes import KeptStrokes, Ranges, marks_of, place_of, segmented
from napari_unet.session.working_set import Mark, WorkingSet
from napari_unet.widgets.desk.background import Bench, Worker
from napari_unet.widgets.project.keeper import ProjectKeeper
from napari_unet.widgets.qt.connections import Connections, ended_with

_MOST_NAMED = 3
_Key = tuple[Path, str | None, tuple[tuple[str, int], ...], int]


class FolderList(QObject):
    """Lists a folder in a thread, and follows what is saved of its images.

    Signal: ``listed(bool)``, whether an image of it is to be shown now.
    """

    listed = Signal(bool)

    def __init__(
        self, keeper: ProjectKeeper, files: WorkingSet, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self.files = files
        self._keeper = keeper
        self._bench = Bench("project-folder")
        self._entry: FolderEntry | None = None  # that is listed, or is being
        self._followed: FolderEntry | None = None  # the project's
        self._ranges: dict[_Key, Ranges] = {}
        self._segmented: set[Path] = set()
        links = Connections(self)
        links.add(keeper.changed, self._on_kept)
        links.add(files.segmented_into, self._on_segmented)
        ended_with(self, self._bench.close)

    def begin(self) -> None:
        """List the folder that the project is at, if it is at one."""
        self._on_kept()

    @property
    def last_shown(self) -> Path | None:
        """The image that was shown last."""
        entry, folder = self._entry, self.files.folder
        return None if entry is None or folder is None else folder / (entry.shown or "")

    def choose(self, folder: Path) -> None:
        """List the images of a folder."""
        self._list(FolderEntry(path=os.path.abspath(folder)), shown=True)

    def leave(self) -> None:
        """Work on single images again; what is open stays open, what is kept is kept."""
        self._keeper.folder = None
        self._on_kept()
        self._keeper.tell()

    def look_again(self) -> None:
        """List the folder again, to which others may have added."""
        if self._entry is not None:
            self._list(self._entry, shown=False)

    def is_shown(self, path: Path) -> None:
        """Keep which image is shown."""
        self._keep({"shown": self.files.name(path)})
        self.files.show(path)
        self._on_kept()

    def _on_segmented(self, folder: Path) -> None:
        self._keep({"results": str(folder)})
        self.look_again()

    def _keep(self, update: dict[str, str]) -> None:
        if self._entry is not None:
            self._entry = self._entry.model_copy(update=update)
            self._keeper.folder = self._followed = self._entry
            self._keeper.tell()

    def _list(self, entry: FolderEntry, *, shown: bool) -> None:
        self._entry = entry
        project = self._keeper.saved_folder

        def work(_worker: Worker) -> tuple[Listing, set[Path]]:
            places = places_of(project, entry) if project is not None else ()
            there = [place for place in places if place.is_dir()]
            listing = list_images(there[0] if there else Path(entry.path))
            results = None if entry.results is None else Path(entry.results)
            return listing, segmented(listing.images, listing.folder, results)

        self._bench.do(work, partial(self._on_listed, entry, shown), self._on_not_listed)

    def _on_listed(self, entry: FolderEntry, shown: bool, found: tuple[Listing, set[Path]]) -> None:
        if entry is not self._entry:
            return
        listing, self._segmented = found
        self._keep({"path": str(listing.folder)})
        self.files.use(listing.folder, listing.images)
        if listing.unread:
            names = ", ".join(path.name for path in listing.unread[:_MOST_NAMED])
            text = f"{len(listing.unread)} folders in it cannot be read and are left out: {names}."
            self._keeper.session.said.emit(Level.WARNING, text)
        self._on_kept()
        self.listed.emit(shown)

    def _on_not_listed(self, text: str) -> None:
        self._entry = self._followed
        self._keeper.session.said.emit(Level.ERROR, text)

    def _on_kept(self) -> None:
        """Take in what was saved, or another project."""
        keeper, files = self._keeper, self.files
        if keeper.folder is not self._followed:
            self._followed = self._entry = keeper.folder
            self._segmented = set()
            files.use(None)
            if keeper.folder is not None:
                self._list(keeper.folder, shown=True)
        project = keeper.saved_folder
        marks: dict[Path, Mark] = {}
        if files.folder is not None:
            marks = marks_of(project, keeper.index, files.listed, files.folder)
            for path in self._segmented:
                marks[path] = marks.get(path, Mark.NONE) | Mark.SEGMENTED
        files.know(marks, () if project is None else tuple(self._elsewhere(project)))

    def _elsewhere(self, project: Path) -> Iterator[KeptStrokes]:
        """Iterate over the strokes that are put away."""
        images = {image.key: image for image in self._keeper.index.images}
        for layer in self._keeper.index.annotations:
            image = images.get(layer.image or "")
            drawn = layer.away and not layer.removed and layer.cells is None and layer.planes
            if not drawn or image is None or any(key != image.key for key, _ in image.channels):
                continue
            path = place_of(project, image, self.files.listed)
            if path is not None:
                key = path, image.checksum, image.channels, image.level
                known = self._ranges.setdefault(key, {})
                yield KeptStrokes(project, path, image, layer, known)
