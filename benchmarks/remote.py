"""A learner on another computer against one here: ``python -m benchmarks.remote``.

A training behind ssh on the loopback (where there is an ssh server to start), views and Live behind
a line with a delay, and the bytes that cross it. Here, there, and so on by turns.
"""

from __future__ import annotations

import argparse
import os
import queue
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import relay
from benchmarks.common.loopback_ssh import HOST, loopback_ssh, why_not
from napari_unet.core.events import Step
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner import Learner
from napari_unet.learner.computer import HERE, Computer
from napari_unet.learner.messages import (
    Failed,
    LiveTile,
    PlanePredicted,
    Predicted,
    PredictRequest,
    Ready,
    Reply,
    Trained,
    TrainRequest,
)
from napari_unet.samples import tissue
from napari_unet.session.session import Session

PINGS = (20, 200)  # ms
FIRST_STEPS = 25  # while the processor warms up
VIEW = (0, 512, 0, 512)
VIEWS, STROKES = 12, 12
SAMPLE = tissue()
IMAGE = np.ascontiguousarray(np.moveaxis(SAMPLE.image, -1, 0))  # (C, Y, X)
CLASSES = describe_classes((1, 2), "scribbles")
_START = "from napari_unet.cli import main; main(['learner'])"
LEARNER = f'{sys.executable} -c "{_START}"'


class Talk:
    """A learner and its replies, each with the time at which it came."""

    def __init__(self, computer: Computer) -> None:
        self.learner = Learner(computer)
        self._replies: queue.SimpleQueue[tuple[float, Reply]] = queue.SimpleQueue()
        self._job = 0
        self.learner.listen(lambda reply: self._replies.put((time.perf_counter(), reply)))
        self.learner.warm_up()
        self.until(0, Ready)
        time.sleep(3)  # it loads what the first strokes need

    def until(self, job: int, kind: type) -> list[tuple[float, object]]:
        """Return what is said of a job up to the first content of a kind."""
        said: list[tuple[float, object]] = []
        while not said or not isinstance(said[-1][1], kind):
            when, reply = self._replies.get()
            if isinstance(reply.content, Failed):
                raise SystemExit(reply.content.text)
            if reply.job == job:
                said.append((when, reply.content))
        return said

    def train(self, seconds: float) -> tuple[float, bytes]:
        """Train on the sample; return the steps a second and the model."""
        self._job += 1
        request = TrainRequest(
            job=self._job,
            images=(IMAGE,),
            labels=(SAMPLE.strokes,),
            newest=(),
            settings=TrainSettings(seconds=seconds, preset="compact"),
            classes=CLASSES,
            model=None,
        )
        self.learner.submit(self._job, lambda: request, training=True)
        said = self.until(self._job, Trained)
        steps = [content for _, content in said if isinstance(content, Step)]
        first, last = next(step for step in steps if step.step >= FIRST_STEPS), steps[-1]
        trained = said[-1][1]
        assert isinstance(trained, Trained)
        return (last.step - first.step) / (last.elapsed - first.elapsed), trained.model

    def view(self, model: bytes) -> float:
        """Predict what is in view; return the seconds until it is here."""
        self._job += 1
        request = PredictRequest(self._job, (IMAGE,), model, region=VIEW)
        start = time.perf_counter()
        self.learner.submit(self._job, lambda: request, training=False)
        said = self.until(self._job, Predicted)
        return next(when for when, c in said if isinstance(c, PlanePredicted)) - start


def behind(ping: int, counts: Path) -> Computer:
    """Return this computer behind a line with a delay, as one elsewhere."""
    return Computer(command=f"{sys.executable} {relay.__file__} {ping} {counts} {LEARNER}")


def show_training(seconds: float, rounds: int) -> bytes:
    """Print the speed of a training here and behind ssh; return a model."""
    with tempfile.TemporaryDirectory() as name:
        if problem := why_not():
            print(f"No training behind ssh: {problem}.\n")
            talk = Talk(HERE)
            _, model = talk.train(seconds)
            talk.learner.close()
            return model
        with loopback_ssh(Path(name)) as server:
            os.environ.update(server.environment)
            source = os.environ.get("PYTHONPATH", "")
            talks = Talk(HERE), Talk(Computer(HOST, f"PYTHONPATH={source} {LEARNER}"))
            speeds: tuple[list[float], list[float]] = ([], [])
            for _ in range(rounds):
                for talk, speed in zip(talks, speeds, strict=True):
                    steps, model = talk.train(seconds)
                    speed.append(steps)
            for talk in talks:
                talk.learner.close()
    here, there = map(np.median, speeds)
    ratio = np.median(np.array(speeds[1]) / np.array(speeds[0]))
    print(f"| `compact`, {rounds} trainings of {seconds:.0f} s each, by turns | steps a second |")
    print(f"|---|---|\n| here | {here:.1f} |\n| behind ssh on the loopback | {there:.1f} |")
    print(f"\nratio, median of the turns: {ratio:.2f} (goal: at least 0.95)\n")
    return model


def show_views(model: bytes, folder: Path) -> None:
    """Print how long a view takes here and behind lines with delays."""
    names = ["here", *(f"ping of {ping} ms" for ping in PINGS)]
    files = [folder / str(ping) for ping in PINGS]
    talks = [Talk(HERE), *map(Talk, map(behind, PINGS, files))]
    firsts = [talk.view(model) for talk in talks]
    laters = np.array([[talk.view(model) for talk in talks] for _ in range(VIEWS)])
    time.sleep(0.5)
    print("| a view of 512 x 512, s | the first | later, median | more than here |")
    print("|---|---|---|---|")
    for name, first, later in zip(names, firsts, laters.T, strict=True):
        more = np.median(later - laters[:, 0])
        print(f"| {name} | {first:.2f} | {np.median(later):.2f} | {more:.2f} |")
    print("\n(goal: at most 0.3 s more)")
    there, back = files[0].read_text().split()
    print(
        f"\n{1 + VIEWS} views sent {int(there) / 1e6:.2f} MB there, of which the plane "
        f"{IMAGE.nbytes / 1e6:.2f} and the model {len(model) / 1e6:.2f}, and "
        f"{int(back) / 1e6:.2f} MB back.\n"
    )
    for talk in talks:
        talk.learner.close()


class LivePainter:
    """Somebody who paints a stroke every 1.5 s while Live learns."""

    def __init__(self, computer: Computer) -> None:
        self._learner = Learner(computer)
        self._session = Session(self._learner, computer)
        self._labels = np.zeros_like(SAMPLE.strokes)
        self._tiles: queue.SimpleQueue[float] = queue.SimpleQueue()
        self._session.live.tile_predicted.connect(self._note)
        self._learner.listen(self._session.apply)
        self._learner.warm_up()
        while not self._session.device or self._session.device.endswith("…"):
            time.sleep(0.05)
        time.sleep(3)

    def _note(self, _tile: LiveTile) -> None:
        self._tiles.put(time.perf_counter())

    def paint(self) -> list[float]:
        """Return the seconds from each stroke to the tile that knows it."""
        self._session.start_live()
        self._session.live.look_at("plane", lambda: IMAGE, VIEW)
        seconds = []
        for number in range(STROKES):
            row = 40 + 30 * number
            self._labels[row : row + 3, 100:140] = 1 + number % 2
            while not self._tiles.empty():
                self._tiles.get()
            start = time.perf_counter()
            self._session.live.paint("plane", lambda: IMAGE, lambda: self._labels)
            if number > 1:  # the first two make it two classes
                seconds.append(self._tiles.get() - start)
            time.sleep(1.5)
        self._session.stop_live()
        return seconds

    def close(self) -> None:
        """End the learner."""
        self._session.close()


def show_live(folder: Path) -> None:
    """Print how soon a stroke is answered, and the bytes of a session with Live."""
    print("| Live: from a stroke to the next tile, s | median | worst | MB there | MB back |")
    print("|---|---|---|---|---|")
    for ping in (None, *PINGS):
        counts = folder / "live"
        painter = LivePainter(HERE if ping is None else behind(ping, counts))
        start = time.perf_counter()
        found = painter.paint()
        took = time.perf_counter() - start
        time.sleep(0.5)
        bytes_ = ["-", "-"] if ping is None else counts.read_text().split()
        sent = [b if b == "-" else f"{int(b) / 1e6:.2f}" for b in bytes_]
        name = "here" if ping is None else f"ping of {ping} ms"
        print(
            f"| {name} | {np.median(found):.2f} | {max(found):.2f} | {sent[0]} | {sent[1]} |"
            f" <!-- {took:.0f} s -->"
        )
        painter.close()


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=20.0, help="of a training")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    model = show_training(options.seconds, options.rounds)
    with tempfile.TemporaryDirectory() as folder:
        show_views(model, Path(folder))
        show_live(Path(folder))


if __name__ == "__main__":
    main()
