"""What large images, OME-Zarr and Dask workers cost: ``python -m benchmarks.scale``.

Inputs are Zarrs of one chunk, linked as often as the image has chunks, so that an image of any size
costs the disk next to nothing and is still read and decompressed chunk by chunk. Peaks of memory
are measured in a fresh process for each size, both sides of each ratio in turns in one run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
import zarr

from benchmarks.speed import in_turns, median_ratio, peak_so_far
from napari_unet.core.batch.cluster.run import run_batch_on
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_batch
from napari_unet.core.batch.run import ItemEnded
from napari_unet.core.io.open_image import open_image
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS, UNetConfig
from napari_unet.core.network.pooling import pooling_for
from napari_unet.core.network.unet import UNet
from napari_unet.core.prediction.predict import TileProbabilities, plane_probabilities
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.core.segmentation.segment import segment

if TYPE_CHECKING:
    from distributed import Client

SIDES = (4096, 16384)
LARGEST = 65536
WORKERS_SIDE = 8192
CHUNK = 1024
VOLUME = (64, 512, 512)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Cost:
    """What an image took."""

    mebibytes: float
    seconds: float
    processor_seconds: float


def new_model(config: UNetConfig) -> Model:
    """Return a model with random weights; the same each time."""
    torch.manual_seed(0)
    header = ModelHeader(
        network=config,
        preset="compact",
        label_kind="classes",
        classes=describe_classes(range(config.n_classes), "classes"),
    )
    state = UNet(config).state_dict()
    weights = {name: value for name, value in state.items() if value.is_floating_point()}
    return Model(header, weights)


def compact(channels: int) -> Model:
    """Return a model for one grey channel and two classes, ``channels`` wide at its first level."""
    config = PRESETS["compact"].network(1, 2)
    return new_model(config.model_copy(update={"base_channels": channels}))


def large_zarr(path: Path, side: int) -> Path:
    """Make a (side, side) uint8 Zarr of one chunk of blurred noise, linked everywhere."""
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (CHUNK // 4, CHUNK // 4), dtype=np.uint8)
    array = zarr.create_array(path, shape=(side, side), chunks=(CHUNK, CHUNK), dtype="uint8")
    array[:CHUNK, :CHUNK] = noise.repeat(4, axis=0).repeat(4, axis=1)
    count = -(-side // CHUNK)
    first = path / "c" / "0" / "0"
    for row in range(count):
        (path / "c" / str(row)).mkdir(exist_ok=True)
        for column in range(count):
            if row or column:
                os.link(first, path / "c" / str(row) / str(column))
    return path


def through_zarr(model: Model, image: Path, result: Path) -> None:
    """Segment a Zarr into an OME-Zarr with its pyramid."""
    with open_image(image) as source:
        for _ in segment(model, source, {"labels": result}, device=CPU):
            pass


def in_memory(model: Model, plane: np.ndarray) -> None:
    """Segment a (1, Y, X) array into an array."""
    out = np.empty(plane.shape[1:], dtype=np.uint8)
    ids = model.class_ids
    for part in predict_tiles(model, plane, device=CPU):
        if isinstance(part, TileProbabilities):
            out[part.tile.slices] = ids[part.probabilities.argmax(axis=0)]


def cost_of(side: int, channels: int, folder: str) -> Cost:
    """Return what an image takes, everything included, in a process that does nothing else."""
    image = large_zarr(Path(folder) / f"{side}.zarr", side)
    model = compact(channels)
    start, used = time.perf_counter(), time.process_time()
    through_zarr(model, image, Path(folder) / f"{side}_labels.ome.zarr")
    seconds, processor = time.perf_counter() - start, time.process_time() - used
    return Cost(peak_so_far() / 2**20, seconds, processor)


def say_how_long(
    sides: Sequence[int], side: int, workers_side: int, channels: int, rounds: int
) -> None:
    """Print about how long all but the volume will take, from a small image in one thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    plane = np.random.default_rng(0).random((1, CHUNK, CHUNK), np.float32)
    model = compact(channels)
    in_memory(model, plane)
    start = time.perf_counter()
    in_memory(model, plane)
    a_megapixel = (time.perf_counter() - start) / (CHUNK**2 / 1e6)
    torch.set_num_threads(threads)
    spread = 3 * (rounds + 1) * workers_side**2  # one and a half, twice: on workers and bare
    alone = sum(size**2 for size in sides) + 2 * (rounds + 1) * side**2
    seconds = a_megapixel * (alone / threads + spread) / 1e6
    print(
        f"about {seconds / 60:.0f} min if nothing else runs ({a_megapixel:.2f} s a megapixel in "
        f"one thread), and the volume; {1.4 * max(sides) ** 2 / 2**30:.1f} GiB at most of room in "
        f"{tempfile.gettempdir()}\n",
        flush=True,
    )


def sizes(sides: Sequence[int], channels: int) -> None:
    """Print memory and time over the sizes of an image."""
    context = multiprocessing.get_context("spawn")
    costs: dict[int, Cost] = {}
    print("| image | peak resident, MiB | s | s a megapixel | processor s a megapixel |")
    print("|---|---|---|---|---|")
    for side in sides:
        with tempfile.TemporaryDirectory() as folder, context.Pool(1) as pool:
            cost = costs[side] = pool.apply(cost_of, (side, channels, folder))
        million = side**2 / 1e6
        print(
            f"| {side:,} x {side:,} | {cost.mebibytes:.0f} | {cost.seconds:.1f} | "
            f"{cost.seconds / million:.4f} | {cost.processor_seconds / million:.4f} |",
            flush=True,
        )
    first, last = costs[min(costs)], costs[max(costs)]
    ratio = max(costs) ** 2 / min(costs) ** 2
    print(
        f"\nlargest to smallest: memory {last.mebibytes / first.mebibytes:.2f}, time a pixel "
        f"{last.seconds / first.seconds / ratio:.2f}, processor time a pixel "
        f"{last.processor_seconds / first.processor_seconds / ratio:.2f} (goals: within 0.9 to "
        f"1.1); at most {max(cost.mebibytes for cost in costs.values()) / 1024:.2f} GiB resident "
        "(goal: under 1.5)",
        flush=True,
    )


def throughput(side: int, channels: int, rounds: int) -> None:
    """Compare Zarr to Zarr with array to array."""
    model = compact(channels)
    with tempfile.TemporaryDirectory() as folder:
        image = large_zarr(Path(folder) / "in.zarr", side)
        plane = zarr.open_array(image)[:][None]
        out = Path(folder) / "out.zarr"
        times = in_turns(
            {
                "memory": partial(in_memory, model, plane),
                "zarr": partial(through_zarr, model, image, out),
            },
            rounds,
        )
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"\n{side:,} x {side:,}: {medians['memory']:.2f} s in memory, {medians['zarr']:.2f} s "
        f"through Zarr: {median_ratio(times, 'memory', 'zarr'):.2f} of the throughput "
        "(goal: at least 0.85)",
        flush=True,
    )


def workers(side: int, channels: int, rounds: int) -> None:
    """Compare two workers of one thread with one; and two bare processes, with nothing between.

    What is done once an image (to send the model, to find the range of grey values, to make the
    pyramid) does not become faster with a second worker; the image is large enough that it weighs
    little. The bare processes say what the computer itself allows: they share its memory, and its
    cores with this process, in which the scheduler runs.
    """
    from distributed import Client, LocalCluster

    model = compact(channels)
    used: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        image = large_zarr(Path(folder) / "in.zarr", side)
        jobs: dict[str, Callable[[], object]] = {}
        for count in (1, 2):
            cluster = stack.enter_context(
                LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=":0")
            )
            client = stack.enter_context(Client(cluster, set_as_default=False))
            out = Path(folder) / f"{count}"
            spent = used[f"{count}"] = []
            jobs[f"{count}"] = partial(on_cluster, client, model, image, out, spent)
            pool = stack.enter_context(multiprocessing.get_context("spawn").Pool(count))
            quarters = [(side // 2, channels)] * 4
            jobs[f"{count} bare"] = partial(pool.starmap, bare, quarters, 1)
        times = in_turns(jobs, rounds)
    medians = {name: statistics.median(values) for name, values in times.items()}
    together = statistics.median(used["2"][1:]) / statistics.median(used["1"][1:])
    print(
        f"\n{side:,} x {side:,}: {medians['1']:.2f} s with one worker of one thread, "
        f"{medians['2']:.2f} s with two: {median_ratio(times, '1', '2'):.2f} times as fast "
        f"(goal: at least 1.7); processes that only predict: {medians['1 bare']:.2f} s, "
        f"{medians['2 bare']:.2f} s, {median_ratio(times, '1 bare', '2 bare'):.2f} times; "
        f"processor time of two workers together to that of one: {together:.2f}",
        flush=True,
    )


def bare(side: int, channels: int) -> None:
    """Predict an array in one thread."""
    torch.set_num_threads(1)
    in_memory(compact(channels), np.random.default_rng(0).random((1, side, side), np.float32))


def on_cluster(client: Client, model: Model, image: Path, out: Path, spent: list[float]) -> None:
    """Segment an image on the workers of a client; add the processor seconds that they spent."""
    before = sum(client.run(time.process_time).values())
    plan = plan_batch([image], model, out, BatchOptions(overwrite=True))
    events = run_batch_on(client, model, plan, device="cpu")
    ended = [event for event in events if isinstance(event, ItemEnded)]
    spent.append(sum(client.run(time.process_time).values()) - before)
    if [event.status for event in ended] != ["done"]:
        raise RuntimeError(ended[0].sentence)


def volume(channels: int) -> None:
    """Compare a volume predicted in tiles with the same in one piece."""
    pooling = pooling_for((1.0, 1.0, 1.0), 3)
    values = PRESETS["compact"].network(1, 2).model_dump()
    changed = {"ndim": 3, "depth": 3, "pooling": pooling, "base_channels": channels}
    model = new_model(UNetConfig(**values | changed))
    data = np.random.default_rng(0).random((1, *VOLUME), dtype=np.float32)
    start = time.perf_counter()
    whole = plane_probabilities(model, data, device=CPU, tile=max(VOLUME))
    middle = time.perf_counter()
    tiled = plane_probabilities(model, data, device=CPU, tile=128)
    end = time.perf_counter()
    print(
        f"\n{' x '.join(map(str, VOLUME))}, {channels} channels wide, 3 poolings: largest "
        f"difference of a probability {np.abs(whole - tiled).max():.1e} between one piece "
        f"({middle - start:.0f} s) and tiles of 128 ({end - middle:.0f} s) (goal: 1e-5)"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sides", type=int, nargs="+", default=list(SIDES))
    parser.add_argument("--largest", action="store_true", help=f"also {LARGEST:,} x {LARGEST:,}")
    parser.add_argument("--channels", type=int, default=16, help="of the network's first level")
    parser.add_argument("--volume-channels", type=int, default=2)
    parser.add_argument("--side", type=int, default=4096, help="of the image for Zarr and memory")
    parser.add_argument("--workers-side", type=int, default=WORKERS_SIDE, help="for the workers")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(
        f"compact, {options.channels} channels at the first level, {torch.get_num_threads()} "
        f"threads, float32\n"
    )
    sides = [*options.sides, *([LARGEST] if options.largest else [])]
    say_how_long(sides, options.side, options.workers_side, options.channels, options.rounds)
    sizes(sides, options.channels)
    throughput(options.side, options.channels, options.rounds)
    workers(options.workers_side, options.channels, options.rounds)
    volume(options.volume_channels)


if __name__ == "__main__":
    main()
