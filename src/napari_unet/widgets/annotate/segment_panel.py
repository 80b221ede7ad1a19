"""Buttons that segment the chosen image with the model in use."""

from collections.abc import Callable, Sequence

from qtpy.QtWidgets import QCheckBox, QWidget

from napari_unet.core.images.box import Region
from napari_unet.core.network.config import DeviceName
from napari_unet.errors import Level
from napari_unet.widgets.annotate.keys import with_key
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.model_match import size_match
from napari_unet.widgets.layers.planes import Index, plane_indices, spatial_shape
from napari_unet.widgets.layers.readiness import why_not_segment
from napari_unet.widgets.layers.view import in_view, is_empty
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown
from napari_unet.widgets.qt.progress_bar import ProgressBar
from napari_unet.widgets.qt.sections import wrapped_label


class SegmentPanel(QWidget):
    """Segment image, Segment view, Stop."""

    def __init__(self, desk: Desk, device: Callable[[], DeviceName]) -> None:
        super().__init__()
        self._viewer, self._session = desk.viewer, desk.session
        self._predictions, self._choice = desk.predictions, desk.choice
        self._device = device
        self._task: int | None = None
        self._make_widgets()
        self._lay_out()
        Connections(self).add(desk.session.model_changed, self._update)
        desk.choice.image_changed.connect(self._update)
        desk.choice.image_retaken.connect(self._update)
        desk.predictions.progressed.connect(self._on_progressed)
        desk.predictions.ended.connect(self._on_ended)
        self._update()

    def _make_widgets(self) -> None:
        self.image_button = push_button(
            "Segment &image", "segment_image_button", self._on_image_clicked
        )
        self.view_button = push_button(
            "Segment vie&w", "segment_view_button", self._on_view_clicked
        )
        self.probabilities = QCheckBox("Probabilities", objectName="probabilities_check")
        self.probabilities.setToolTip("Also add an image layer a class, with its probability")
        self.progress = ProgressBar("segment_progress", "How much of the segmentation is done")
        self.stop_button = push_button("Stop", "segment_stop_button", self._on_stop_clicked)
        self.stop_button.setToolTip("End the segmentation; what is ready stays")
        self.status = wrapped_label("segment_status")

    def _lay_out(self) -> None:
        first = (self.image_button, self.view_button, self.probabilities)
        layout = grid(self, first, (self.progress, self.stop_button), (self.status,))
        layout.setColumnStretch(0, 1)
        layout.setColumnStretch(1, 1)

    def _on_image_clicked(self) -> None:
        image = self._choice.image
        if image is not None:
            self._start(plane_indices(spatial_shape(image)), None)

    def _on_view_clicked(self) -> None:
        image = self._choice.image
        if image is None:
            return
        indices, region = in_view(image, self._viewer)
        if is_empty(region):
            self._session.said.emit(Level.WARNING, "nothing of the image is in view.")
        else:
            self._start(indices, region)

    def _start(self, indices: Sequence[Index], region: Region | None) -> None:
        image, header = self._choice.image, self._session.header
        if image is None or header is None or self._predictions.is_running(self._task):
            return
        with errors_shown():
            self._task = self._predictions.start(
                image,
                indices,
                region=region,
                probabilities=self.probabilities.isChecked(),
                device=self._device(),
            )
            said = size_match(image, header)[1]
            if said is not None:
                self._session.said.emit(Level.INFO, f"{image.name}: {said}")
        self._update()

    def _on_stop_clicked(self) -> None:
        if self._task is not None:
            self._predictions.stop(self._task)
            self.stop_button.setEnabled(False)

    def _on_progressed(self, task: int, fraction: float) -> None:
        if task == self._task:
            self.progress.show_share(fraction)

    def _on_ended(self, task: int, error: str, _stopped: bool) -> None:
        if task != self._task:
            return
        self._task = None
        self._update()
        if error:
            self._session.said.emit(Level.ERROR, error)

    def _update(self) -> None:
        running = self._predictions.is_running(self._task)
        reason = why_not_segment(self._choice.image, self._session.header)
        if running:
            reason = "A segmentation is running; stop it or wait for it."
        for button, command, ready in (
            (self.image_button, "segment_image", "Segment every plane of the image"),
            (self.view_button, "segment_view", "Segment what is in view of the current plane"),
        ):
            button.setEnabled(reason is None)
            button.setToolTip(reason or with_key(ready, command))
        self.status.setText("" if running else reason or "")
        self.status.setVisible(bool(self.status.text()))
        self.progress.setVisible(running)
        self.stop_button.setVisible(running)
        self.stop_button.setEnabled(running)
        if not running:
            self.progress.clear()
