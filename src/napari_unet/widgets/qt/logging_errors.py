"""What napari shows of errors of ours goes to our log too, with its traceback."""

from __future__ import annotations

import logging
from types import TracebackType

from napari.utils.notifications import ErrorNotification, Notification, notification_manager

from napari_unet.log import open_log

_PACKAGE = __name__.partition(".")[0]


def log_errors() -> None:
    """Open the log, and write to it what nothing of ours caught, from now on."""
    open_log()
    notification_manager.notification_ready.connect(_on_notified)  # a second time does nothing


def _on_notified(notification: Notification) -> None:
    if isinstance(notification, ErrorNotification):
        error = notification.exception
        if _is_ours(error.__traceback__):
            logging.getLogger(__name__).error("an error was not caught", exc_info=error)


def _is_ours(traceback: TracebackType | None) -> bool:
    """Return whether an error passed through a module of ours."""
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
            return True
        traceback = traceback.tb_next
    return False
