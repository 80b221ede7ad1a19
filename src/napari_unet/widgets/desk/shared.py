"""What the dock widgets of one viewer have in common, for as long as one of them is open."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from napari.components import ViewerModel
from napari.utils.events import Event
from qtpy.QtCore import QCoreApplication
from qtpy.QtWidgets import QWidget

from napari_unet.learner import Learner
from napari_unet.learner.computer import Computer
from napari_unet.session.session import Session
from napari_unet.session.telling import each_of
from napari_unet.session.working_set import WorkingSet
from napari_unet.widgets.desk.choice import Choice
from napari_unet.widgets.desk.predictions import Predictions
from napari_unet.widgets.layers.file_changes import note_file
from napari_unet.widgets.qt.connections import when_destroyed
from napari_unet.widgets.qt.main_thread import MainThread
from napari_unet.widgets.qt.notify import log_errors, notify
from napari_unet.widgets.qt.software_gl import keep_programs

# A session outlives the docks, so that a model is still there when one is opened again.
_sessions: WeakKeyDictionary[ViewerModel, Session] = WeakKeyDictionary()
_shared: WeakKeyDictionary[ViewerModel, Shared] = WeakKeyDictionary()


class Shared:
    """A viewer's session with its learner, its predictions, what is chosen, a folder's images."""

    def __init__(self, viewer: ViewerModel) -> None:
        log_errors()
        keep_programs()
        session = _sessions.get(viewer)
        computer = Computer.from_environment() if session is None else session.computer
        learner = Learner(computer)
        if session is None:
            session = _sessions[viewer] = Session(learner, computer)
            session.said.connect(notify)
        else:
            session.reopen(learner)
        self.viewer = viewer
        self.session = session
        for layer in viewer.layers:
            note_file(layer)
        viewer.layers.events.inserted.connect(_on_layer_inserted)
        self._main = MainThread()
        learner.listen(lambda reply: self._main.call(lambda: session.apply(reply)))
        self.predictions = Predictions(viewer, session)
        self.choice = Choice()
        self.files = WorkingSet()
        learner.warm_up()
        self._holders = 0
        QCoreApplication.instance().aboutToQuit.connect(self.end)

    def hold(self, widget: QWidget) -> None:
        """Stay until this widget is destroyed, and the others that hold it."""
        self._holders += 1
        when_destroyed(widget, self._release)

    def end(self) -> None:
        """End the learner's process; does nothing the second time."""
        if _shared.get(self.viewer) is not self:
            return
        del _shared[self.viewer]
        self.viewer.layers.events.inserted.disconnect(_on_layer_inserted)
        QCoreApplication.instance().aboutToQuit.disconnect(self.end)
        self.choice.deleteLater()
        each_of(self.session.close, self._main.close, self.predictions.forget_all)

    def _release(self) -> None:
        self._holders -= 1
        if self._holders == 0:
            self.end()


def _on_layer_inserted(event: Event) -> None:
    note_file(event.value)


def shared_by(viewer: ViewerModel, widget: QWidget) -> Shared:
    """Return what a viewer's dock widgets share; it ends with the last widget that asked for it."""
    viewer = getattr(viewer, "__wrapped__", viewer)
    shared = _shared.get(viewer)
    if shared is None:
        shared = _shared[viewer] = Shared(viewer)
    shared.hold(widget)
    return shared


def device_of(viewer: ViewerModel) -> str:
    """Return where a viewer's learner computes, in words; empty if none is known."""
    session = _sessions.get(getattr(viewer, "__wrapped__", viewer))
    return "" if session is None else session.device
