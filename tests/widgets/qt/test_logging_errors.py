"""Errors in the window's own thread, which napari shows, go to the log as well."""

from __future__ import annotations

import numpy as np
import pytest
from napari.utils.notifications import ErrorNotification, notification_manager

from napari_unet import log
from napari_unet.errors import Level
from napari_unet.widgets.desk.background import Bench
from napari_unet.widgets.layers.picture import picture_of
from napari_unet.widgets.qt.notify import log_errors, notify


@pytest.fixture
def path(tmp_path, monkeypatch, qapp):
    monkeypatch.setattr(log, "log_folder", lambda: tmp_path / "logs")
    log_errors()
    yield log.log_file()
    log.close_log()


def caught(call) -> Exception:
    try:
        call()
    except Exception as error:
        return error
    raise AssertionError("nothing was raised")


def test_an_error_of_ours_that_nothing_caught_is_logged_once(path):
    log_errors()  # of another dock
    error = caught(lambda: picture_of(None))
    notification_manager.dispatch(ErrorNotification(error))
    text = path.read_text()
    assert text.count("an error was not caught") == 1
    assert "in picture_of" in text


def test_one_of_others_is_not(path):
    notification_manager.dispatch(ErrorNotification(caught(lambda: np.zeros(2).reshape(3))))
    assert "an error was not caught" not in path.read_text()


def test_what_is_said_in_the_window_stands_in_the_log(path):
    notify(Level.WARNING, "memory ran out.")
    assert "WARNING" in path.read_text()
    assert "memory ran out." in path.read_text()


def test_work_beside_the_window_that_fails_names_the_log(path, qtbot):
    def fail(_worker):
        raise ZeroDivisionError("a bug")

    said = []
    bench = Bench("cells-test")
    bench.do(fail, said.append, said.append)
    qtbot.waitUntil(lambda: bool(said))
    bench.close()
    assert str(path) in said[0]
    assert 'raise ZeroDivisionError("a bug")' in path.read_text()
