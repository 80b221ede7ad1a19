"""Gives each new version of a model its picture: its segmentation of the plane in view."""

from __future__ import annotations

from functools import partial

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_unet.core.thumbnails import SIDE, thumbnail
from napari_unet.session import Session
from napari_unet.widgets.choice import Choice
from napari_unet.widgets.connections import Connections
from napari_unet.widgets.layers import Index, current_index, full_data, read_plane
from napari_unet.widgets.predictions import Predictions
from napari_unet.widgets.project_keeper import ProjectKeeper
from napari_unet.widgets.results import legend_of, segmentation_of


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
            draw = partial(_draw, image, segmentation, index, legend.classes, legend.background)
            self._keeper.autosave.picture(number, draw)


def _draw(
    image: Image, segmentation: Labels, index: Index, classes: tuple, background: int
) -> bytes:
    labels = np.asarray(segmentation.data[index])
    step = max(1, -(-max(labels.shape) // SIDE))
    data = full_data(image)[(*index, slice(None, None, step), slice(None, None, step))]
    plane = read_plane(data, (), rgb=bool(image.rgb))
    return thumbnail(plane, labels[::step, ::step], classes, background)
