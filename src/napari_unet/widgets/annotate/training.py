"""Starts a training on the chosen layers, and ends it when they go."""

from collections.abc import Callable, Sequence
from functools import partial

from napari.layers import Layer
from qtpy.QtCore import QObject

from napari_unet.core.images.cutout import is_large
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.stroke_regions import reach_of
from napari_unet.errors import InvalidInput, Level, UserError
from napari_unet.session.state import PaintedPlanes, State, joined
from napari_unet.session.working_set import Elsewhere, WorkingSet
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.layers.planes import channel_count, spatial_shape
from napari_unet.widgets.layers.readiness import why_not_train
from napari_unet.widgets.layers.reading import painted_pieces_reader, painted_reader
from napari_unet.widgets.layers.roles import is_put_away
from napari_unet.widgets.layers.volumes import painted_volumes_reader, voxel_size
from napari_unet.widgets.qt.connections import Connections, when_destroyed
from napari_unet.widgets.qt.main_thread import MainThread

NO_OTHERS = "Nothing is painted that can be learnt with this image; paint on it."
_MOST_SAID = 3


class Training(QObject):
    """The training of the chosen image with the strokes of the chosen annotation layer.

    And with those on other images of the folder that is worked on, which are not open.
    ``files``: the images of the folder.
    """

    def __init__(
        self, desk: Desk, parent: QObject | None = None, files: WorkingSet | None = None
    ) -> None:
        super().__init__(parent)
        self._session, self._choice = desk.session, desk.choice
        self._watch = desk.watch
        self.files = WorkingSet() if files is None else files
        self._layers: tuple[Layer, ...] = ()
        self._main = MainThread()
        Connections(self).add(desk.viewer.layers.events.removed, self._on_layer_removed)
        when_destroyed(self, desk.session.stop_training)
        when_destroyed(self, self._main.close)

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
            elsewhere=bool(self.files.elsewhere),
        )

    def start(self, settings: TrainSettings) -> None:
        """Train on the strokes as they are now; those painted later wait for the next training.

        In 3 dimensions on the volumes that they lie in, with the voxel size of the image's scale.
        ``InvalidInput`` if a training runs, or something is missing.
        """
        painted = self._watch.painted_planes()
        reason = self.why_not()
        image, annotation = self._choice.image, self._choice.annotation
        if reason is not None:
            raise InvalidInput(reason)
        header = self._session.header
        reach = reach_of(settings.preset if header is None else header.trained_preset)
        read: Callable[[], PaintedPlanes] | None = None
        if settings.dimensions == 3 and image is not None:
            settings = settings.model_copy(update={"voxel_size": voxel_size(image)})
        if image is None or annotation is None or not painted:
            image = annotation = None
        elif settings.dimensions == 3:
            read = painted_volumes_reader(image, annotation, painted)
        elif is_large(spatial_shape(image)):
            read = painted_pieces_reader(image, annotation, painted, reach=reach)
        else:
            read = painted_reader(image, annotation, painted)
        others = self._others(None if image is None else channel_count(image), settings)
        if read is None and not others:
            raise InvalidInput(NO_OTHERS)
        wanted = [
            other.read_volumes if settings.dimensions == 3 else partial(other.read, reach)
            for other in others
        ]
        self._session.train(partial(self._read, read, wanted), settings)
        self._layers = () if image is None or annotation is None else (image, annotation)

    def _others(self, channels: int | None, settings: TrainSettings) -> tuple[Elsewhere, ...]:
        """Return the strokes on other images that can be learnt with these; say of those left."""
        others, header = self.files.elsewhere, self._session.header
        if not others:
            return ()
        if settings.dimensions == 3:
            flat = sum(not other.has_slices for other in others)
            others = tuple(other for other in others if other.has_slices)
            if flat:
                self._say(f"Not learnt, without slices: {flat} of the folder's painted images.")
        if channels is None:
            first = others[0].channels if others else 1
            channels = first if header is None else header.network.in_channels
        fitting = tuple(other for other in others if other.channels == channels)
        if len(fitting) < len(others):
            self._say(
                f"{len(others) - len(fitting)} painted images of the folder have another number of "
                f"channels than {channels} and are not learnt."
            )
        return fitting

    def _read(
        self,
        read: Callable[[], PaintedPlanes] | None,
        others: Sequence[Callable[[], PaintedPlanes]],
    ) -> PaintedPlanes:
        """Read what is painted of all images, in any thread; what cannot be is left out and told.

        ``UserError`` if nothing is left.
        """
        parts = [] if read is None else [read()]
        problems = []
        for other in others:
            try:
                parts.append(other())
            except UserError as error:
                problems.append(str(error))
        if not parts:
            raise InvalidInput(problems[0])
        for text in problems[:_MOST_SAID]:
            self._main.call(partial(self._say, text))
        if len(problems) > _MOST_SAID:
            more = f"{len(problems) - _MOST_SAID} more images of the folder are not learnt."
            self._main.call(partial(self._say, more))
        return joined(parts) if len(parts) > 1 else parts[0]

    def _say(self, text: str) -> None:
        self._session.said.emit(Level.WARNING, text)

    def stop(self) -> None:
        """End the training; the best weights so far are kept."""
        self._session.stop_training()

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        learnt = removed in self._layers and not is_put_away(removed)
        if self._session.state is State.TRAINING and learnt:
            self.stop()
            text = f"{removed.name} was removed, so the training ends; the model so far is kept."
            self._session.said.emit(Level.INFO, text)
