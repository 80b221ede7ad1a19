"""The project: where it is, when it was saved; New, Open, Save as, Restore, Reproduce."""

import time
from pathlib import Path

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import (
    QApplication,
    QFileDialog,
    QLabel,
    QMenu,
    QMessageBox,
    QPushButton,
    QWidget,
)

from napari_unet.errors import Level
from napari_unet.project.recovery import Recoverable
from napari_unet.session.session import Session
from napari_unet.session.state import State
from napari_unet.widgets.project.keeper import ProjectKeeper
from napari_unet.widgets.project.opening import ProjectOpening
from napari_unet.widgets.qt.build import grid
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown
from napari_unet.widgets.qt.sections import wrapped_label

_REFRESH_MS = 1000
_ACTIONS = {
    "new": ("Ne&w…", "Begin a project in an empty folder, with the present strokes"),
    "open": ("&Open…", "Open a project folder; the present one is saved first"),
    "save": ("&Save as…", "Save everything, with its history, in another folder"),
    "reproduce": (
        "Re&produce…",
        "Write a script that trains and segments again, and a paragraph for a methods section",
    ),
    "restore": ("&Restore", "Go on with what an earlier run left"),
    "discard": ("&Discard…", "Remove what an earlier run left, for ever"),
}


class ProjectPanel(QWidget):
    """Says where strokes and models are kept, and takes them elsewhere."""

    def __init__(self, session: Session, keeper: ProjectKeeper, opening: ProjectOpening) -> None:
        super().__init__()
        self._session = session
        self._keeper = keeper
        self._opening = opening
        self._left: Recoverable | None = None
        self.label = wrapped_label("project_label")
        self.restore_label = QLabel(objectName="restore_label", wordWrap=True)
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        self._actions = {name: menu.addAction(text) for name, (text, _) in _ACTIONS.items()}
        slots = (
            self._on_new_chosen,
            self._on_open_chosen,
            self._on_save_chosen,
            self._on_reproduce_chosen,
            self._on_restore_chosen,
            self._on_discard_chosen,
        )
        for (name, action), slot in zip(self._actions.items(), slots, strict=True):
            action.setObjectName(f"{name}_project_action")
            action.triggered.connect(slot)
        button = QPushButton("Pro&ject", objectName="project_button")
        button.setToolTip("Begin, open or save a project, or write how to repeat it")
        button.setMenu(menu)
        layout = grid(self, (self.label, button), (self.restore_label,))
        layout.setColumnStretch(0, 1)
        timer = QTimer(self)
        timer.timeout.connect(self._update_label)
        timer.start(_REFRESH_MS)
        links = Connections(self)
        links.add(keeper.changed, self._update)
        links.add(session.state_changed, self._update)
        self.look_for_left()

    def look_for_left(self) -> None:
        """Offer the newest of what earlier runs left."""
        found = self._opening.recoverable()
        self._left = found[0] if found else None
        self.restore_label.setVisible(self._left is not None)
        for name in ("restore", "discard"):
            self._actions[name].setVisible(self._left is not None)
        if self._left is not None:
            more = f" ({len(found) - 1} more)" if len(found) > 1 else ""
            left = f"Left by an earlier run: {self._left.text}{more}"
            self.restore_label.setText(f"{left}. Project > Restore goes on with it.")
        self._update()

    def _update(self, *_: object) -> None:
        busy = ""
        if self._session.state is not State.IDLE:
            busy = "Wait for the training to end, or stop it."
        elif self._opening.opening:
            busy = "A project is being opened."
        for name, action in self._actions.items():
            why_not = "" if name == "discard" else busy
            if name == "reproduce" and not why_not:
                why_not = self._why_not_reproduce()
            action.setEnabled(not why_not)
            action.setToolTip(why_not or _ACTIONS[name][1])
        self._update_label()

    def _why_not_reproduce(self) -> str:
        if self._keeper.place.folder is None:
            return "Save the project in a folder first: choose Save as…"
        if self._keeper.history.in_use is None:
            return "There is no model yet; train one first."
        return ""

    def _update_label(self) -> None:
        self.label.setText(status(self._keeper, opening=self._opening.opening))
        folder = self._keeper.saved_folder
        self.label.setToolTip("" if folder is None else str(folder))

    def _on_new_chosen(self) -> None:
        folder = self._ask_for_name("Begin a project in a new folder")
        if folder is not None:
            with errors_shown():
                self._opening.new(folder)

    def _on_save_chosen(self) -> None:
        folder = self._ask_for_name("Save the project in a new folder")
        if folder is not None:
            with errors_shown():
                self._opening.save_as(folder)

    def _on_open_chosen(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Open a project folder")
        if folder:
            with errors_shown():
                self._opening.open(Path(folder))

    def _ask_for_name(self, title: str) -> Path | None:
        name, _ = QFileDialog.getSaveFileName(self, title, "my project", "Folder (*)")
        return Path(name) if name else None

    def _on_restore_chosen(self) -> None:
        if self._left is not None:
            with errors_shown():
                self._opening.restore(self._left.folder)
            self.look_for_left()

    def _on_discard_chosen(self) -> None:
        if self._left is None:
            return
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "Discard what was left",
            f"Remove {self._left.text}? It cannot be brought back.",
            buttons.Discard | buttons.Cancel,
            buttons.Cancel,
        )
        if answer == buttons.Discard:
            with errors_shown():
                self._opening.discard(self._left.folder)
            self.look_for_left()

    def _on_reproduce_chosen(self) -> None:
        from napari_unet.project.reproduce import write_reproduction

        project = self._keeper.place.folder
        folder = QFileDialog.getExistingDirectory(self, "Write script and paragraph to a folder")
        if not folder or project is None:
            return
        with errors_shown():
            self._keeper.save()
            written = write_reproduction(project, Path(folder))
            QApplication.clipboard().setText(written.methods)
            text = f"{written.script} is written, and the methods paragraph is on the clipboard."
            self._session.said.emit(Level.INFO, text)


def status(keeper: ProjectKeeper, *, opening: bool = False) -> str:
    """Say in a few words where things are kept, and since when."""
    if opening:
        return "Opening…"
    folder = keeper.place.folder
    name = "Not in a project yet" if folder is None else folder.name
    if keeper.problem:
        return f"{name} · not saved: {keeper.problem}"
    if keeper.saved_at is None:
        kept = "strokes and models are kept for the next start"
        return f"{name}; {kept}" if folder is None else f"{name} · being saved"
    ago = _ago(time.monotonic() - keeper.saved_at)
    return f"{name} · kept for the next start, {ago}" if folder is None else f"{name} · saved {ago}"


def _ago(seconds: float) -> str:
    if seconds < 60:
        return f"{int(seconds)} s ago"
    minutes = int(seconds // 60)
    return f"{minutes} min ago" if minutes < 120 else f"{minutes // 60} h ago"
