"""Gives each new version of a model its picture: its segmentation of the plane in view."""

from __future__ import annotations

from functools import partial

import numpy as np
from napari.components import ViewerModel
from qtpy.QtCore import QObject

from napari_unet.core.images.source_piece import SourcePlane
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.pictures import thumbnail
from napari_unet.session.session import Session
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.planes import plane_of, spatial_shape
from napari_unet.widgets.layers.results import legend_of, segmentation_of
from napari_unet.widgets.layers.view import current_index
from napari_unet.widgets.project.keeper import ProjectKeeper
from napari_unet.widgets.qt.connections import Connections

_MOST_PIXELS = 2048


class Thumbnails(QObject):
    """Draws a version when the prediction that follows its training has ended."""

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        predictions: Predictions,
        choice: Choice,
        keeper: ProjectKeeper,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._viewer = viewer
        self._session = session
        self._choice = choice
        self._keeper = keeper
        self._wanted: int | None = None
        Connections(self).add(session.trained, self._on_trained)
        predictions.ended.connect(self._on_predicted)

    def _on_trained(self, _reason: str) -> None:
        self._wanted = self._keeper.history.in_use

    def _on_predicted(self, _task: int, error: str, stopped: bool) -> None:
        number, self._wanted = self._wanted, None
        image = self._choice.image
        header = self._session.header
        if number is None or error or stopped or image is None or header is None:
            return
        segmentation = segmentation_of(self._viewer, image)
        if segmentation is not None and number == self._keeper.history.in_use:
            legend = legend_of(header, self._session.classes)
            index = current_index(image, self._viewer.dims.point)
            finest = segmentation.data[0] if segmentation.multiscale else segmentation.data
            if finest.shape != spatial_shape(image):
                return  # the image is taken otherwise since it was predicted
            labels = np.asarray(finest[index])
            plane = plane_of(image, index)
            assert isinstance(plane, SourcePlane)  # the index has no slice in it
            draw = partial(_draw, plane, labels, legend.classes, legend.background)
            self._keeper.autosave.picture(number, draw)


def _draw(
    plane: SourcePlane,
    labels: np.ndarray,
    classes: tuple[ClassInfo, ...],
    background: int,
) -> bytes:
    """Draw the middle of a plane, so that little is read of a large one."""
    rows, columns = (_middle(length) for length in labels.shape)
    inside = labels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return thumbnail(plane.read(rows, columns), inside, classes, background)


def _middle(length: int) -> np.ndarray:
    start = max(0, (length - _MOST_PIXELS) // 2)
    return np.arange(start, min(length, start + _MOST_PIXELS))
