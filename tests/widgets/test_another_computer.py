"""The real window with a learner on a host: choose it in the dock, train, see its prediction."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from benchmarks.common.loopback_ssh import HOST, loopback_ssh, why_not
from qtpy.QtWidgets import QLabel, QLineEdit, QPushButton, QSpinBox

import napari_unet as nu
from napari_unet.core.network.device import describe, pick_device
from napari_unet.learner import known_computers
from napari_unet.widgets.annotate.computer_menu import ComputerDialog, ComputerMenu
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.layers.results import segmentation_of
from scenes import discs

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or "there is a server")

START = [sys.executable, "-c", "from napari_unet.cli import main; main(['learner'])"]
COMMAND = f"PYTHONPATH={Path(nu.__file__).parents[1]} OMP_NUM_THREADS=1 {shlex.join(START)}"


@pytest.fixture
def _ssh(tmp_path, monkeypatch):
    monkeypatch.setattr(known_computers, "user_config_path", lambda *_, **__: tmp_path)
    folder = tmp_path / "ssh"
    folder.mkdir()
    with loopback_ssh(folder) as server:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        yield


def test_choose_a_host_train_there_see_its_prediction(qtbot, make_window, _ssh):
    viewer, scene = make_window(), discs(0)
    bright = scene.truth + np.random.default_rng(0).normal(0, 0.1, scene.truth.shape)
    image = viewer.add_image(bright, name="discs")
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate and train")
    dock.findChild(QPushButton, "new_annotation_button").click()
    viewer.layers["strokes on discs"].data = scene.strokes

    menu = dock.findChild(ComputerMenu, "computer_button").choices
    menu.aboutToShow.emit()
    menu.actions()[-1].trigger()
    dialog = dock.findChild(ComputerDialog)
    dialog.findChild(QLineEdit, "host_edit").setText(HOST)
    dialog.findChild(QLineEdit, "command_edit").setText(COMMAND)
    dialog.accept()
    device = dock.findChild(QLabel, "device_label")
    assert device.text() == f"Computes on: {HOST}: starting…"
    there = f"Computes on: {HOST}: {describe(pick_device('auto'))}"
    qtbot.waitUntil(lambda: device.text() == there, timeout=60_000)

    button = dock.findChild(QPushButton, "train_button")
    qtbot.waitUntil(button.isEnabled, timeout=5000)
    dock.findChild(QSpinBox, "seconds_spin").setValue(2)
    button.click()
    qtbot.waitUntil(lambda: button.text() == "&Train", timeout=150_000)
    qtbot.waitUntil(lambda: not dock.session.predictions.running, timeout=60_000)
    assert dock.session.header.history[-1].steps > 0
    assert device.text().startswith(there)
    found, truth = segmentation_of(viewer, image).data == 2, scene.truth == 2
    assert (found & truth).sum() > 0.5 * (found | truth).sum()
    assert np.isin(segmentation_of(viewer, image).data, (1, 2)).all()
