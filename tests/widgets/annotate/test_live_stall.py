"""How long the event loop is away while the live loop runs and somebody paints."""

from __future__ import annotations

import time

import numpy as np
import pytest
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QCheckBox, QPushButton

from napari_unet.samples import tissue
from napari_unet.widgets.annotate.dock import AnnotateAndTrain

TICK_MS = 2
SECONDS = 10
LARGEST_MS = 150  # loose, for a computer that is busy with other things; the goal is 50


@pytest.mark.slow
def test_a_person_can_paint_while_it_learns(qtbot, make_window, capsys):
    viewer = make_window(show=True)
    sample = tissue()
    viewer.add_image(sample.image, rgb=True, name="tissue")
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate and train")
    dock.findChild(QPushButton, "new_annotation_button").click()
    strokes = viewer.layers["strokes on tissue"]
    strokes.data = sample.strokes.copy()
    dock.findChild(QCheckBox, "live_switch").click()
    versions = []
    dock.session.live.tile_predicted.connect(lambda tile: versions.append(tile.version))
    qtbot.waitUntil(lambda: bool(versions), timeout=120_000)

    rng, gaps = np.random.default_rng(0), []
    at, last = np.array([100.0, 100.0]), time.perf_counter()

    def tick():
        nonlocal last
        now = time.perf_counter()
        gaps.append(1000 * (now - last) - TICK_MS)
        last = now

    def paint():
        nonlocal at
        at = np.clip(at + rng.normal(0, 4, 2), 5, 500)
        strokes.paint(tuple(at), 1)

    timers = [QTimer(viewer.window._qt_window) for _ in range(2)]
    for timer, slot, interval in zip(timers, (tick, paint), (TICK_MS, 30), strict=True):
        timer.timeout.connect(slot)
        timer.start(interval)
    first = versions[-1]
    qtbot.wait(1000 * SECONDS)
    for timer in timers:
        timer.stop()
    with capsys.disabled():
        high, worst = np.percentile(gaps, 99), max(gaps)
        print(f"\nevent loop away: 99th percentile {high:.0f} ms, worst {worst:.0f} ms")
        print(f"versions shown meanwhile: {versions[-1] - first}")
    assert versions[-1] > first
    assert high < LARGEST_MS
