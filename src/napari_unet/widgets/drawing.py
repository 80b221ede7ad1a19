"""Layers that come and go by the dozen, with the window drawn in between."""

from __future__ import annotations

from qtpy.QtCore import QCoreApplication, QEventLoop


def let_draw() -> None:
    """Let the window draw between two layers; what its user does meanwhile waits.

    napari 0.9 collects all of Python's garbage when a layer is removed, a third of a second in a
    window that was used for long: one after the other they do not add up to one long stall. And
    where several went without a drawing in between, and others came, it ended in Mesa's software
    OpenGL (22.3), without this plugin too.
    """
    QCoreApplication.processEvents(QEventLoop.ProcessEventsFlag.ExcludeUserInputEvents)
