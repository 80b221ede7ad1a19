"""Messages as napari's notifications, and what napari shows of errors of ours in our log."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

from napari.utils.notifications import (
    ErrorNotification,
    Notification,
    notification_manager,
    show_error,
    show_info,
    show_warning,
)
from psygnal import EmitLoopError

from napari_unet.errors import Level, UserError
from napari_unet.log import open_log

_PACKAGE = __name__.partition(".")[0]
_LOG = logging.getLogger(__name__)
_LEVELS = {Level.INFO: logging.INFO, Level.WARNING: logging.WARNING, Level.ERROR: logging.ERROR}
_SHOW = {Level.INFO: show_info, Level.WARNING: show_warning, Level.ERROR: show_error}


def notify(level: Level, text: str) -> None:
    """Show a message as one of napari's notifications."""
    _LOG.log(_LEVELS[level], text)
    _SHOW[level](text[:1].upper() + text[1:])


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show what a user can do something about as a notification; the action ends there."""
    try:
        yield
    except (UserError, EmitLoopError) as error:
        said = _said_by(error)
        if said is None:
            raise
        notify(Level.ERROR, str(said))


def _said_by(error: BaseException | None) -> UserError | None:
    """Return the user's error in what a signal raised for a listener; ``None`` if it is a bug."""
    while isinstance(error, EmitLoopError):
        error = error.__cause__
    return error if isinstance(error, UserError) else None


def log_errors() -> None:
    """Open the log, and write to it what nothing of ours caught, from now on."""
    open_log()
    notification_manager.notification_ready.connect(_on_notified)  # a second time does nothing


def _on_notified(notification: Notification) -> None:
    if isinstance(notification, ErrorNotification):
        error = notification.exception
        if _is_ours(error.__traceback__):
            _LOG.error("an error was not caught", exc_info=error)


def _is_ours(traceback: TracebackType | None) -> bool:
    """Return whether an error passed through a module of ours."""
    while traceback is not None:
        if traceback.tb_frame.f_globals.get("__name__", "").partition(".")[0] == _PACKAGE:
            return True
        traceback = traceback.tb_next
    return False
