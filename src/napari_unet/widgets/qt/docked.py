"""A widget that goes when its dock is closed."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QWidget


class Docked(QWidget):
    """Destroyed, and with it what it started, once it is taken out of its dock for good.

    napari only takes a widget out of a dock that is closed; it would live on, unseen, for as long
    as anything refers to it.
    """

    def changeEvent(self, event: QEvent) -> None:
        """Notice that the widget lost its dock."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            QTimer.singleShot(0, self._go_if_alone)

    def _go_if_alone(self) -> None:
        if self.parent() is None:
            self.deleteLater()
