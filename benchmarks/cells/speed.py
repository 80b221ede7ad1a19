"""How long a large image takes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from scipy import ndimage

from napari_unet.core.objects.label_instances import label_instances
from napari_unet.core.objects.measure import measure

_Result = TypeVar("_Result")
_GOALS = {"instances": 20, "measurements": 10}


def many_cells(side: int, a_row: int, rng: np.random.Generator) -> np.ndarray:
    """Draw discs on a jittered grid, many of which touch, and blur them.

    Returns
    -------
    ndarray
        (2, side, side) float32 probabilities of background and cells.
    """
    step = side / a_row
    mask = np.zeros((side, side), np.float32)
    for row in range(a_row):
        for column in range(a_row):
            y, x = (np.array([row, column]) + rng.uniform(0.4, 0.6, 2)) * step
            radius = rng.uniform(0.3, 0.5) * step
            box = tuple(
                slice(max(0, int(c - radius)), min(side, int(c + radius) + 2)) for c in (y, x)
            )
            rows, columns = np.ogrid[box]
            mask[box][np.hypot(rows - y, columns - x) < radius] = 1
    cells = ndimage.gaussian_filter(mask, 1.0)
    return np.stack([1 - cells, cells])


def speed_lines(side: int = 4096, a_row: int = 100, seed: int = 0) -> list[str]:
    """Measure once and return a Markdown table."""
    rng = np.random.default_rng(seed)
    probabilities = many_cells(side, a_row, rng)
    image = rng.normal(size=(side, side)).astype(np.float32)
    ids, *instances = _timed(lambda: np.asarray(label_instances(probabilities)))
    chunked, *in_chunks = _timed(lambda: np.asarray(label_instances(probabilities, chunk=1024)))
    _, *measured = _timed(lambda: measure(ids, image))
    rows = {
        "instances": instances,
        "instances, chunks of 1024": in_chunks,
        "measurements": measured,
    }
    lines = [
        f"{side} x {side}, {a_row**2:,} cells drawn, {ids.max():,} found, "
        f"{chunked.max():,} in chunks:",
        "",
        "| | wall, s | processor, s | goal, s |",
        "|---|---|---|---|",
    ]
    for name, (wall, processor) in rows.items():
        goal = _GOALS.get(name.split(",")[0], "")
        lines.append(f"| {name} | {wall:.1f} | {processor:.1f} | {goal} |")
    return lines


def _timed(run: Callable[[], _Result]) -> tuple[_Result, float, float]:
    wall, processor = time.perf_counter(), time.process_time()
    result = run()
    return result, time.perf_counter() - wall, time.process_time() - processor
