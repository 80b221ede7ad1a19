"""A widget that shares its place with others of its kind, and goes when its dock is closed."""

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget


class Docked(QWidget):
    """A tab beside those of its kind, destroyed once it is taken out of its dock for good.

    napari puts docks one below the other, where each gets a part of the height that does not
    suffice, and only takes a widget out of a dock that is closed; it would live on, unseen, for as
    long as anything refers to it, and with it what it started.
    """

    _placed = False

    def changeEvent(self, event: QEvent) -> None:
        """Notice that the widget got a dock, or lost it."""
        super().changeEvent(event)
        if event.type() != QEvent.Type.ParentChange:
            return
        if self.parent() is None:
            QTimer.singleShot(0, self._go_if_alone)
        elif not self._placed:
            self._placed = True
            QTimer.singleShot(0, self._join_others)

    def _go_if_alone(self) -> None:
        if self.parent() is None:
            self.deleteLater()

    def _join_others(self) -> None:
        """Become a tab of a dock of ours in the same area, in front; where it goes is up to Qt."""
        dock = _dock_of(self)
        window = dock.parent() if dock is not None else None
        if dock is None or not isinstance(window, QMainWindow) or dock.isFloating():
            return
        area = window.dockWidgetArea(dock)
        for other in window.findChildren(QDockWidget):
            ours = other.findChild(Docked) is not None and other is not dock
            if ours and window.dockWidgetArea(other) == area and not other.isFloating():
                window.tabifyDockWidget(other, dock)
                QTimer.singleShot(0, self._come_to_front)  # once there is a tab
                return

    def _come_to_front(self) -> None:
        dock = _dock_of(self)
        if dock is not None:
            dock.raise_()


def _dock_of(widget: QWidget) -> QDockWidget | None:
    """Return the dock that a widget is in, if it is in one."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, QDockWidget):
        parent = parent.parentWidget()
    return parent
