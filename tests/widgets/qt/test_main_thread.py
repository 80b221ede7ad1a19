"""Calls reach the main thread, and none comes after the end, whichever ends first."""

from __future__ import annotations

import threading

from qtpy import sip  # type: ignore[attr-defined]

from napari_unet.widgets.qt.main_thread import MainThread


def called_elsewhere(main: MainThread, *calls) -> None:
    """Hand calls over in another thread."""
    thread = threading.Thread(target=lambda: [main.call(call) for call in calls])
    thread.start()
    thread.join()


def test_calls_come_in_the_main_thread_in_their_order(qtbot):
    main, heard = MainThread(), []
    note = [lambda n=n: heard.append((n, threading.current_thread())) for n in range(5)]
    called_elsewhere(main, *note)
    assert heard == []
    qtbot.waitUntil(lambda: len(heard) == 5)
    assert heard == [(number, threading.main_thread()) for number in range(5)]


def test_nothing_is_called_after_the_end(qtbot):
    main, heard = MainThread(), []
    called_elsewhere(main, lambda: heard.append(1))
    main.close()
    called_elsewhere(main, lambda: heard.append(2))
    qtbot.wait(50)
    assert heard == []


def test_a_call_after_qt_has_gone_is_dropped(qapp):
    main = MainThread()
    failed = []

    def work() -> None:
        try:
            main.call(lambda: None)
        except Exception as error:
            failed.append(error)

    sip.delete(main)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert failed == []
