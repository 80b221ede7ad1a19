"""How much the engine costs on top of the bare network: ``python -m benchmarks.speed``.

Both sides of each ratio are run in turns, so that a drift of the machine's speed cancels. Also what
the tile of the paper's figure 1 takes of memory, and a warping error of time.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.metrics.warping import warping_error
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS, PresetName
from napari_unet.core.network.device import computing, describe, fast_dtype, pick_device
from napari_unet.core.network.networks import fused, new_network
from napari_unet.core.network.tiling import input_side, output_side
from napari_unet.core.prediction.tiles import predict_tiles
from napari_unet.core.training.augment import sampling_positions, vary_grey_values
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.loss import weighted_cross_entropy
from napari_unet.core.training.optimizer import new_optimizer
from napari_unet.core.training.patch_sampler import PatchSource
from napari_unet.core.training.settings import TrainSettings
from napari_unet.core.training.trainer import Run

SIDE = 2048
TILES = (256, 384, 512, 768, 1024, 2048)
PAPER_TILE = 572  # Ronneberger et al. 2015, figure 1


def in_turns(jobs: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Run each job once to warm up, then ``rounds`` times in turns; return seconds by name."""
    for job in jobs.values():
        job()
    times: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(rounds):
        for name, job in jobs.items():
            start = time.perf_counter()
            job()
            times[name].append(time.perf_counter() - start)
    return times


def median_ratio(times: dict[str, list[float]], above: str, below: str) -> float:
    """Return the median over the rounds of one job's time divided by another's."""
    return statistics.median(a / b for a, b in zip(times[above], times[below], strict=True))


def new_model(preset: PresetName) -> Model:
    """Return a model with random weights for one channel and two classes."""
    torch.manual_seed(0)
    config = PRESETS[preset].network(1, 2)
    header = ModelHeader(
        network=config,
        preset=preset,
        label_kind="classes",
        classes=describe_classes((0, 1), "classes"),
    )
    state = new_network(config).state_dict()
    return Model(
        header, {name: value for name, value in state.items() if value.is_floating_point()}
    )


def prediction(preset: PresetName, side: int, rounds: int, *, fast: bool) -> None:
    """Compare tiled prediction with bare forward passes over the same output pixels."""
    device = pick_device("auto")
    dtype = fast_dtype(device) if fast else torch.float32
    model = new_model(preset)
    config = model.header.network
    network = model.prediction_network(device)
    plane = np.random.default_rng(0).random((1, side, side), dtype=np.float32)

    def bare(tile: int) -> Callable[[], object]:
        x = torch.rand(1, 1, *[input_side(config, tile)] * 2, device=device)
        x = x.contiguous(memory_format=torch.channels_last)
        count = side**2 / output_side(config, tile) ** 2

        def run() -> None:
            with computing(device, dtype), torch.inference_mode():
                start = time.perf_counter()
                passes = max(1, round(count))
                for _ in range(passes):
                    network(x)
                if device.type == "cuda":
                    torch.cuda.synchronize()
                seconds[tile].append((time.perf_counter() - start) * count / passes)

        return run

    seconds: dict[int, list[float]] = {tile: [] for tile in TILES if tile <= side}
    jobs = {f"bare {tile}": bare(tile) for tile in seconds}
    jobs["tiled"] = lambda: list(predict_tiles(model, plane, device=device, fast=fast))
    times = in_turns(jobs, rounds)
    print(f"\n{preset}, {side} x {side}, {str(dtype).removeprefix('torch.')}, {describe(device)}")
    print("| bare forward passes with tiles of | seconds |\n|---|---|")
    medians = {tile: statistics.median(values[1:]) for tile, values in seconds.items()}
    for tile, value in medians.items():
        print(f"| {tile} | {value:.2f} |")
    best = min(medians, key=lambda tile: medians[tile])
    pairs = zip(times["tiled"], seconds[best][1:], strict=True)
    ratio = statistics.median(a / b for a, b in pairs)
    print(f"| tiled prediction, everything included | {statistics.median(times['tiled']):.2f} |")
    print(f"\nratio to the best tile ({best}): {ratio:.2f} (goal: at most 1.15)")


def training_step(preset: PresetName, rounds: int) -> None:
    """Compare a training step with the bare forward, backward and optimiser step."""
    device = pick_device("auto")
    dtype = fast_dtype(device)
    recipe = PRESETS[preset]
    rng = np.random.default_rng(0)
    image = rng.random((1024, 1024), dtype=np.float32)
    labels = (rng.random((1024, 1024)) > 0.9).astype(np.uint8)
    settings = TrainSettings(label_kind="classes", preset=preset, steps=10**6)
    dataset = make_dataset([image], [labels], settings)
    config = recipe.network(1, 2)
    source = PatchSource(
        dataset, config, side=recipe.patch, elastic=10.0, balance_exponent=0.5, device=device
    )
    network = new_network(config).to(device).to(memory_format=torch.channels_last)
    optimizer = new_optimizer(network, recipe)
    generator = torch.Generator().manual_seed(0)
    fixed = source.draw(recipe.batch, generator)

    def step(images: Tensor, classes: Tensor, weights: Tensor) -> None:
        x = images.contiguous(memory_format=torch.channels_last)
        with computing(device, dtype):
            logits = network(x, padded=config.pad_in_training)
        loss = weighted_cross_entropy(logits, classes, weights)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        if device.type == "cuda":
            torch.cuda.synchronize()

    run = Run(dataset, settings, None, start=time.monotonic(), clock=time.monotonic)

    side = fixed.images.shape[-1]

    def augment() -> None:
        sampling_positions(generator, recipe.batch, (side, side), elastic=10.0)
        vary_grey_values(generator, fixed.images)

    times = in_turns(
        {
            "bare": lambda: step(fixed.images, fixed.classes, fixed.weights),
            "full": lambda: list(run.step()),
            "drawing": lambda: source.draw(recipe.batch, generator),
            "augment": augment,
        },
        rounds,
    )
    medians = {name: statistics.median(values) * 1e3 for name, values in times.items()}
    print(f"\n{preset}, {recipe.batch} x {side} x {side}, {str(dtype).removeprefix('torch.')}")
    print("| | ms |\n|---|---|")
    print(f"| bare forward, backward, optimiser | {medians['bare']:.1f} |")
    print(f"| a step of a training, everything included | {medians['full']:.1f} |")
    print(f"| sampling and augmentation alone | {medians['drawing']:.1f} |")
    print(f"| of which fields and grey values | {medians['augment']:.1f} |")
    ratio, share = median_ratio(times, "full", "bare"), median_ratio(times, "drawing", "full")
    print(
        f"\nratio {ratio:.2f} (goal: at most 1.25, 0.8 times as fast), augmentation {share:.1%} "
        "(goal: at most 10 %)"
    )


def memory() -> None:
    """Print what the paper's tile takes of memory, each row measured in a process of its own."""
    of_device = "allocated" if pick_device("auto").type == "cuda" else "growth of the process"
    print(f"\n| a tile of {PAPER_TILE} x {PAPER_TILE} | peak {of_device}, MiB |\n|---|---|")
    context = multiprocessing.get_context("spawn")
    for preset in PRESETS:
        for job in (predict_paper_tile, train_on_paper_tile):
            with context.Pool(1) as pool:
                peak = pool.apply(peak_bytes, (job, preset))
            print(f"| {preset}, {(job.__doc__ or '').split('.')[0].lower()} | {peak / 2**20:.0f} |")


def peak_bytes(job: Callable[[PresetName], None], preset: PresetName) -> int:
    """Return by how much a job, network included, raises the peak of this process's memory."""
    before = peak_so_far()
    job(preset)
    return peak_so_far() - before


def peak_so_far() -> int:
    """Return the most bytes that this process has held: on its GPU, else in main memory."""
    if pick_device("auto").type == "cuda":
        return torch.cuda.max_memory_allocated()
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def predict_paper_tile(preset: PresetName) -> None:
    """Prediction in float32."""
    device = pick_device("auto")
    network = fused(new_network(PRESETS[preset].network(1, 2))).to(device)
    with torch.inference_mode():
        network(torch.rand(1, 1, PAPER_TILE, PAPER_TILE, device=device))


def train_on_paper_tile(preset: PresetName) -> None:
    """Training step, optimiser included."""
    device = pick_device("auto")
    recipe = PRESETS[preset]
    config = recipe.network(1, 2)
    stride = config.strides[-1] if recipe.pad_in_training else 1
    side = -(-PAPER_TILE // stride) * stride  # padded, each pooling needs an even size
    network = new_network(config).to(device)
    optimizer = new_optimizer(network, recipe)
    with computing(device, fast_dtype(device)):
        logits = network(torch.rand(1, 1, side, side, device=device), padded=recipe.pad_in_training)
    shape = (1, *logits.shape[-2:])
    classes = torch.zeros(shape, dtype=torch.int64, device=device)
    weighted_cross_entropy(logits, classes, torch.ones(shape, device=device)).backward()
    optimizer.step()


def warping(rounds: int) -> None:
    """Time the warping error of a membrane map of the size of the ISBI 2012 slices."""
    rng = np.random.default_rng(0)
    seeds = np.zeros((512, 512), np.int32)
    seeds.flat[rng.choice(seeds.size, 300, replace=False)] = np.arange(1, 301)
    _, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    cells = seeds[tuple(nearest)]
    truth = ndimage.maximum_filter(cells, 5) == ndimage.minimum_filter(cells, 5)
    noise = ndimage.gaussian_filter(rng.normal(size=truth.shape), 2)
    prediction = ndimage.gaussian_filter(truth.astype(float), 2) + noise > 0.5
    times = in_turns({"warping": lambda: warping_error(prediction, truth)}, rounds)["warping"]
    error, different = warping_error(prediction, truth), float(np.mean(prediction != truth))
    print(
        f"\nwarping error of 512 x 512, 300 cells, {different:.1%} of the pixels differ, error "
        f"{error:.4f}: {statistics.median(times):.3f} s (goal: 20 s)"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--preset", choices=tuple(PRESETS), nargs="+", default=["compact"])
    options = parser.parse_args()
    warping(options.rounds)
    memory()
    for preset in options.preset:
        training_step(preset, rounds=4 * options.rounds)
        for fast in (False, True):
            prediction(preset, options.side, options.rounds, fast=fast)


if __name__ == "__main__":
    main()
