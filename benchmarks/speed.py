"""How much the engine costs on top of the bare network: ``python -m benchmarks.speed``.

Both sides of each ratio are run in turns, so that a drift of the machine's speed cancels.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from napari_unet.core.augment import sampling_positions, vary_grey_values
from napari_unet.core.classes import describe_classes
from napari_unet.core.config import PRESETS, PresetName, TrainSettings
from napari_unet.core.dataset import make_dataset
from napari_unet.core.device import computing, describe, fast_dtype, pick_device
from napari_unet.core.header import ModelHeader
from napari_unet.core.losses import weighted_cross_entropy
from napari_unet.core.model import Model
from napari_unet.core.patches import PatchSource
from napari_unet.core.prediction import predict_tiles
from napari_unet.core.run import Run
from napari_unet.core.tiling import input_side, output_side
from napari_unet.core.unet import UNet

SIDE = 2048
TILES = (256, 384, 512, 768, 1024, 2048)


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
    state = UNet(config).state_dict()
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
    network = UNet(config).to(device).to(memory_format=torch.channels_last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
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

    run = Run(dataset, settings, None, start=time.monotonic())

    side = fixed.images.shape[-1]

    def augment() -> None:
        sampling_positions(generator, recipe.batch, side, elastic=10.0)
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
        f"\nratio {ratio:.2f} (goal: at most 1.25), augmentation {share:.1%} (goal: at most 10 %)"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--side", type=int, default=SIDE)
    parser.add_argument("--preset", choices=tuple(PRESETS), nargs="+", default=["compact"])
    options = parser.parse_args()
    for preset in options.preset:
        training_step(preset, rounds=4 * options.rounds)
        for fast in (False, True):
            prediction(preset, options.side, options.rounds, fast=fast)


if __name__ == "__main__":
    main()
