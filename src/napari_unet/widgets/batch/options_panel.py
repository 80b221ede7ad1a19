"""What is saved of a batch's results, where, and how images are prepared."""

from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QComboBox, QFileDialog, QHBoxLayout, QPushButton, QWidget

from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.io.result import Saved
from napari_unet.widgets.qt.build import form_layout

_LAYERS, _FOLDER = range(2)


class BatchOptionsPanel(QWidget):
    """Lets the user choose what is saved, as layers or in a folder.

    Signal: ``changed()``.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.folder: Path | None = None
        self.place = QComboBox()
        self.place.setObjectName("batch_place_combo")
        self.place.setAccessibleName("Where results go")
        self.place.addItems(["as layers", "to a folder"])
        self.place.setToolTip("Where results go: layers here, or OME-TIFF and OME-Zarr files")
        self.folder_button = QPushButton("Choose…", objectName="batch_folder_button")
        self.folder_button.setAccessibleName("Folder for the results")
        self.labels = _check("Labels", "batch_labels_check", "A class for each pixel")
        self.labels.setChecked(True)
        self.probabilities = _check(
            "Probabilities", "batch_probabilities_check", "Each class's probability at each pixel"
        )
        self.instances = _check(
            "Instances", "batch_instances_check", "An id for each object, touching ones apart"
        )
        self.measure = _check(
            "Measure",
            "batch_measure_check",
            "Write tables: how many cells and how much of each class a plane has, and the size, "
            "shape and brightness of each instance",
        )
        self.overwrite = _check(
            "Overwrite",
            "batch_overwrite_check",
            "Make results anew that are in the folder already; other files are never replaced",
        )
        self.resample = _check(
            "Bring to the model's pixel size",
            "batch_resample_check",
            "Resample images whose pixels have another size than those the model was trained on; "
            "results are put back on the images' own pixels",
        )
        self.resample.setChecked(True)
        self._lay_out()
        self.place.activated.connect(self._on_place_chosen)
        self.folder_button.clicked.connect(self._on_folder_clicked)
        saved = (self.labels, self.probabilities, self.instances)
        for box in (*saved, self.measure, self.overwrite, self.resample):
            box.toggled.connect(self.changed)
        self._show_place()

    def _lay_out(self) -> None:
        form = form_layout(self)
        form.addRow("Save", _row(self.labels, self.probabilities, self.instances))
        form.addRow("Results", _row(self.place, self.folder_button, self.overwrite))
        form.addRow(self.measure)
        form.addRow(self.resample)

    def options(self) -> BatchOptions:
        """Return how to segment."""
        chosen: list[tuple[Saved, QCheckBox]] = [
            ("labels", self.labels),
            ("probabilities", self.probabilities),
            ("instances", self.instances),
        ]
        return BatchOptions(
            save=tuple(what for what, box in chosen if box.isChecked()),
            overwrite=self.overwrite.isChecked(),
            resample=self.resample.isChecked(),
            measure=self.measure.isChecked(),
        )

    def choose_folder(self, folder: Path | None) -> None:
        """Let results go to a folder, or else become layers."""
        self.folder = folder
        self._show_place()
        self.changed.emit()

    def _on_place_chosen(self, index: int) -> None:
        if index == _LAYERS:
            self.choose_folder(None)
        else:
            self._on_folder_clicked()

    def _on_folder_clicked(self) -> None:
        start = str(self.folder or "")
        path = QFileDialog.getExistingDirectory(self, "Folder for the results", start)
        self.choose_folder(Path(path) if path else self.folder)

    def _show_place(self, *_: object) -> None:
        in_folder = self.folder is not None
        self.place.setCurrentIndex(_FOLDER if in_folder else _LAYERS)
        self.folder_button.setVisible(in_folder)
        self.overwrite.setVisible(in_folder)
        self.folder_button.setText(f"{self.folder.name or self.folder}…" if self.folder else "")
        self.folder_button.setToolTip(
            f"Results go to {self.folder}; press to choose another folder"
            if self.folder
            else "Choose a folder for the results"
        )


def _check(text: str, name: str, tip: str) -> QCheckBox:
    box = QCheckBox(text)
    box.setObjectName(name)
    box.setToolTip(tip)
    return box


def _row(*widgets: QWidget) -> QWidget:
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for widget in widgets:
        layout.addWidget(widget)
    layout.addStretch(1)
    return row
