"""A napari that is killed while somebody paints loses ten seconds of it at most."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from layer_helpers import choose_in_menu
from painting_window import SIDE
from qtpy.QtWidgets import QLabel

from napari_unet.project.recovery import recoverable
from napari_unet.widgets.annotate.dock import AnnotateAndTrain

HERE = Path(__file__).parent
LOST_SECONDS = 10.0
PAINTED_SECONDS = 14.0  # longer, so that something has to be there


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.fault("killed window")
def test_ten_seconds_of_painting_at_most(qtbot, make_window, learners, recovery_root):
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, str(HERE / "painting_window.py"), str(recovery_root)],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    dots: list[tuple[int, float]] = []
    for line in process.stdout:
        number, moment = line.split()
        dots.append((int(number), float(moment)))
        if dots[-1][1] - dots[0][1] > PAINTED_SECONDS:
            break
    process.kill()
    killed = time.monotonic()
    process.stdout.close()
    process.wait()
    expected = [number for number, moment in dots if moment < killed - LOST_SECONDS]
    assert len(expected) > 10

    assert len(recoverable(recovery_root)) == 1
    viewer = make_window()
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    assert "strokes on cells" in dock.findChild(QLabel, "restore_label").text()
    choose_in_menu(qtbot, dock, "restore_project_action")
    qtbot.waitUntil(lambda: "strokes on cells" in viewer.layers)
    found = viewer.layers["strokes on cells"].data
    assert found.shape == (SIDE, SIDE)
    assert np.array_equal(found.ravel()[expected], [1 + number % 2 for number in expected])
