"""The dock widget that segments every open image with one model."""

from __future__ import annotations

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtWidgets import QCheckBox, QGridLayout, QLabel, QProgressBar, QPushButton, QWidget

from napari_unet.widgets.batch_run import BatchRun, BatchSettings
from napari_unet.widgets.batch_table import BatchTable
from napari_unet.widgets.connections import Connections
from napari_unet.widgets.docked import Docked
from napari_unet.widgets.model_row import ModelRow
from napari_unet.widgets.readiness import NO_MODEL
from napari_unet.widgets.sections import section, stack
from napari_unet.widgets.shared import shared_by


class BatchSegment(Docked):
    """Says what will be segmented, does it layer by layer, and says what became of each.

    Parameters
    ----------
    napari_viewer
        The viewer whose image layers are segmented.

    Attributes
    ----------
    session
        What it shows and does.
    """

    def __init__(self, napari_viewer: ViewerModel) -> None:
        super().__init__()
        shared = shared_by(napari_viewer, self)
        self.setObjectName("batch_segment")
        self.session = shared.session
        self._run = BatchRun(shared.viewer, shared.predictions, self)
        self.table = BatchTable(shared.viewer, shared.session)
        self._make_widgets()
        images = section("Open images", self.table, self.summary, self._buttons())
        stack(self, section("Model", ModelRow(shared.session)), images, stretch=images)
        self.table.plan_changed.connect(self._update)
        self._run.reported.connect(self._on_reported)
        self._run.progressed.connect(self._on_progressed)
        self._run.ended.connect(self._on_ended)
        Connections(self).add(shared.session.model_changed, self._update)
        self._update()

    def _make_widgets(self) -> None:
        self.summary = QLabel()
        self.summary.setObjectName("batch_summary")
        self.summary.setWordWrap(True)
        self.probabilities = QCheckBox("Probabilities")
        self.probabilities.setObjectName("batch_probabilities_check")
        self.probabilities.setToolTip("Also add an image layer a class, with its probability")
        self.run_button = QPushButton("&Run")
        self.run_button.setObjectName("batch_run_button")
        self.run_button.clicked.connect(self._on_run_clicked)
        self.progress = QProgressBar()
        self.progress.setObjectName("batch_progress")
        self.progress.setRange(0, 1000)
        self.progress.setToolTip("How much of all layers is done")

    def _buttons(self) -> QWidget:
        widget = QWidget()
        layout = QGridLayout(widget)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.run_button, 0, 0)
        layout.addWidget(self.probabilities, 0, 1)
        layout.addWidget(self.progress, 1, 0, 1, 2)
        layout.setColumnStretch(0, 1)
        return widget

    def _on_run_clicked(self) -> None:
        if self._run.is_running:
            self.run_button.setText("Stopping…")
            self.run_button.setEnabled(False)
            self._run.stop()
            return
        plan = self.table.plan()
        if plan and self.session.model is not None:
            self.table.freeze(True)
            self.run_button.setText("&Stop")
            self.run_button.setToolTip("End the run; what is ready stays")
            self.probabilities.setEnabled(False)
            self.summary.setText(f"Segmenting {_layers(len(plan))}…")
            settings = BatchSettings(self.session.model, self.probabilities.isChecked())
            self._run.start(plan, settings)

    def _on_reported(self, image: Image, text: str) -> None:
        self.table.report(image, text)

    def _on_progressed(self, fraction: float) -> None:
        self.progress.setValue(round(1000 * fraction))

    def _on_ended(self, done: int, total: int) -> None:
        self.table.freeze(False)
        self.run_button.setText("&Run")
        self.probabilities.setEnabled(True)
        self.progress.reset()
        self._update()
        self.summary.setText(f"{done} of {_layers(total)} segmented.")

    def _update(self) -> None:
        if self._run.is_running:
            return
        plan, offered = len(self.table.plan()), self.table.rowCount()
        if self.session.header is None:
            text = NO_MODEL
        elif offered == 0:
            text = "Open images first."
        else:
            text = f"{plan} of {_layers(offered)} will be segmented."
        self.summary.setText(text)
        self.run_button.setEnabled(plan > 0)
        self.run_button.setToolTip("Segment the checked layers, all planes" if plan else text)


def _layers(count: int) -> str:
    return "1 layer" if count == 1 else f"{count} layers"
