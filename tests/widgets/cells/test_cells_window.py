"""All the way with cells in the real window: trained, found, corrected, learnt, saved, killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from layer_helpers import choose_in_menu
from qtpy.QtWidgets import QFileDialog, QTableWidget

from napari_unet.widgets.annotate.dock import AnnotateAndTrain

HERE = Path(__file__).parent


@pytest.fixture
def walked(tmp_path):
    """Go all the way in another process, which is killed; return its folder and what it saw."""
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "NAPARI_CONFIG": str(tmp_path / "settings.yaml"),
    }
    process = subprocess.Popen(
        [sys.executable, str(HERE / "cells_window.py"), str(tmp_path)],
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    lines = iter(process.stdout.readline, "")
    said = next((line for line in lines if line.startswith("{")), "{}")
    process.kill()
    process.stdout.close()
    process.wait()
    return tmp_path, json.loads(said)


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_sample_train_cells_correct_learn_go_back_save_kill_and_open(
    qtbot, make_window, learners, walked, monkeypatch
):
    folder, seen = walked
    assert seen.pop("cells") == seen.pop("ids") > 3
    assert seen == dict.fromkeys(
        (
            "row selects",
            "cell selects",
            "kinds told",
            "corrected",
            "strokes stay",
            "learnt",
            "went back",
        ),
        True,
    )
    viewer = make_window()
    viewer.open_sample("napari-unet-live", "tissue")
    viewer.layers.remove("strokes on stained tissue")
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(folder / "project"))
    choose_in_menu(qtbot, dock, "open_project_action")
    qtbot.waitUntil(lambda: "strokes on stained tissue" in viewer.layers, timeout=20_000)
    strokes = viewer.layers["strokes on stained tissue"].data
    np.testing.assert_array_equal(strokes, np.load(folder / "strokes.npy"))
    qtbot.waitUntil(lambda: dock.session.model == (folder / "model.unet").read_bytes())
    kinds = dock.session.kinds
    assert [entry.name for entry in kinds.kinds] == ["small", "large"]
    assert [one.kind for one in kinds.examples] == [1, 2]  # one of them was deleted, see above
    assert any(one.values for one in kinds.examples)
    table = dock.findChild(QTableWidget, "history_table")
    qtbot.waitUntil(lambda: table.rowCount() == 2)
    assert table.item(1, 0).font().bold()  # the version that was gone back to
