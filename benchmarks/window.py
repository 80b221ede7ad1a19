"""How alive the window stays while a network is trained: ``python -m benchmarks.window``.

Somebody paints all the time. The event loop's stalls are measured with and without a training,
and the training's speed with and without a window. Needs a display, for example ``xvfb-run``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass

import napari
import numpy as np
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from napari_unet.samples import tissue
from napari_unet.session import Session
from napari_unet.session_data import State
from napari_unet.widgets.annotate_and_train import AnnotateAndTrain
from napari_unet.widgets.sample import tissue_layers
from napari_unet.widgets.shared import shared_by

PAINT_EVERY_MS = 30
TICK_MS = 2
FIRST_STEPS = 25  # while the processor warms up


def steps_a_second(curve: list[tuple[int, float]]) -> float:
    """Return the speed between the 25th and the last step of (step, seconds) pairs."""
    later = [point for point in curve if point[0] >= FIRST_STEPS]
    (first, start), (last, end) = later[0], later[-1]
    return (last - first) / (end - start)


def train_alone(seconds: float) -> None:
    """Train without a window and print the steps a second."""
    from napari_unet.core.events import Step
    from napari_unet.core.training import train_events

    sample = tissue()
    events = train_events([sample.image], [sample.strokes], seconds=seconds)
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


def measure(seconds: float) -> Measured:
    """Open a window on the sample, paint in it, and train for a while."""
    viewer = napari.Viewer()
    for layer in tissue_layers():
        viewer._add_layer_from_data(*layer)
    dock = AnnotateAndTrain(viewer)
    viewer.window.add_dock_widget(dock)
    session: Session = shared_by(viewer, dock).session
    wait(5)
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
    options = parser.parse_args()
    if options.alone:
        train_alone(options.seconds)
        return
    command = [sys.executable, "-m", "benchmarks.window", "--alone"]
    command += ["--seconds", str(options.seconds)]
    alone = [float(subprocess.check_output(command))]
    measured = measure(options.seconds)
    alone.append(float(subprocess.check_output(command)))
    print("| event loop away, ms | median | 99th percentile | worst |\n|---|---|---|---|")
    show_gaps("painting", measured.idle)
    show_gaps("painting while training", measured.busy)
    show_gaps("the press of Train", [measured.press])
    within, without = measured.steps_a_second, float(np.mean(alone))
    print(f"\n{within:.1f} steps a second with a window, {without:.1f} without: ", end="")
    print(f"{within / without:.2f} (goal: at least 0.7)")
    print(f"the window, painted in all the time, keeps {measured.own_share:.2f} cores busy")


def press_train(dock: AnnotateAndTrain) -> None:
    """Press the button as a person would."""
    from qtpy.QtWidgets import QPushButton

    button = dock.findChild(QPushButton, "train_button")
    while not button.isEnabled():
        wait(0.05)
    button.click()


if __name__ == "__main__":
    main()
