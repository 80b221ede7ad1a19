"""The Live switch: strokes go to the learner as they are painted, predictions come back."""

from collections.abc import Callable

import numpy as np
from napari.layers import Image, Labels, Layer
from qtpy.QtCore import QObject, QTimer, Signal

from napari_unet.core.images.box import Region
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import Level, UserError
from napari_unet.learner.messages import LiveTile
from napari_unet.session.sending import TOO_WIDE, is_too_wide
from napari_unet.session.state import State
from napari_unet.widgets.annotate.live_planes import LivePlanes
from napari_unet.widgets.annotate.live_tiles import TileWriter
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.desk.stroke_watch import How
from napari_unet.widgets.layers.planes import (
    channel_count,
    has_plane,
    own_channels,
    pixel_size,
    spatial_shape,
)
from napari_unet.widgets.layers.readiness import (
    NO_IMAGE,
    channels_text,
    why_not_paint,
    why_not_train,
)
from napari_unet.widgets.layers.reading import spot_reader
from napari_unet.widgets.layers.roles import Role, is_put_away, role_of
from napari_unet.widgets.layers.spots import Spot
from napari_unet.widgets.layers.strokes import is_dressed
from napari_unet.widgets.layers.view import current_index, in_view, is_empty
from napari_unet.widgets.qt.connections import Connections, when_destroyed

_WAIT_MS = 60
_LOOK_MS = 100
_PLANES = "Live learns from planes, one by one; volumes are learnt with Train."
LEARNING = "Live: it learns as you paint. Paint where the result is wrong."


class LiveLoop(QObject):
    """Tells the session's live job what is painted and looked at, and shows what it predicts.

    The strokes of every image that was chosen since the switch was turned on are learnt from, for
    as long as their layers are there. Everything that happens within 60 ms is told together. Of the
    settings only device and seed count. Signal: ``status_changed()``, when :meth:`status` may be
    another one.
    """

    status_changed = Signal()

    def __init__(
        self, desk: Desk, settings: Callable[[float], TrainSettings], parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._viewer, self._session = desk.viewer, desk.session
        self._choice, self._watch = desk.choice, desk.watch
        self._settings = settings
        self._writer = TileWriter(desk, self)
        self._planes = LivePlanes()
        self._counted: dict[Spot, dict[int, int]] = {}
        self._dirty: set[Spot] = set()
        self._view: tuple[str, Region | None] | None = None
        self._afresh = False  # whether what was predicted of the view is gone
        self._links = Connections(self)
        self._timer = QTimer(self, singleShot=True, interval=_WAIT_MS, timeout=self._tell)
        self._lookout = QTimer(self, interval=_LOOK_MS, timeout=self._on_lookout)
        self._connect()
        when_destroyed(self, desk.session.stop_live)

    def _connect(self) -> None:
        links = self._links
        links.add(self._session.state_changed, self._on_state_changed)
        links.add(self._session.live.tile_predicted, self._on_tile_predicted)
        links.add(self._session.live.status_changed, self._on_status_changed)
        links.add(self._viewer.layers.events.removed, self._on_layer_removed)
        self._choice.image_changed.connect(self._on_other_chosen)
        self._choice.image_retaken.connect(self._on_image_retaken)
        self._choice.annotation_changed.connect(self._on_other_chosen)
        self._watch.strokes.stroked.connect(self._on_stroked)
        self._watch.changed.connect(self._on_counted)
        self._start_over()

    @property
    def _on(self) -> bool:
        return self._session.state is State.LIVE

    def switch(self, on: bool) -> None:
        """Start or stop; what was learnt is kept as the model in use.

        ``InvalidInput`` if a training runs, or a setting is not allowed.
        """
        if on:
            settings = self._settings(60.0)
            self._session.start_live(settings.device, settings.seed)
            if settings.dimensions == 3:
                self._session.said.emit(Level.INFO, _PLANES)
        else:
            self._session.stop_live()

    def status(self) -> str:
        """Say in one sentence what the loop does, or what it needs."""
        choice, counts, doubt = self._choice, self._watch.counts, self._watch.doubt
        reason = why_not_paint(choice.image, choice.annotation, counts, doubt)
        reason = reason or self._why_not_look()
        if reason is None and not self._planes.has_strokes_beside(choice.image):
            spots = self._watch.counts_by_spot
            reason = why_not_train(choice.image, choice.annotation, spots, self._session.classes)
        reason = reason or (TOO_WIDE if self._is_too_wide() else None)
        text = reason or self._session.live.status or LEARNING
        return text[:1].upper() + text[1:]

    def _why_not_look(self) -> str | None:
        """Say why the chosen image cannot be predicted; ``None`` if it can."""
        image = self._choice.image
        if image is None:
            return NO_IMAGE
        has, learnt = channel_count(image), self._planes.channels
        if learnt is not None and learnt != has:
            needed = channels_text(learnt)
            return (
                f"Live learns from images with {needed}, and {image.name} has {has}; switch it off "
                "and on to start with this one."
            )
        return None

    def _is_too_wide(self) -> bool:
        image = self._choice.image
        if image is None:
            return False
        return is_too_wide(spatial_shape(image), in_view(image, self._viewer)[1])

    def _on_state_changed(self, state: State) -> None:
        if state is State.LIVE:
            self._start_over()
            self._tell()
            self._lookout.start()
        else:
            self._lookout.stop()
        if state is State.IDLE:
            self._planes.clear()
        self.status_changed.emit()

    def _on_status_changed(self, _status: str) -> None:
        self.status_changed.emit()

    def _on_other_chosen(self, _layer: Layer | None) -> None:
        self._start_over()
        self._tell_soon()

    def _on_image_retaken(self, image: Image) -> None:
        self._planes.replace(image)
        self._start_over()
        self._tell_soon()

    def _on_layer_removed(self, event: object) -> None:
        removed = event.value  # type: ignore[attr-defined]
        if not self._on:
            return
        if self._planes.holds(removed) and not is_put_away(removed):
            text = f"{removed.name} was removed; Live goes on without its strokes."
            self._session.said.emit(Level.INFO, text)
        if role_of(removed) is Role.SEGMENTATION:
            self._view, self._afresh = None, True
        self._tell_soon()

    def _on_lookout(self) -> None:
        if self._why_not_look() is None:
            self._look()

    def _on_stroked(self, layer: Labels, spots: list[Spot], how: How) -> None:
        if how != "going on" and layer is self._choice.annotation:
            self._dirty.update(spots)
            self._tell_soon()

    def _on_counted(self) -> None:
        """Notice what no event told, as strokes that an undo took away in another plane.

        Those on the current plane are told when they end, which they may not have.
        """
        counted, current = self._watch.counts_by_spot, self._current()
        for spot in counted.keys() | self._counted.keys():
            if counted.get(spot) != self._counted.get(spot) and spot not in current:
                self._dirty.add(spot)
        self._counted = counted
        if self._dirty:
            self._tell_soon()
        if self._on:
            self.status_changed.emit()

    def _start_over(self) -> None:
        """Look at all strokes and at the view again."""
        self._counted = {}
        self._dirty = set(self._watch.counts_by_spot) | self._current()
        self._view = None

    def _current(self) -> set[Spot]:
        """Return the plane, or cells of it, that are painted on, if there is a layer for it."""
        strokes = self._choice.annotation
        return set() if strokes is None else set(self._watch.strokes.in_view(strokes))

    def _tell_soon(self) -> None:
        if self._on and not self._timer.isActive():
            self._timer.start()

    def _tell(self) -> None:
        if not self._on:
            return
        self._forget_gone()
        if self._why_not_look() is None:
            self._look()
            self._tell_strokes()
        else:
            self._session.live.look_away()
            self._view = None
        self.status_changed.emit()

    def _forget_gone(self) -> None:
        """Take back the strokes of layers that are gone, or that were changed for others."""
        for key in self._planes.forget_gone(self._viewer.layers, self._choice):
            self._session.live.erase(key)
            self._view = None

    def _tell_strokes(self) -> None:
        image, strokes = self._choice.image, self._choice.annotation
        if why_not_paint(image, strokes, self._watch.counts) is not None:
            return
        if image is None or strokes is None or not is_dressed(strokes):
            return  # labels of others are learnt once they were looked at, and taken over
        dirty, self._dirty = self._dirty, set()
        planes, counted, current = self._planes, self._watch.counts_by_spot, self._current()
        for spot in sorted(dirty):
            if not has_plane(spatial_shape(strokes), spot.index):
                continue
            known = planes.has_strokes(planes.key(image, spot)) or counted.get(spot)
            # Of many planes, as in 3D, the watch counts which have strokes, and tells.
            if known or (spot in current and np.any(strokes.data[spot.slices])):
                size, unit = pixel_size(image)
                self._session.live.paint(
                    planes.paint(image, spot, strokes),
                    planes.reader(image, spot),
                    spot_reader(strokes, spot),
                    pixel_size=size,
                    pixel_unit=unit,
                    channels=own_channels(image),
                    place=(planes.stack(image), spot.index),
                )

    def _look(self) -> None:
        image = self._choice.image
        if image is None:
            return
        region = in_view(image, self._viewer)[1]
        if is_too_wide(spatial_shape(image), region):
            self._look_away()
            return
        spot = Spot(current_index(image, self._viewer.dims.point))
        if is_empty(region) or self._view == (self._planes.key(image, spot), region):
            return
        key = self._planes.look_at(image, spot)
        read = self._planes.reader(image, spot)
        self._session.live.look_at(key, read, region, afresh=self._afresh)
        self._afresh = False
        if self._view is None:
            self.status_changed.emit()
        self._view = (key, region)

    def _look_away(self) -> None:
        if self._view is not None:
            self._view = None
            self._session.live.look_away()
            self.status_changed.emit()

    def _on_tile_predicted(self, tile: LiveTile) -> None:
        plane = self._planes.get(tile.key)
        if plane is not None and plane.image in self._viewer.layers:
            try:
                self._writer.write(plane.image, plane.spot.index, tile.box, tile.classes)
            except UserError as error:  # a large result finds no room
                self._session.stop_live()
                self._session.said.emit(Level.ERROR, str(error))
