"""Replies reach the main thread, and none comes after the end."""

from __future__ import annotations

import threading
import warnings

from napari_unet.learner.messages import Ready
from napari_unet.widgets.desk.supervisor import Supervisor


def test_replies_are_applied_in_the_main_thread_in_their_order(qtbot, fake):
    heard = []
    supervisor = Supervisor(
        fake.replies, lambda reply: heard.append((reply.job, threading.current_thread()))
    )
    supervisor.start()
    for job in range(5):
        fake.say(job, Ready("cpu"))
    qtbot.waitUntil(lambda: len(heard) == 5)
    assert heard == [(job, threading.main_thread()) for job in range(5)]
    fake.close()
    supervisor.end()
    assert not supervisor.is_running


def test_nothing_is_applied_after_the_end(qtbot, fake):
    heard = []
    supervisor = Supervisor(fake.replies, heard.append)
    supervisor.start()
    fake.say(1, Ready("cpu"))
    fake.close()
    supervisor.end()
    qtbot.wait(50)
    assert heard == []


def test_warnings_of_the_process_are_left_alone_while_it_runs(qtbot, fake):
    before = (warnings.showwarning, list(warnings.filters))
    supervisor = Supervisor(fake.replies, lambda _reply: None)
    supervisor.start()
    qtbot.wait(20)
    assert (warnings.showwarning, list(warnings.filters)) == before
    fake.close()
    supervisor.end()
