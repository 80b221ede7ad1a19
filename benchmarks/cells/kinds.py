"""How long the kinds of many cells take after a click, in the dock of cells.

Run as ``python -m benchmarks.cells.kinds``; needs a display, a virtual one will do.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from napari import Viewer
from napari.layers import Labels
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QPushButton, QTableView

from napari_unet.widgets.layers.image_marks import stored_mark
from napari_unet.widgets.layers.roles import Role, entry

_STEP = 18  # pixels between two cells


def two_kinds(a_row: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw cells on a grid, plain ones and striped ones of the same size and brightness.

    Returns (Y, X) int32 ids, (Y, X) float32 pixels, and (N,) bool, whether each is striped.
    """
    side = a_row * _STEP
    ids = np.zeros((side, side), np.int32)
    pixels = rng.normal(100, 10, (side, side)).astype(np.float32)
    striped = rng.integers(0, 2, a_row**2).astype(bool)
    rows, columns = np.mgrid[:_STEP, :_STEP] - _STEP // 2
    for number, is_striped in enumerate(striped):
        row, column = (_STEP * at for at in divmod(number, a_row))
        box = slice(row, row + _STEP), slice(column, column + _STEP)
        mask = np.hypot(rows, columns) < rng.uniform(4, 7)
        ids[box][mask] = number + 1
        pixels[box] += mask * (40 + (25 * np.sin(1.6 * rows) if is_striped else 0))
    return ids, pixels, striped


def main(a_row: int = 100, clicks: int = 6) -> None:
    """Give cells kinds, one click after the other, and print how long each takes."""
    ids, pixels, striped = two_kinds(a_row, np.random.default_rng(0))
    viewer = Viewer(show=True)
    image = viewer.add_image(pixels, name="cells")
    viewer.add_layer(
        Labels(
            ids, metadata=entry(Role.CELLS, image=stored_mark(image), ndim=2), name="cells cells"
        )
    )
    _, dock = viewer.window.add_plugin_dock_widget("napari-unet-live", "Cells")
    table = dock.findChild(QTableView, "cells_table").model()
    _wait(lambda: table.rowCount() == a_row**2)
    new = dock.findChild(QPushButton, "new_kind_button")
    new.click()
    looked = _wait(lambda: bool(dock.book.record.seen_cells))
    new.click()
    kinds = [one.id for one in dock.session.kinds.kinds]
    record, key = dock.book.record, ()
    seconds, busy, right = [], [], []
    for number in range(clicks):
        cell = int(np.flatnonzero(striped == number % 2)[number]) + 1
        told: list[bool] = []
        dock.kinds.told.connect(lambda told=told: told.append(True))
        wall, processor = time.perf_counter(), time.process_time()
        dock.kinds.give(kinds[number % 2], [(key, cell)])
        _wait(lambda told=told: bool(told))
        viewer.window._qt_viewer.canvas._scene_canvas.render()
        seconds.append(time.perf_counter() - wall)
        busy.append(time.process_time() - processor)
        if len(record.kinds.get(key, {})) == a_row**2:
            found = np.array([record.kinds[key][one] for one in range(1, a_row**2 + 1)])
            right.append(float(np.mean(found == np.where(striped, kinds[1], kinds[0]))))
    print("| cells | looked at once, s | first kinds, s | later ones, s | processor, s | right |")
    print("|---|---|---|---|---|---|")
    later = f"{np.median(seconds[2:]):.2f} | {np.median(busy[2:]):.2f}"
    print(f"| {a_row**2:,} | {looked:.1f} | {seconds[1]:.2f} | {later} | {right[-1]:.3f} |")
    viewer.close()


def _wait(ready: Callable[[], bool], seconds: float = 600.0) -> float:
    """Let the window live until something is so; returns how long that took."""
    start = time.perf_counter()
    while not ready():
        if time.perf_counter() - start > seconds:
            raise TimeoutError("the window did not get ready")
        QTest.qWait(10)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
