"""Threads that outlive Qt, as after a script ended in an error, end without one of their own."""

from __future__ import annotations

import threading

from qtpy import sip  # type: ignore[attr-defined]

from napari_unet.widgets.qt.main_thread import MainThread


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
