"""Starts a training on the chosen layers, and ends it when they go."""

from napari.layers import Layer
from qtpy.QtCore import QObject

from napari_unet.core.images.cutout import is_large
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.stroke_regions import reach_of
from napari_unet.errors import InvalidInput, Level
from napari_unet.session.state import State
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.planes import spatial_shape
from napari_unet.widgets.layers.readiness import why_not_train
from napari_unet.widgets.layers.reading import painted_pieces_reader, painted_reader
from napari_unet.widgets.layers.volumes import painted_volumes_reader, voxel_size
from napari_unet.widgets.qt.connections import Connections, when_destroyed


class Training(QObject):
    """The training of the chosen image with the strokes of the chosen annotation layer."""

    def __init__(self, desk: Desk, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session, self._choice = desk.session, desk.choice
        self._watch = desk.watch
        self._layers: tuple[Layer, ...] = ()
        Connections(self).add(desk.viewer.layers.events.removed, self._on_layer_removed)
        when_destroyed(self, desk.session.stop_training)

    def why_not(self) -> str | None:
        """Say why a training cannot start; ``None`` if it can."""
        choice = self._choice
        return why_not_train(
            choice.image,
            choice.annotation,
            self._watch.counts_by_spot,
            self._session.classes,
            self._session.header,
            self._watch.doubt,
        )

    def start(self, settings: TrainSettings) -> None:
        """Train on the strokes as they are now; those painted later wait for the next training.

        In 3 dimensions on the volumes that they lie in, with the voxel size of the image's scale.
        ``InvalidInput`` if a training runs, or something is missing.
        """
        painted = self._watch.painted_planes()
        reason = self.why_not()
        image, annotation = self._choice.image, self._choice.annotation
        if reason is not None or image is None or annotation is None:
            raise InvalidInput(reason or "")
        if settings.dimensions == 3:
            read = painted_volumes_reader(image, annotation, painted)
            settings = settings.model_copy(update={"voxel_size": voxel_size(image)})
        elif is_large(spatial_shape(image)):
            header = self._session.header
            reach = reach_of(settings.preset if header is None else header.trained_preset)
            read = painted_pieces_reader(image, annotation, painted, reach=reach)
        else:
            read = painted_reader(image, annotation, painted)
        self._session.train(read, settings)
        self._layers = (image, annotation)

    def stop(self) -> None:
        """End the training; the best weights so far are kept."""
        self._session.stop_training()

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        if self._session.state is State.TRAINING and removed in self._layers:
            self.stop()
            text = f"{removed.name} was removed, so the training ends; the model so far is kept."
            self._session.said.emit(Level.INFO, text)
