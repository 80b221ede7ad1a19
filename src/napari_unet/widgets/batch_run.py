"""Segments one open layer after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from napari.components import ViewerModel
from napari.layers import Image
from qtpy.QtCore import QObject, Signal

from napari_unet.core.config import DeviceName
from napari_unet.widgets.layers import plane_indices, spatial_shape
from napari_unet.widgets.predictions import Predictions


@dataclass(frozen=True)
class BatchSettings:
    """The model that a batch is segmented with, and how."""

    model: bytes
    probabilities: bool = False
    device: DeviceName = "auto"


class BatchRun(QObject):
    """A run over layers; a layer that fails or disappears is reported and skipped.

    Notes
    -----
    Signals: ``reported(image, text)`` when something became of a layer,
    ``progressed(fraction)`` over all layers, and, last, ``ended(done, total)``.
    """

    reported = Signal(object, str)
    progressed = Signal(float)
    ended = Signal(int, int)

    def __init__(
        self, viewer: ViewerModel, predictions: Predictions, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._predictions = predictions
        self._waiting: list[Image] = []
        self._current: Image | None = None
        self._task: int | None = None
        self._settings: BatchSettings | None = None
        self._total = self._done = self._tried = 0
        predictions.progressed.connect(self._on_progressed)
        predictions.ended.connect(self._on_ended)

    @property
    def is_running(self) -> bool:
        """Whether layers are being segmented."""
        return self._current is not None

    def start(self, images: Sequence[Image], settings: BatchSettings) -> None:
        """Segment these layers, all planes of each."""
        self._waiting = list(images)
        self._settings = settings
        self._total, self._done, self._tried = len(images), 0, 0
        for image in images:
            self.reported.emit(image, "waiting")
        self._start_next()

    def stop(self) -> None:
        """End the run; layers and planes that are ready stay."""
        for image in self._waiting:
            self.reported.emit(image, "not done")
        self._waiting.clear()
        if self._task is not None:
            self._predictions.stop(self._task)

    def _start_next(self) -> None:
        self._current = self._task = None
        while self._waiting and self._settings is not None:
            image = self._waiting.pop(0)
            if image not in self._viewer.layers:
                self._tried += 1
                self.reported.emit(image, "the layer was removed.")
                continue
            self._current = image
            self.reported.emit(image, "segmenting")
            self._task = self._predictions.start(
                image,
                plane_indices(spatial_shape(image)),
                model=self._settings.model,
                probabilities=self._settings.probabilities,
                device=self._settings.device,
            )
            return
        self.ended.emit(self._done, self._total)

    def _on_progressed(self, task: int, fraction: float) -> None:
        if task == self._task:
            self.progressed.emit((self._tried + fraction) / self._total)

    def _on_ended(self, task: int, error: str, stopped: bool) -> None:
        if task != self._task or self._current is None:
            return
        self._tried += 1
        self._done += not (error or stopped)
        text = f"failed: {error}" if error else "stopped" if stopped else "done"
        self.reported.emit(self._current, text)
        self.progressed.emit(self._tried / self._total)
        self._start_next()
