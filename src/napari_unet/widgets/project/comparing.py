"""Two versions of a model on what is in view, each as a layer of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels
from psygnal import Signal

from napari_unet.core.models.header import header_of
from napari_unet.core.network.config import DeviceName
from napari_unet.errors import InvalidInput
from napari_unet.learner.messages import PlanePredicted
from napari_unet.session.session import Session
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.layers.colormaps import label_colormap
from napari_unet.widgets.layers.geometry import transform_of
from napari_unet.widgets.layers.picture import Place, is_taken_as, picture_of
from napari_unet.widgets.layers.planes import Index, Region, spatial_shape
from napari_unet.widgets.layers.readiness import why_not_segment
from napari_unet.widgets.layers.reading import reader
from napari_unet.widgets.layers.results import SEGMENTATION_OPACITY, insert_quietly, legend_of
from napari_unet.widgets.layers.roles import Role, detail, entry, role_of
from napari_unet.widgets.layers.view import in_view, is_empty
from napari_unet.widgets.layers.volumes import Part, volumes_under


@dataclass
class _Pair:
    """Two versions that are compared: where, by which jobs, and what came back so far."""

    image: Image
    index: Index
    region: Region
    meaning: tuple[object, ...]  # of the image when it was read
    models: dict[int, bytes]
    jobs: dict[int, int] = field(default_factory=dict)  # number of a version by job
    found: dict[int, np.ndarray] = field(default_factory=dict)


class Comparison:
    """Predicts what is in view with two versions; ``said(text)`` tells in how much they differ.

    Parameters
    ----------
    viewer, session, choice
        What is predicted, and by whom.
    device
        Gives where to compute.
    """

    said = Signal(str)

    def __init__(
        self,
        viewer: ViewerModel,
        session: Session,
        choice: Choice,
        device: Callable[[], DeviceName],
    ) -> None:
        self._viewer = viewer
        self._session = session
        self._choice = choice
        self._device = device
        self._pair: _Pair | None = None
        self._closed = False
        session.predictions.plane_predicted.connect(self._on_plane_predicted)
        session.predictions.ended.connect(self._on_ended)

    def close(self) -> None:
        """Wait for nothing any more."""
        if self._closed:
            return
        self._closed, self._pair = True, None
        self._session.predictions.plane_predicted.disconnect(self._on_plane_predicted)
        self._session.predictions.ended.disconnect(self._on_ended)

    def start(self, models: dict[int, bytes]) -> None:
        """Compare two versions on what is in view of the chosen image.

        Parameters
        ----------
        models
            Their numbers, and the content of their model files.

        Raises
        ------
        InvalidInput
            There is no image, it does not fit one of them, or nothing of it is in view.
        """
        image = self._choice.image
        for model in models.values():
            reason = why_not_segment(image, header_of(model))
            if reason is not None:
                raise InvalidInput(reason)
        assert image is not None  # or else there is a reason
        (index, *_), region = in_view(image, self._viewer.dims)
        if is_empty(region):
            raise InvalidInput("nothing of the image is in view; move it into view.")
        rows, columns = spatial_shape(image)[-2:]
        meaning = picture_of(image).meaning
        pair = _Pair(image, index, region or (0, rows, 0, columns), meaning, models)
        self._pair = pair
        for number, model in models.items():
            place: Place = index
            part: Part | None = pair.region
            if header_of(model).network.ndim == 3:
                (place,), part = volumes_under(image, [index], region)
            job = self._session.predictions.start(
                reader(image, [place]), model, region=part, device=self._device()
            )
            pair.jobs[job] = number
        self.said.emit("Comparing…")

    def _on_plane_predicted(self, job: int, plane: PlanePredicted) -> None:
        pair = self._pair
        if pair is None or job not in pair.jobs:
            return
        if pair.image not in self._viewer.layers or not is_taken_as(pair.image, pair.meaning):
            self._pair = None
            self.said.emit("They could not be compared: the image is another one meanwhile.")
            return
        number = pair.jobs[job]
        # Of a volume the one slice that is in view was asked for.
        ids = pair.found[number] = plane.classes[0] if plane.classes.ndim == 3 else plane.classes
        self._show(pair, number, ids)

    def _on_ended(self, job: int, error: str | None, _stopped: bool) -> None:
        pair = self._pair
        if pair is None or job not in pair.jobs:
            return
        if error is not None:
            self._pair = None
            self.said.emit(f"They could not be compared: {error}")
        elif len(pair.found) == len(pair.models):
            self._pair = None
            (first, one), (second, other) = sorted(pair.found.items())
            share = 100 * float((one != other).mean())
            self.said.emit(
                f"Versions {first} and {second} differ in {share:.1f} % of what was in view; hide "
                "one of their layers to see where."
            )

    def _show(self, pair: _Pair, number: int, ids: np.ndarray) -> None:
        """Write predicted ids, (Y, X) of the region, into the version's layer."""
        layer = self._layer_of(pair.image, number)
        shape = spatial_shape(pair.image)
        if layer is None or layer.data.shape != shape or layer.data.dtype != ids.dtype:
            if layer is not None:
                self._viewer.layers.remove(layer)
            legend = legend_of(header_of(pair.models[number]), self._session.classes)
            layer = Labels(
                np.zeros(shape, ids.dtype),
                name=f"{pair.image.name} by version {number}",
                colormap=label_colormap(legend.classes, transparent=(legend.background,)),
                metadata=entry(Role.COMPARISON, image=str(pair.image.unique_id), version=number),
                opacity=SEGMENTATION_OPACITY,
                **transform_of(pair.image),
            )
            insert_quietly(self._viewer, layer, pair.image)
        top, bottom, left, right = pair.region
        layer.data[pair.index][top:bottom, left:right] = ids
        layer.refresh(extent=False)

    def _layer_of(self, image: Image, number: int) -> Labels | None:
        own = str(image.unique_id)
        for layer in self._viewer.layers:
            whose = (detail(layer, "image"), detail(layer, "version"))
            if role_of(layer) is Role.COMPARISON and whose == (own, number):
                return layer
        return None
