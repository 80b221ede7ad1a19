"""Layers that come and go by the dozen, with the window drawn in between.

napari 0.9 collects all of Python's garbage when a layer is removed: a fifth of a second where there
are a dozen layers. One after the other these do not add up to one long stall.
"""

from collections import deque

from napari.components import ViewerModel
from napari.layers import Layer
from qtpy.QtCore import QCoreApplication, QEventLoop, QTimer

from napari_unet.widgets.layers.roles import remember

_PAUSE_MS = 10


def let_draw() -> None:
    """Let the window draw between two layers; what its user does meanwhile waits."""
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)


def remove_soon(viewer: ViewerModel, layer: Layer) -> None:
    """Remove a layer that is an image's result, in a turn of the event loop of its own.

    At once it is hidden, and no image's any more, so that another can take its place and name.
    """
    layer.visible = False
    layer.name = f"{layer.name} before"
    remember(layer, image="")
    if viewer not in _removals:
        _removals[viewer] = _Removals(viewer)
    _removals[viewer].waiting.append(layer)


class _Removals:
    """The layers of a viewer that are to go, one a turn."""

    def __init__(self, viewer: ViewerModel) -> None:
        self.waiting: deque[Layer] = deque()
        self._viewer = viewer
        self._timer = QTimer()
        self._timer.timeout.connect(self._remove_one)
        self._timer.start(_PAUSE_MS)

    def _remove_one(self) -> None:
        layer, layers = self.waiting.popleft(), self._viewer.layers
        if not self.waiting:
            self._timer.stop()
            del _removals[self._viewer]
        if layer in layers:
            layers.remove(layer)


_removals: dict[ViewerModel, _Removals] = {}
