"""Writing OME-Zarr 0.5 (ngff.openmicroscopy.org/0.5), level by level and chunk by chunk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from napari_unet.core.io.optional import needed
from napari_unet.core.io.result import NAMESPACE, Result
from napari_unet.errors import Stopped

_COARSEST = 1024  # pixels; a pyramid ends where a plane is not larger
_TYPES = {"T": "time", "C": "channel"}


@contextmanager
def write_zarr(
    path: Path, result: Result, stop: Callable[[], bool] = lambda: False
) -> Iterator[Any]:
    """Give the finest level to write into; then make the coarser ones and describe them.

    Each level has half the rows and columns of the one before: of ids every second pixel, of
    probabilities the mean of 2 x 2. Before each chunk of the coarser ones it is asked whether to
    stop.
    """
    zarr = needed("zarr", "zarr", "writing the result as OME-Zarr")
    group = zarr.open_group(str(path), mode="w", zarr_format=3)
    finest = _new_level(group, 0, result, result.shape)
    yield finest
    levels = [finest]
    while max(levels[-1].shape[-2:]) > _COARSEST:
        levels.append(_coarser(group, levels[-1], len(levels), result, stop))
    group.attrs.update(_described(result, len(levels)))


def _new_level(group: Any, number: int, result: Result, shape: tuple[int, ...]) -> Any:
    wanted = (*[1] * (len(shape) - len(result.chunk)), *result.chunk)
    return group.create_array(
        str(number),
        shape=shape,
        chunks=tuple(min(pair) for pair in zip(wanted, shape, strict=True)),
        dtype=result.dtype,
        fill_value=0,
        dimension_names=[letter.lower() for letter in result.axes],
    )


def _coarser(group: Any, finer: Any, number: int, result: Result, stop: Callable[[], bool]) -> Any:
    """Write the next level, a chunk at a time."""
    shape = (*finer.shape[:-2], *(-(-size // 2) for size in finer.shape[-2:]))
    level = _new_level(group, number, result, shape)
    steps = zip(shape, level.chunks, strict=True)
    for corner in product(*(range(0, size, step) for size, step in steps)):
        if stop():
            raise Stopped
        *lead, rows, columns = (
            slice(start, min(start + step, size))
            for start, step, size in zip(corner, level.chunks, shape, strict=True)
        )
        twice = (slice(2 * part.start, 2 * part.stop) for part in (rows, columns))
        level[(*lead, rows, columns)] = _halved(finer[(*lead, *twice)])
    return level


def _halved(part: np.ndarray) -> np.ndarray:
    """Return (..., Y, X) pixels at half the size: every second id, the mean of probabilities."""
    if part.dtype.kind != "f":
        return part[..., ::2, ::2]
    *lead, height, width = part.shape
    pads = [(0, 0)] * len(lead) + [(0, height % 2), (0, width % 2)]
    even = np.pad(part, pads, mode="edge")
    quarters = even.reshape(*lead, -(-height // 2), 2, -(-width // 2), 2)
    return quarters.mean(axis=(-3, -1), dtype=np.float32)


def _described(result: Result, levels: int) -> dict[str, Any]:
    """Return the attributes of the group."""
    axes = []
    for letter in result.axes:
        entry = {"name": letter.lower(), "type": _TYPES.get(letter, "space")}
        if letter in result.units and letter in result.pixel_size:
            entry["unit"] = result.units[letter]
        axes.append(entry)
    image = {
        "name": result.name,
        "axes": axes,
        "datasets": [_dataset(result, number) for number in range(levels)],
    }
    ome: dict[str, Any] = {"version": "0.5", "multiscales": [image]}
    if result.dtype.kind != "f":
        ome["image-label"] = {"version": "0.5"}
    if result.dtype.kind != "f" and result.classes:
        ome["image-label"]["colors"] = [
            {"label-value": c.id, "rgba": [*bytes.fromhex(c.color[1:]), 255]}
            for c in result.classes
        ]
    return {"ome": ome, NAMESPACE: result.meaning}


def _dataset(result: Result, number: int) -> dict[str, Any]:
    """Describe a level; the first pixel's centre of a mean lies between those of its pixels."""
    factor = 2.0**number
    sizes = [result.pixel_size.get(letter, 1.0) for letter in result.axes]
    scale = [*sizes[:-2], *(size * factor for size in sizes[-2:])]
    transformations: list[dict[str, Any]] = [{"type": "scale", "scale": scale}]
    if number and result.dtype.kind == "f":
        shift = [*[0.0] * (len(sizes) - 2), *(size * (factor - 1) / 2 for size in sizes[-2:])]
        transformations.append({"type": "translation", "translation": shift})
    return {"path": str(number), "coordinateTransformations": transformations}
