"""What work costs as there is more of it: ``python -m benchmarks.growth``.

Images to train on, strokes of Live on 4096 x 4096, files of a batch, versions of a project: each
amount in a fresh process; medians of what an item more takes of processor time, and what it adds to
the process's peak. Flat is within 15 % of the smallest amount but one, which warms up.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import tifffile
import torch

import napari_unet
from benchmarks.scale import compact
from benchmarks.speed import peak_so_far
from napari_unet.core.batch.plan import plan_batch
from napari_unet.core.batch.run import ItemEnded, run_batch
from napari_unet.core.images.box import Tile
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.trainer import Run
from napari_unet.project.changes import Changes, NewVersion
from napari_unet.project.open_project import open_project
from napari_unet.project.store import ProjectStore

SIDE = 256  # of images to train on
LIVE_SIDE = 4096
FILE_SIDE = 128
_ROUNDS = 7


@dataclass(frozen=True)
class Cost:
    """What an amount of work took: processor seconds by what was done, and the peak in bytes."""

    seconds: dict[str, float]
    peak: int


def timed(job: Callable[[], object], rounds: int = 1) -> float:
    """Return the median of its processor seconds."""
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        job()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def stroke(labels: np.ndarray, number: int, rng: np.random.Generator) -> None:
    """Paint 40 x 3 pixels, of the two classes by turns."""
    row, column = (int(rng.integers(0, side - 40)) for side in labels.shape)
    labels[row : row + 3, column : column + 40] = 1 + number % 2


def images_to_train_on(count: int) -> Cost:
    """Begin a training on images with two strokes each, and make steps."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (SIDE, SIDE), np.uint8) for _ in range(count)]
    labels = [np.zeros((SIDE, SIDE), np.uint8) for _ in images]
    for painted in labels:
        for number in range(2):
            stroke(painted, number, rng)
    settings = TrainSettings(preset="compact", steps=10**6, device="cpu", precision="float32")
    runs: list[Run] = []

    def begin() -> None:
        dataset = make_dataset(images, labels, settings)
        runs[:] = [Run(dataset, settings, None, start=0.0, clock=time.monotonic)]

    beginning = timed(begin)
    list(runs[0].step())
    step = timed(lambda: list(runs[0].step()), _ROUNDS)
    return Cost({"beginning, an image": beginning / count, "a step": step}, peak_so_far())


def strokes_of_live(count: int) -> Cost:
    """Take in one stroke more on a large image and answer in a view of 512 x 512."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (LIVE_SIDE, LIVE_SIDE), np.uint8)
    live = napari_unet.LiveTrainer([image], device="cpu")
    labels = np.zeros(image.shape, np.uint8)
    for number in range(max(2, count)):
        stroke(labels, number, rng)
    live.set_labels(0, labels)
    live.run(0)
    numbers: Iterator[int] = iter(range(_ROUNDS))

    def more() -> None:
        stroke(labels, next(numbers), rng)
        live.set_labels(0, labels)
        live.run(0)

    taken_in = timed(more, _ROUNDS)
    view = Tile((1024, 1536), (1024, 1536))
    seen = timed(lambda: list(live.predict_tiles(0, view)), 3)
    return Cost({"a stroke more": taken_in, "a view": seen}, peak_so_far())


def files_of_batch(count: int) -> Cost:
    """Segment files one after the other."""
    model = compact(4)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "in"
        folder.mkdir()
        image = np.random.default_rng(0).integers(0, 256, (FILE_SIDE, FILE_SIDE), np.uint8)
        for number in range(count):
            tifffile.imwrite(folder / f"{number:05d}.tif", image)
        start = time.process_time()
        plan = plan_batch([folder], model, Path(name) / "out")
        planned = time.process_time()
        ended = [
            event
            for event in run_batch(model, plan, device=torch.device("cpu"))
            if isinstance(event, ItemEnded)
        ]
        done = time.process_time()
    if [event.status for event in ended] != ["done"] * count:
        raise RuntimeError(ended[0].sentence)
    seconds = {
        "planned, a file": (planned - start) / count,
        "segmented, a file": (done - planned) / count,
    }
    return Cost(seconds, peak_so_far())


def versions_of_project(count: int) -> Cost:
    """Save one version more, and open the project."""
    model = compact(4).to_bytes()

    def save(store: ProjectStore, number: int) -> None:
        made = datetime.now(UTC)
        new = NewVersion(number=number, made=made, kind="train", ended=True, model=model)
        store.commit(Changes(versions=(new,)))

    with tempfile.TemporaryDirectory() as name:
        store = ProjectStore.create(Path(name) / "project")
        for number in range(1, count + 1):
            save(store, number)
        numbers: Iterator[int] = iter(range(count + 1, count + 1 + _ROUNDS))
        saved = timed(lambda: save(store, next(numbers)), _ROUNDS)
        opened = timed(lambda: open_project(Path(name) / "project"), _ROUNDS)
    return Cost({"saved, a version": saved, "opened, all": opened}, peak_so_far())


KINDS: dict[str, tuple[Callable[[int], Cost], tuple[int, ...]]] = {
    "training": (images_to_train_on, (1, 10, 100, 1000)),
    "live": (strokes_of_live, (2, 20, 200)),
    "batch": (files_of_batch, (10, 100, 1000)),
    "project": (versions_of_project, (2, 20, 200)),
}


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=tuple(KINDS), default=list(KINDS))
    parser.add_argument("--most", type=int, default=1000, help="leave larger amounts out")
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for kind in options.kinds:
        job, amounts = KINDS[kind]
        costs: dict[int, Cost] = {}
        for amount in (one for one in amounts if one <= options.most):
            with context.Pool(1) as pool:
                cost = costs[amount] = pool.apply(job, (amount,))
            if len(costs) == 1:
                print(f"\n| {kind} | {' | '.join(cost.seconds)} | peak, MiB | more an item, MiB |")
                print("|---" * (len(cost.seconds) + 3) + "|")
            smallest = min(costs)
            more = (cost.peak - costs[smallest].peak) / max(1, amount - smallest) / 2**20
            milliseconds = " | ".join(f"{1e3 * s:.2f} ms" for s in cost.seconds.values())
            print(f"| {amount:,} | {milliseconds} | {cost.peak / 2**20:.0f} | {more:.2f} |")


if __name__ == "__main__":
    main()
