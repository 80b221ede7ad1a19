"""Where a project is saved: its folder, or a folder for the next start. Neither Qt nor napari."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_unet.project.copy import copy_project
from napari_unet.project.index import ProjectIndex
from napari_unet.project.open_project import OpenedProject
from napari_unet.project.recovery import Recovery
from napari_unet.project.store import ProjectStore

MakeStore = Callable[["Place"], ProjectStore]


class Place:
    """Where a project is saved, from the first save on.

    ``make`` returns the project, in the saving thread, when there is something to save. ``folder``:
    the project's folder, or ``None`` where nobody has chosen one. ``recovery``: the folder for the
    next start that is held. ``replaced``: a folder for the next start that is not needed any more
    once something is saved here.
    """

    def __init__(
        self,
        make: MakeStore,
        *,
        folder: Path | None = None,
        recovery: Recovery | None = None,
        replaced: Recovery | None = None,
    ) -> None:
        self._make = make
        self.folder = folder
        self.recovery = recovery
        self.replaced = replaced

    @classmethod
    def unnamed(cls, root: Path) -> Place:
        """Keep it for the next start, below a folder, until somebody chooses one."""
        return cls(lambda place: ProjectStore.create(place._begun(root)))

    @classmethod
    def new(cls, folder: Path) -> Place:
        """Begin a project in a folder.

        ``UnwritableOutput`` if the folder cannot be used, which is known at once.
        """
        store = ProjectStore.create(folder)
        return cls(lambda _: store, folder=folder)

    @classmethod
    def opened(cls, opened: OpenedProject, root: Path, recovery: Recovery | None = None) -> Place:
        """Go on with an opened project, or with what was kept for this start.

        One that is a copy is kept for the next start.
        """
        if opened.attached:
            folder = None if recovery is not None else opened.folder
            return cls(lambda _: ProjectStore.of(opened), folder=folder, recovery=recovery)

        def make(place: Place) -> ProjectStore:
            return copy_project(opened.folder, opened.index, place._begun(root))

        return cls(make)

    @classmethod
    def copied(
        cls, source: Path | None, index: ProjectIndex, folder: Path, replaced: Recovery | None
    ) -> Place:
        """Save all that is in one folder in another one from now on.

        ``UnwritableOutput`` if the other folder cannot be used, which is known at once.
        """
        if source is None:
            return cls.new(folder)
        ProjectStore.create(folder)
        return cls(lambda _: copy_project(source, index, folder), folder=folder, replaced=replaced)

    def store(self) -> ProjectStore:
        """Return the project to write to."""
        return self._make(self)

    def _begun(self, root: Path) -> Path:
        """Return the folder for the next start, which is made the first time."""
        if self.recovery is None:
            self.recovery = Recovery.begin(root)
        return self.recovery.folder

    def settle(self) -> None:
        """Let go of what this replaces; call it when something was saved."""
        if self.replaced is not None:
            self.replaced.discard()
            self.replaced = None

    def leave(self) -> None:
        """Let go of the folders for the next start; what is in them can be restored."""
        for recovery in (self.recovery, self.replaced):
            if recovery is not None:
                recovery.leave()
        self.recovery = self.replaced = None
