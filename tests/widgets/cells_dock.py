"""The dock of cells without a window, without processes, and with a learner that is told what."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QLabel, QPushButton, QTableView

from fakes import FakeLearner
from napari_unet.core.images.box import Tile
from napari_unet.core.objects.label_instances import label_instances
from napari_unet.core.objects.measure import measure
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.learner.messages import Predicted
from napari_unet.widgets.cells.dock import Cells

CENTRES = ((12, 12), (12, 27), (36, 14), (36, 60))  # the first two discs touch


class NearFinder:
    """Finds and measures in the thread that asks."""

    def __call__(self, probabilities, background=0, settings=None, **known):
        return label_instances(probabilities, background, settings, **known)

    def measure(self, labels, image=None, **known):
        return measure(labels, image, **known)

    def describe(self, ids, plane):
        return np.zeros((np.count_nonzero(np.bincount(ids.ravel())[1:]), 0), np.float32)

    def stop(self) -> None:
        """Do nothing: nothing takes long."""

    def close(self) -> None:
        """Do nothing: there is no process."""


class QuickFinder(NearFinder):
    """Finds as usual and measures sizes alone, so that there may be many objects."""

    def measure(self, labels, image=None, **known):
        sizes = np.bincount(labels.ravel())
        ids = np.flatnonzero(sizes)[1:]
        return {"id": ids, "area (px²)": sizes[ids].astype(float)}


def discs(centres=CENTRES, *, shape=(48, 72), radius=8) -> np.ndarray:
    """Return the probability of discs, (Y, X) float32."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    inside = [np.hypot(rows - r, columns - c) < radius for r, c in centres]
    found = np.any(inside, axis=0) if inside else np.zeros(shape, bool)
    return np.where(found, 0.9, 0.1).astype(np.float32)


def answer(qtbot, learner: FakeLearner, *foregrounds: np.ndarray) -> None:
    """Answer the next pieces that are asked for with these probabilities, (K - 1, ...) or (...)."""
    for given in foregrounds:
        foreground = np.asarray(given, np.float32)
        job = _next_piece(qtbot, learner)
        region = Tile.of(job.prepare().region)
        parts = foreground[None] if foreground.ndim == len(region.sides) else foreground
        found = np.concatenate([1 - parts.sum(axis=0, keepdims=True), parts])
        job.answer(TileProbabilities(region, found[(slice(None), *region.slices)], 1.0))
        job.answer(Predicted(stopped=False))


def _next_piece(qtbot, learner: FakeLearner):
    answered = getattr(learner, "answered", 0)
    asked: Callable[[], list] = lambda: [job for job in learner.jobs if job.answer is not None]  # noqa: E731
    qtbot.waitUntil(lambda: len(asked()) > answered)
    learner.answered = answered + 1
    return asked()[answered]


def press(dock: Cells, name: str) -> None:
    """Press a button that can be pressed."""
    button = dock.findChild(QPushButton, name)
    assert button.isEnabled(), button.toolTip()
    button.click()


def table(dock: Cells) -> QTableView:
    """Return the table."""
    return dock.findChild(QTableView, "cells_table")


def column(dock: Cells, name: str) -> list[str]:
    """Return what is written in a column."""
    model = table(dock).model()
    names = [model.headerData(i, Qt.Orientation.Horizontal) for i in range(model.columnCount())]
    at = names.index(name)
    return [model.data(model.index(row, at)) for row in range(model.rowCount())]


def status(dock: Cells, name: str = "cells_status") -> str:
    """Return a line of words."""
    return dock.findChild(QLabel, name).text()


def teach(qtbot, dock: Cells, scope: int) -> None:
    """Use cells as annotation: the selected ones, the corrected ones, or all."""
    name = ("selected", "corrected", "all")[scope]
    action = dock.findChild(QAction, f"teach_{name}_action")
    assert action.isEnabled(), action.toolTip()
    before = status(dock, "teach_status")
    action.trigger()
    qtbot.waitUntil(lambda: status(dock, "teach_status") != before)
