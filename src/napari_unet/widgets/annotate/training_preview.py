"""Predictions that nobody has to ask for: what is in view, while and after a training."""

from collections.abc import Callable

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_unet.core.images.cutout import is_large
from napari_unet.core.labels.classes import background_id
from napari_unet.core.models.header import ModelHeader, header_of
from napari_unet.core.network.config import DeviceName
from napari_unet.errors import Level
from napari_unet.session.sending import is_too_wide
from napari_unet.session.state import State
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.readiness import why_not_segment
from napari_unet.widgets.layers.removal import remove_soon
from napari_unet.widgets.layers.results import Legend, add_segmentation, segmentation_of
from napari_unet.widgets.layers.view import current_index, in_view, is_empty
from napari_unet.widgets.qt.connections import Connections


class LivePrediction(QObject):
    """Shows a training getting better, then its result.

    Better weights predict what is in view, unless such a prediction still runs; the model that a
    training ends with predicts the whole current plane.
    """

    def __init__(
        self, desk: Desk, device: Callable[[], DeviceName], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = desk.viewer, desk.session
        self._predictions, self._choice = desk.predictions, desk.choice
        self._device = device
        self._task: int | None = None
        self._image: Image | None = None  # of the task
        self._empty: Labels | None = None
        links = Connections(self)
        links.add(desk.session.state_changed, self._on_state_changed)
        links.add(desk.session.improved, self._on_improved)
        links.add(desk.session.trained, self._on_trained)
        desk.predictions.ended.connect(self._on_ended)

    def _on_state_changed(self, state: State) -> None:
        """Add the segmentation's layer at the press of Train or Live, as that stalls the window.

        Should the training end without anything to show, it goes again.
        """
        image = self._choice.image
        if state in (State.TRAINING, State.LIVE) and image is not None:
            if segmentation_of(self._viewer, image) is None:
                legend = Legend(self._session.classes, background_id("scribbles"), strokes=True)
                self._empty = add_segmentation(self._viewer, image, legend)
        elif state is State.IDLE and self._empty is not None:
            layer, self._empty = self._empty, None
            coarsest = layer.data[-1] if layer.multiscale else layer.data
            if layer in self._viewer.layers and not coarsest.any():
                remove_soon(self._viewer, layer)

    def _on_improved(self, model: bytes) -> None:
        image = self._choice.image
        if self._predictions.is_running(self._task) or image is None:
            return
        if why_not_segment(image, header_of(model)) is None:
            indices, region = in_view(image, self._viewer)
            if not is_empty(region) and not is_too_wide(spatial_shape(image), region):
                self._image = image
                self._task = self._predictions.start(
                    image, indices[:1], region=region, model=model, device=self._device()
                )

    def _on_trained(self, _reason: str) -> None:
        image = self._choice.image
        model: ModelHeader | None = self._session.header
        if image is not None and why_not_segment(image, model) is None:
            index = current_index(image, self._viewer.dims.point)
            shape, region = spatial_shape(image), None
            if is_large(shape):  # hours for all of it, which nobody has asked for
                region = in_view(image, self._viewer)[1]
                if is_empty(region) or is_too_wide(shape, region):
                    return
            self._image = image
            self._task = self._predictions.start(
                image, [index], region=region, device=self._device()
            )

    def _on_ended(self, task: int, error: str, _stopped: bool) -> None:
        if task != self._task:
            return
        image, self._image = self._image, None  # its pixels may be let go
        if error and image in self._viewer.layers:
            self._session.said.emit(Level.WARNING, f"the preview failed: {error}")
