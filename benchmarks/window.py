"""How alive the window stays while a network is trained: ``python -m benchmarks.window``.

Somebody paints all the time. The event loop's stalls are measured with and without a training,
and the training's speed with and without a window. With ``--live`` it is Live that learns, and
besides the stalls it is measured how soon a view of 512 x 512 follows a stroke. Needs a display,
for example ``xvfb-run``.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication, QCheckBox, QPushButton

from napari_unet.learner.messages import LiveTile
from napari_unet.samples import tissue
from napari_unet.session.session import Session
from napari_unet.session.state import State
from napari_unet.widgets.annotate.dock import AnnotateAndTrain
from napari_unet.widgets.desk.shared import shared_by
from napari_unet.widgets.layers.results import segmentation_of
from napari_unet.widgets.layers.sample import tissue_layers

PAINT_EVERY_MS = 30
TICK_MS = 2
TABLE_HEAD = "| event loop away, ms | median | 99th percentile | worst |\n|---|---|---|---|"
DABS_A_STROKE, DABS_A_PAUSE = 20, 10
DRAWN_WITHIN = 0.15  # seconds that a tile waits at most to be drawn
CORRECTIONS = 10
FIRST_STEPS = 25  # while the processor warms up


def steps_a_second(curve: list[tuple[int, float]]) -> float:
    """Return the speed between the 25th and the last step of (step, seconds) pairs."""
    later = [point for point in curve if point[0] >= FIRST_STEPS]
    (first, start), (last, end) = later[0], later[-1]
    return (last - first) / (end - start)


def train_alone(seconds: float) -> None:
    """Train without a window and print the steps a second."""
    from napari_unet.core.events import Step
    from napari_unet.core.training.train import train_events

    sample = tissue()
    events = train_events([sample.image], [sample.strokes], seconds=seconds, preset="compact")
    print(steps_a_second([(e.step, e.elapsed) for e in events if isinstance(e, Step)]))


@dataclass(frozen=True)
class Measured:
    """Stalls in seconds without and with a training and at its start, its speed, own cores."""

    idle: list[float]
    busy: list[float]
    press: float
    steps_a_second: float
    own_share: float


class Painter:
    """Paints a random walk with background and measures how long the event loop was away."""

    def __init__(self, labels: napari.layers.Labels) -> None:
        self._labels = labels
        self._rng = np.random.default_rng(0)
        self._at = np.array([100.0, 100.0])
        self._last = time.perf_counter()
        self.gaps: list[float] = []
        self._ticks, self._strokes = QTimer(), QTimer()
        self._ticks.timeout.connect(self._tick)
        self._strokes.timeout.connect(self._paint)
        self._ticks.start(TICK_MS)
        self._strokes.start(PAINT_EVERY_MS)

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(now - self._last - TICK_MS / 1e3)
        self._last = now

    def _paint(self) -> None:
        self._at = np.clip(self._at + self._rng.normal(0, 4, 2), 5, 500)
        self._labels.paint(tuple(self._at), 1)


class StrokePainter(Painter):
    """Paints strokes, of 0.6 s with pauses of 0.3 s, as somebody with a mouse does."""

    def __init__(self, labels: napari.layers.Labels) -> None:
        super().__init__(labels)
        self._count = 0
        self._stroke = ExitStack()

    def _paint(self) -> None:
        phase = self._count % (DABS_A_STROKE + DABS_A_PAUSE)
        self._count += 1
        if phase == 0:
            self._stroke.enter_context(self._labels.block_history())
        if phase < DABS_A_STROKE:
            super()._paint()
        elif phase == DABS_A_STROKE:
            self._stroke.close()

    def stop(self) -> None:
        """Put the brush away."""
        self._strokes.stop()
        self._stroke.close()


def wait(seconds: float) -> None:
    """Let the event loop run."""
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        QApplication.processEvents()
        time.sleep(0.001)


def show_gaps(name: str, gaps: list[float]) -> None:
    """Print a table row of stalls in milliseconds."""
    ms = 1e3 * np.array(gaps)
    print(
        f"| {name} | {np.percentile(ms, 50):.0f} | {np.percentile(ms, 99):.0f} | {ms.max():.0f} |"
    )


def until(condition: Callable[[], bool]) -> float:
    """Let the event loop run until something holds; return the seconds that it took."""
    start = time.perf_counter()
    while not condition():
        wait(0.002)
    return time.perf_counter() - start


def open_window() -> tuple[napari.Viewer, AnnotateAndTrain, Session]:
    """Open a window on the sample, with a warm learner; strokes are kept for nobody."""
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp()
    viewer = napari.Viewer()
    for layer in tissue_layers():
        viewer._add_layer_from_data(*layer)
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock)
    session: Session = shared_by(viewer, dock).session
    until(lambda: bool(session.device))
    wait(5)
    return viewer, dock, session


@dataclass(frozen=True)
class LiveMeasured:
    """Seconds from the stroke that made it two classes, and from each later one; stalls."""

    first: float
    corrections: list[float]
    gaps: list[float]


def measure_live(seconds: float) -> LiveMeasured:
    """Switch Live on, paint two classes, corrections, and then all the time."""
    viewer, dock, session = open_window()
    labels, shown = viewer.layers[-1], Shows(session)
    labels.data = np.zeros_like(labels.data)
    wait(1)
    dock.findChild(QCheckBox, "live_switch").click()
    segmentation = segmentation_of(viewer, viewer.layers[0])
    segmentation.events.labels_update.connect(shown.note)
    segmentation.events.set_data.connect(shown.note)
    paint_line(labels, 1, 60)
    wait(2)
    paint_line(labels, 2, 200)
    first = until(lambda: shown.version > 0)
    corrections = []
    for number in range(CORRECTIONS):
        wait(1.5)
        scored = len(session.curve.corrective)
        paint_line(labels, 1 + number % 2, 220 + 20 * number)
        start = time.perf_counter()
        until(lambda scored=scored: len(session.curve.corrective) > scored)
        before = shown.written
        until(lambda before=before: shown.written > before)
        drawn = time.perf_counter() + DRAWN_WITHIN  # unless the tile is as it was
        until(lambda b=before, d=drawn: shown.version > b or time.perf_counter() > d)
        corrections.append(time.perf_counter() - start)
    painter = StrokePainter(labels)
    wait(2)
    painter.gaps.clear()
    wait(seconds)
    gaps = painter.gaps.copy()
    painter.stop()
    session.stop_live()
    until(lambda: session.state is State.IDLE)
    wait(2)
    viewer.close()
    return LiveMeasured(first, corrections, gaps)


class Shows:
    """The newest version that came, and the newest that a layer of results was drawn with."""

    def __init__(self, session: Session) -> None:
        self.version = 0
        self.written = 0
        session.live.tile_predicted.connect(self._on_tile)

    def _on_tile(self, tile: LiveTile) -> None:
        self.written = tile.version

    def note(self, _event: object = None) -> None:
        """Note that the layer was given to be drawn."""
        self.version = self.written


def paint_line(labels: napari.layers.Labels, class_id: int, row: int) -> None:
    """Paint one stroke of 30 pixels."""
    with labels.block_history():
        for column in range(200, 230):
            labels.paint((row, column), class_id)


def show_live(measured: LiveMeasured) -> None:
    """Print the table of a live session."""
    show_gaps("painting while Live learns", measured.gaps)
    later = np.array(measured.corrections)
    print("\n| from the end of a stroke, s | median | worst |\n|---|---|---|")
    print(f"| to the first view of 512 x 512 | {measured.first:.2f} | {measured.first:.2f} |")
    print(f"| of a correction to the view | {np.median(later):.2f} | {later.max():.2f} |")
    print("\n(goals: stall at most 50 ms at the 99th percentile, both times at most 1.0 s)")


def measure(seconds: float) -> Measured:
    """Open a window on the sample, paint in it, and train for a while."""
    viewer, dock, session = open_window()
    painter = Painter(viewer.layers[-1])
    wait(2)
    painter.gaps.clear()
    cpu = time.process_time()
    wait(seconds)
    own_share = (time.process_time() - cpu) / seconds
    idle = painter.gaps.copy()

    curve: list[tuple[int, float]] = []

    def note() -> None:
        if session.curve.losses:
            curve.append((session.curve.losses[-1][0], time.perf_counter()))

    session.curve_changed.connect(note)
    press_train(dock)
    wait(0.05)
    press_gap = max(painter.gaps[-20:])
    painter.gaps.clear()
    wait(seconds)
    busy = painter.gaps.copy()
    session.stop_training()
    while session.state is not State.IDLE:
        wait(0.01)
    wait(2)
    viewer.close()
    return Measured(idle, busy, press_gap, steps_a_second(curve), own_share)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--alone", action="store_true", help="only train, without a window")
    parser.add_argument("--live", action="store_true", help="measure Live instead of a training")
    options = parser.parse_args()
    if options.alone:
        train_alone(options.seconds)
        return
    if options.live:
        measured_live = measure_live(options.seconds)
        print(TABLE_HEAD)
        show_live(measured_live)
        return
    command = [sys.executable, "-m", "benchmarks.window", "--alone"]
    command += ["--seconds", str(options.seconds)]
    alone = [float(subprocess.check_output(command))]
    measured = measure(options.seconds)
    alone.append(float(subprocess.check_output(command)))
    print(TABLE_HEAD)
    show_gaps("painting", measured.idle)
    show_gaps("painting while training", measured.busy)
    show_gaps("the press of Train", [measured.press])
    within, without = measured.steps_a_second, float(np.mean(alone))
    print(f"\n{within:.1f} steps a second with a window, {without:.1f} without: ", end="")
    print(f"{within / without:.2f} (goal: at least 0.7)")
    print(f"the window, painted in all the time, keeps {measured.own_share:.2f} cores busy")


def press_train(dock: AnnotateAndTrain) -> None:
    """Press the button as a person would."""
    button = dock.findChild(QPushButton, "train_button")
    while not button.isEnabled():
        wait(0.05)
    button.click()


if __name__ == "__main__":
    main()
