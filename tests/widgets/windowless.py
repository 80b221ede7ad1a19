"""A viewer with docks and without a canvas, which is what takes long of napari's window."""

from __future__ import annotations

from napari.components import ViewerModel
from npe2 import PluginManager
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget


class Frame:
    """Holds docks as napari's window does."""

    def __init__(self) -> None:
        self.main = QMainWindow()

    def add_dock_widget(self, widget: QWidget, *, name: str = "") -> QDockWidget:
        dock = QDockWidget(name, self.main)
        dock.setWidget(widget)
        self.main.addDockWidget(Qt.DockWidgetArea.RightDockWidgetArea, dock)
        return dock

    def remove_dock_widget(self, widget: QWidget) -> None:
        dock = widget.parent()
        widget.setParent(None)
        self.main.removeDockWidget(dock)
        dock.deleteLater()


class Windowless(ViewerModel):
    """What the plugin needs of napari's viewer; images are not drawn."""

    _window: Frame = None

    def __init__(self) -> None:
        super().__init__()
        PluginManager.instance().discover()  # so that files can be opened
        self._window = Frame()

    @property
    def window(self) -> Frame:
        return self._window

    def close(self) -> None:
        """Remove the layers, then the window, as napari does."""
        self.layers.clear()
        self._window.main.deleteLater()
        self._window = Frame()
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
