"""A napari with the dock open, in which somebody paints for ever; made to be killed.

``painting_window.py FOLDER``: strokes are kept below that folder. Each dot that is painted is
printed, with the time: its number is its place, row by row.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QPushButton

from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.project import keeper, opening

SIDE = 64


def main(root: Path) -> None:
    """Open the window and paint a dot every 100 ms, without a pause."""
    for module in (keeper, opening):
        module.recovery_root = lambda: root
    viewer = napari.Viewer()
    viewer.add_image(np.random.default_rng(0).normal(size=(SIDE, SIDE)), name="cells")
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="dock")
    dock.findChild(QPushButton, "new_annotation_button").click()
    strokes = viewer.layers["strokes on cells"]
    strokes.brush_size = 1
    painted = 0

    def paint() -> None:
        nonlocal painted
        strokes.paint(divmod(painted, SIDE), 1 + painted % 2)
        print(painted, time.monotonic(), flush=True)
        painted += 1

    timer = QTimer()
    timer.timeout.connect(paint)
    timer.start(100)
    napari.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
