"""Long use: paint, train, segment, over and over in one window."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import napari
import numpy as np
import psutil
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication, QPushButton, QSpinBox

from benchmarks.attacks.watch import let_run, settled
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain

SIDE = 160
WAIT = 120.0


@dataclass(frozen=True)
class Use:
    """What the program holds after a round.

    Attributes
    ----------
    window, learner
        Resident memory of the two processes, MiB.
    threads, files, objects
        Threads, open files and Qt objects below the window, of the window's process.
    """

    window: float
    learner: float
    threads: int
    files: int
    objects: int


def long_use(
    viewer: napari.Viewer, rounds: int, say: Callable[[int, Use], None] = lambda _n, _use: None
) -> list[Use]:
    """Do so many rounds of a stroke a class, a second of training, and Segment.

    Parameters
    ----------
    viewer
        An empty viewer with a window.
    rounds
        How many.
    say
        Told the number of each round and what is held after it.

    Raises
    ------
    TimeoutError
        A round does not end.
    """
    rng = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE]
    truth = (rows // 40 + columns // 40) % 2
    picture = np.clip(60 + 100 * truth + rng.normal(0, 15, truth.shape), 0, 255).astype(np.uint8)
    viewer.add_image(picture, name="squares")
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock, name="Annotate and train")
    button = _button(dock, "train_button")
    _button(dock, "new_annotation_button").click()
    strokes = viewer.layers["strokes on squares"]
    dock.findChild(QSpinBox, "seconds_spin").setValue(1)
    uses = []
    for number in range(rounds):
        for class_id in (1, 2):
            _stroke(strokes, truth, class_id, rng)
        _wait(button.isEnabled)
        button.click()
        _wait(lambda: dock.session.state is State.IDLE and not dock.session.predictions.running)
        _button(dock, "segment_image_button").click()
        _wait(lambda: not dock.session.predictions.running)
        let_run(0.2)
        uses.append(measured())
        say(number + 1, uses[-1])
    return uses


def growth(uses: list[Use], name: str, after: int) -> float:
    """Return by how much something grew after some rounds, as a share, by a straight line."""
    values = np.array([getattr(use, name) for use in uses[after:]], float)
    slope, start = np.polyfit(np.arange(len(values)), values, 1)
    return float(slope * (len(values) - 1) / start)


def measured() -> Use:
    """Return what this process and its children hold now."""
    own = psutil.Process()
    children = sum(child.memory_info().rss for child in own.children(recursive=True))
    count = Counter(len(w.findChildren(QObject)) for w in QApplication.topLevelWidgets())
    return Use(
        window=own.memory_info().rss / 2**20,
        learner=children / 2**20,
        threads=threading.active_count(),
        files=own.num_fds() if hasattr(own, "num_fds") else own.num_handles(),
        objects=sum(number * times for number, times in count.items()),
    )


def _stroke(
    layer: napari.layers.Labels, truth: np.ndarray, class_id: int, rng: np.random.Generator
) -> None:
    at = rng.choice(np.argwhere(truth == class_id - 1))
    with layer.block_history():
        for step in range(8):
            spot = (int(at[0]), min(int(at[1]) + step, SIDE - 1))
            if truth[spot] == class_id - 1:
                layer.paint(spot, class_id)


def _button(dock: AnnotateAndTrain, name: str) -> QPushButton:
    return dock.findChild(QPushButton, name)


def _wait(condition: Callable[[], bool]) -> None:
    if not settled(condition, WAIT):
        raise TimeoutError("a round does not end")
