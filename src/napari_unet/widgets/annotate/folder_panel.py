"""The images of a folder: which there are, what was done to each, on to the next."""

from pathlib import Path
from typing import Any

from qtpy.QtCore import QAbstractListModel, QEvent, QModelIndex, Qt
from qtpy.QtGui import QFont
from qtpy.QtWidgets import (
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.session.working_set import WorkingSet
from napari_unet.widgets.annotate.keys import with_key
from napari_unet.widgets.project.folder_images import FolderImages
from napari_unet.widgets.qt.build import push_button
from napari_unet.widgets.qt.connections import Connections

_ROWS_SHOWN = 5
_CHOOSE_TIP = (
    "Images in a folder…: list them, go from one to the next, and train on all that you paint"
)
_BATCH_DOCK = ("napari-unet-live", "Batch segment open layers")


class FolderModel(QAbstractListModel):
    """The images of a folder, each with what was done to it; only rows in view are made."""

    def __init__(self, files: WorkingSet, parent: QWidget) -> None:
        super().__init__(parent)
        self._files = files
        self._listed = files.files
        Connections(self).add(files.changed, self._on_changed)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        """Return how many images there are."""
        return 0 if parent is not None and parent.isValid() else len(self._listed)

    def path(self, index: QModelIndex) -> Path:
        """Return the image of a row."""
        return self._listed[index.row()]

    def index_of(self, path: Path | None) -> QModelIndex:
        """Return the row of an image; an invalid one if there is none."""
        at = -1 if path is None else self._files.positions.get(path, -1)
        return self.index(at, 0) if at >= 0 else QModelIndex()

    def data(self, index: QModelIndex, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return what a row shows."""
        path = self.path(index)
        if role == Qt.ItemDataRole.DisplayRole:
            mark = self._files.mark(path)
            return f"{self._files.name(path)} · {mark.text}" if mark else self._files.name(path)
        if role == Qt.ItemDataRole.ToolTipRole:
            return f"{path}: {self._files.mark(path).text}"
        if role == Qt.ItemDataRole.FontRole and path == self._files.shown:
            font = QFont()
            font.setBold(True)
            return font
        return None

    def _on_changed(self) -> None:
        if self._files.files is not self._listed:
            self.beginResetModel()
            self._listed = self._files.files
            self.endResetModel()
        elif self._listed:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self._listed) - 1, 0))


class FolderPanel(QGroupBox):
    """Shows the images of a folder; not there until one is chosen.

    ``choose_button``: chooses a folder; it stands elsewhere, since it is always there.
    """

    def __init__(self, images: FolderImages) -> None:
        super().__init__("Folder")
        self.setObjectName("folder_panel")
        self._images, self._files = images, images.files
        self._shown: Path | None = None  # that the list was scrolled to
        self.choose_button = push_button("Fol&der…", "folder_button", self._on_choose_clicked)
        self.choose_button.setToolTip(_CHOOSE_TIP)
        self.label = QLabel()
        self.label.setObjectName("folder_label")
        self.label.setWordWrap(True)
        self.model = FolderModel(self._files, self)
        self.view = self._make_view()
        self.previous = self._step_button("Pre&vious", "previous_image", -1)
        self.next = self._step_button("Ne&xt", "next_image", 1)
        self.batch = push_button("&Batch the rest…", "batch_rest_button", self._on_batch_clicked)
        self.batch.setToolTip("Segment the images that nobody painted on, in the dock for batches")
        self.leave = push_button("Leave", "leave_folder_button", lambda: images.list.leave())
        self.leave.setToolTip("Work on single images again; strokes stay in the project")
        self._lay_out()
        self.model.modelReset.connect(self._on_reset)
        Connections(self).add(self._files.changed, self._update)
        self._update()

    def _make_view(self) -> QListView:
        view = QListView()
        view.setObjectName("folder_view")
        view.setAccessibleName("Images of the folder")
        view.setModel(self.model)
        view.setUniformItemSizes(True)
        view.setFocusPolicy(Qt.FocusPolicy.TabFocus)  # a click leaves the keys to the canvas
        view.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        view.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        view.setFixedHeight(_ROWS_SHOWN * (view.fontMetrics().height() + 4) + 4)
        view.setToolTip("The folder's images, and what was done with each; click one to show it")
        view.clicked.connect(self._on_activated)
        view.activated.connect(self._on_activated)
        return view

    def _step_button(self, text: str, command: str, step: int) -> QPushButton:
        button = push_button(text, f"{command}_button", lambda: self._images.go(step))
        where = "after" if step > 0 else "before"
        button.setToolTip(with_key(f"Show the image {where} this one, with its strokes", command))
        return button

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.previous, self.next, self.batch, self.leave):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 4, 8, 6)
        layout.setSpacing(4)
        layout.addWidget(self.label)
        layout.addWidget(self.view)
        layout.addLayout(buttons)

    def _update(self) -> None:
        files = self._files
        self.setVisible(files.folder is not None)
        if files.folder is None:
            return
        self.label.setText(f"{files.folder.name}: {files.painted} of {len(files.files)} painted")
        self.label.setToolTip(str(files.folder))
        row = self.model.index_of(files.shown)
        if row.isValid() and files.shown != self._shown:
            self.view.setCurrentIndex(row)
            self.view.scrollTo(row)
        self._shown = files.shown

    def _on_reset(self) -> None:
        self._shown = None

    def _on_choose_clicked(self) -> None:
        start = "" if self._files.folder is None else str(self._files.folder)
        folder = QFileDialog.getExistingDirectory(self, "Images in a folder", start)
        if folder:
            self._images.list.choose(Path(folder))

    def _on_batch_clicked(self) -> None:
        window = getattr(self._images.viewer, "window", None)
        if window is not None:
            window.add_plugin_dock_widget(*_BATCH_DOCK)
            self._files.batch_wanted.emit()

    def _on_activated(self, index: QModelIndex) -> None:
        self._images.show(self.model.path(index))

    def event(self, event: QEvent) -> bool:
        """List the folder again when the window is come back to: others may have added to it."""
        if event.type() == QEvent.Type.WindowActivate:
            self._images.list.look_again()
        return super().event(event)
