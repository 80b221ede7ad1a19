"""What can be done with the report of a run."""

from collections.abc import Sequence
from pathlib import Path

from qtpy.QtCore import QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from napari_unet.core.batch.report import REPORT_NAME, write_fields, write_report
from napari_unet.core.batch.run import ItemEnded
from napari_unet.widgets.qt.build import push_button
from napari_unet.widgets.qt.notify import errors_shown


class BatchEnd(QWidget):
    """Opens the report of a run to a folder, and the folder; saves that of a run to layers."""

    def __init__(self) -> None:
        super().__init__()
        self._folder: Path | None = None
        self._items: tuple[ItemEnded, ...] = ()
        self.report_button = push_button(
            "Open report", "batch_report_button", self._on_report_clicked
        )
        self.report_button.setToolTip("Open the table of what became of each image")
        self.folder_button = push_button(
            "Show folder", "batch_show_folder_button", self._on_folder_clicked
        )
        self.folder_button.setToolTip("Open the folder with the results")
        self.save_button = push_button(
            "Save report…", "batch_save_report_button", self._on_save_clicked
        )
        self.save_button.setToolTip("Write what became of each image to a CSV file")
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for button in (self.report_button, self.folder_button, self.save_button):
            layout.addWidget(button)
        layout.addStretch(1)
        self.hide()

    def offer(self, items: Sequence[ItemEnded], folder: Path | None, *, written: bool) -> None:
        """Offer the report of a run, which is in the folder if it was written."""
        self._items, self._folder = tuple(items), folder
        self.report_button.setVisible(written)
        self.folder_button.setVisible(folder is not None)
        self.save_button.setVisible(not written)
        self.show()

    def _on_report_clicked(self) -> None:
        if self._folder is not None:
            _open(self._folder / REPORT_NAME)

    def _on_folder_clicked(self) -> None:
        if self._folder is not None:
            _open(self._folder)

    def _on_save_clicked(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the report", REPORT_NAME, "Tables (*.csv);;All files (*)"
        )
        if path:
            with errors_shown():
                write_report(Path(path), self._items)
                write_fields(Path(path), self._items)


def _open(path: Path) -> None:
    QDesktopServices.openUrl(QUrl.fromLocalFile(str(path)))
