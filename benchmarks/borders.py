"""Border weights: ours against one distance transform for each object.

Run as ``python -m benchmarks.borders``. All images are made here; nothing is read from disk.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.labels.border_weights import border_weights, separate_touching

Labels = npt.NDArray[np.int32]


def plain_border_weights(instances: Labels, w0: float = 10.0, sigma: float = 5.0) -> Any:
    """Equation 2 of the U-Net paper as it is written, keeping a running pair of distances."""
    first = np.full(instances.shape, np.inf)
    second = first.copy()
    for i in np.unique(instances[instances > 0]):
        distance = ndimage.distance_transform_edt(instances != i)
        np.minimum(second, np.maximum(first, distance), out=second)
        np.minimum(first, distance, out=first)
    return w0 * np.exp(-((first + second) ** 2) / (2 * sigma**2))


def random_objects(side: int, count: int, radius: float, rng: np.random.Generator) -> Labels:
    """Random Voronoi cells, cut at `radius` pixels from their seeds."""
    seeds = np.zeros((side, side), np.int32)
    seeds.flat[rng.choice(side * side, count, replace=False)] = np.arange(1, count + 1)
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    return np.where(distance <= radius, seeds[tuple(nearest)], 0).astype(np.int32)


def seconds(run: Callable[[], object], repeats: int) -> float:
    """Median wall time."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def compare(cases: list[tuple[str, Labels, float]], plain_repeats: int, repeats: int) -> None:
    print("| image | sigma | plain, s | ours, s | ratio | largest difference |")
    print("|---|---|---|---|---|---|")
    for name, instances, sigma in cases:
        plain = seconds(partial(plain_border_weights, instances, sigma=sigma), plain_repeats)
        ours = seconds(partial(border_weights, instances, sigma=sigma), repeats)
        expected = plain_border_weights(instances, sigma=sigma)
        difference = np.abs(border_weights(instances, sigma=sigma) - expected).max()
        print(
            f"| {name} | {sigma:g} | {plain:.2f} | {ours:.3f} | {plain / ours:.0f} "
            f"| {difference:.1e} |"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--plain-repeats", type=int, default=3)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    rng = np.random.default_rng(arguments.seed)

    cells = random_objects(1024, 300, 25, rng)
    diagonal = np.add.outer(np.arange(1024, dtype=np.int32), np.arange(1024, dtype=np.int32))
    worms = np.where(diagonal % 7 < 4, diagonal // 7 + 1, 0)  # bounding boxes span the image
    compare(
        [
            ("1024 x 1024, 300 objects", cells, 5.0),
            ("the same", cells, 50.0),
            (f"1024 x 1024, {worms.max()} diagonal worms", worms, 5.0),
        ],
        arguments.plain_repeats,
        arguments.repeats,
    )

    slices = [random_objects(512, 400, np.inf, rng) for _ in range(30)]
    total = seconds(lambda: [border_weights(s) for s in slices], arguments.plain_repeats)
    separated = seconds(
        lambda: [border_weights(separate_touching(s)) for s in slices], arguments.plain_repeats
    )
    print("\n30 images of 512 x 512 with 400 touching components each:")
    print(f"- weight maps: {total:.1f} s in total")
    print(f"- touching components separated, then weight maps: {separated:.1f} s in total")


if __name__ == "__main__":
    main()
