"""Measurements of objects: one row an object, units in the columns' names."""

import csv
import io
import os
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import marching_cubes, mesh_surface_area, regionprops_table

from napari_unet.core.io.atomic import write_whole
from napari_unet.core.labels.check_labels import check_labels
from napari_unet.errors import InvalidInput

Table = dict[str, np.ndarray]
_AXES = ("plane", "row", "column")


def measure(
    labels: np.ndarray,
    image: np.ndarray | None = None,
    *,
    pixel_size: Sequence[float] | None = None,
    unit: str | None = None,
    classes: np.ndarray | None = None,
) -> Table:
    """Measure each object of an image.

    Labels are (row, column) or (plane, row, column) ids, 0 for background; the image is of their
    shape, or with one axis of channels more, at the end or at the beginning; an object has the
    class that most of its pixels have. Without a pixel size along each axis it measures in pixels.
    Columns are of equal length, in ascending order of ``id``:

    - ``id``, and ``class`` if given;
    - ``area`` in 2D or ``volume`` in 3D;
    - ``plane``, ``row`` and ``column`` of the centroid, from the centre of the first pixel;
    - ``equivalent diameter`` of the disc or ball of that size, ``major axis`` and ``minor
      axis`` of the ellipse or ellipsoid with the same second moments;
    - ``eccentricity`` of that ellipse, 2D only; ``solidity``, the share that the object has
      of the convex hull of its pixels' corners;
    - ``perimeter`` in 2D if pixels are square (after Benkrid and Crookes, 2000), ``surface``
      of the mesh of marching cubes (Lorensen and Cline, SIGGRAPH 1987) in 3D;
    - ``mean``, ``min``, ``max`` and ``std`` of each channel's intensity.

    Lengths, areas and volumes have their unit behind the name, as in ``area (µm²)``.
    """
    labels = check_labels(labels)
    size = _pixel_size(labels, pixel_size)
    channels = _channels(image, labels)
    if classes is not None and np.shape(classes) != labels.shape:
        raise InvalidInput(
            f"the classes have the shape {np.shape(classes)} and the objects {labels.shape}; give "
            "the classes of the same image."
        )
    ids, dense = _without_gaps(labels)
    table: Table = {"id": ids[1:]}
    if classes is not None:
        table["class"] = _majority(dense, np.asarray(classes))
    table |= _shapes(dense, size, "px" if pixel_size is None else (unit or "units"))
    for number, channel in enumerate(channels, start=1):
        name = "intensity" if len(channels) == 1 else f"intensity {number}"
        table |= {f"{name} {what}": v for what, v in _intensities(dense, channel, len(ids)).items()}
    return table


def write_csv(path: str | os.PathLike[str], table: Mapping[str, np.ndarray]) -> None:
    """Write a table as CSV: UTF-8, commas, points in numbers, units in the header.

    A field is empty where there is no number.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table)
    columns = (np.asarray(column).tolist() for column in table.values())
    for row in zip(*columns, strict=True):
        writer.writerow("" if value != value else value for value in row)
    write_whole(Path(path), text.getvalue().encode())


def _without_gaps(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids, 0 first, and which of them each pixel has, int32.

    The time and memory of regionprops grow with the largest id, which may be any.
    """
    if labels.max(initial=0) <= labels.size:  # a table is several times faster than sorting
        index = labels.astype(np.intp, copy=False)
        there = np.bincount(index.ravel(), minlength=1) > 0
        there[0] = True
        ids = np.flatnonzero(there)
        return ids, (np.cumsum(there, dtype=np.int32) - 1)[index]
    ids, ranks = np.unique(np.append(labels.ravel(), labels.dtype.type(0)), return_inverse=True)
    return ids.astype(np.int64), ranks[:-1].reshape(labels.shape).astype(np.int32)


def _shapes(dense: np.ndarray, size: tuple[float, ...], unit: str) -> Table:
    flat = dense.ndim == 2
    square = len(set(size)) == 1
    names = ["area", "centroid", "equivalent_diameter_area", "inertia_tensor_eigvals"]
    names += ["perimeter"] if flat and square else []
    found = regionprops_table(dense, properties=names, spacing=size)
    moments = np.stack([found[f"inertia_tensor_eigvals-{i}"] for i in range(dense.ndim)])
    table: Table = {f"area ({unit}²)" if flat else f"volume ({unit}³)": found["area"]}
    for i, axis in enumerate(_AXES[3 - dense.ndim :]):
        table[f"{axis} ({unit})"] = found[f"centroid-{i}"]
    table[f"equivalent diameter ({unit})"] = found["equivalent_diameter_area"]
    table[f"major axis ({unit})"], table[f"minor axis ({unit})"] = _axes(moments)
    if flat:
        table["eccentricity"] = _eccentricity(moments)
    table["solidity"] = _solidities(dense)
    if flat and square:
        table[f"perimeter ({unit})"] = found["perimeter"]
    if not flat:
        table[f"surface ({unit}²)"] = _surfaces(dense, size)
    return table


def _axes(moments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the longest and shortest axis from (axis, object) eigenvalues, largest first.

    The inertia of an ellipse with semi-axes a and b has the eigenvalues a^2 / 4 and b^2 / 4, that
    of an ellipsoid (b^2 + c^2) / 5 and so on. Flat objects round to slightly negative squares.
    """
    if len(moments) == 2:
        squares = 16 * moments
        return np.sqrt(np.maximum(squares[0], 0)), np.sqrt(np.maximum(squares[1], 0))
    longest = 10 * (moments[0] + moments[1] - moments[2])
    shortest = 10 * (moments[1] + moments[2] - moments[0])
    return np.sqrt(np.maximum(longest, 0)), np.sqrt(np.maximum(shortest, 0))


def _eccentricity(moments: np.ndarray) -> np.ndarray:
    """Return 0 for a disc, towards 1 for a line; 0 for a single pixel."""
    largest = np.where(moments[0] > 0, moments[0], 1)
    ratio = np.where(moments[0] > 0, moments[1] / largest, 1)
    return np.sqrt(np.clip(1 - ratio, 0, 1))


def _solidities(dense: np.ndarray) -> np.ndarray:
    """Return each object's share of its convex hull; pixels have corners, so no hull is flat."""
    shares = []
    corners = np.array(list(product((0, 1), repeat=dense.ndim)))
    for number, box in enumerate(ndimage.find_objects(dense), start=1):
        mask = dense[box] == number
        lines = np.stack(np.nonzero(mask.any(axis=-1)), axis=1)
        inside = mask[tuple(lines.T)]
        ends = inside.argmax(axis=1), mask.shape[-1] - 1 - inside[:, ::-1].argmax(axis=1)
        pixels = np.concatenate([np.column_stack([lines, end]) for end in ends])
        points = (pixels[:, None] + corners).reshape(-1, dense.ndim)
        shares.append(np.count_nonzero(mask) / ConvexHull(points).volume)
    return np.array(shares, float)


def _surfaces(dense: np.ndarray, size: tuple[float, ...]) -> np.ndarray:
    areas = []
    for number, box in enumerate(ndimage.find_objects(dense), start=1):
        mask = np.pad(dense[box] == number, 1).astype(np.float32)
        vertices, faces, _, _ = marching_cubes(mask, 0.5, spacing=size)
        areas.append(mesh_surface_area(vertices, faces))
    return np.array(areas, float)


def _intensities(dense: np.ndarray, channel: np.ndarray, count: int) -> Table:
    """Return what there is to say of one channel; entry 0, the background, is left out.

    Pixels that are not finite were not imaged; NaN where no pixel of an object was.
    """
    inside = (dense > 0) & np.isfinite(channel)
    numbers, values = dense[inside], channel[inside].astype(np.float64)
    seen = np.bincount(numbers, minlength=count)
    pixels = np.where(seen, seen, np.nan)
    mean = np.bincount(numbers, weights=values, minlength=count) / pixels
    squares = np.bincount(numbers, weights=(values - mean[numbers]) ** 2, minlength=count)
    low, high = np.where(seen, np.inf, np.nan), np.where(seen, -np.inf, np.nan)
    np.minimum.at(low, numbers, values)
    np.maximum.at(high, numbers, values)
    found = {"mean": mean, "min": low, "max": high, "std": np.sqrt(squares / pixels)}
    return {name: values[1:] for name, values in found.items()}


def _majority(dense: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Return the most frequent class of each object, the lowest of equals."""
    inside = dense > 0
    ids, ranks = np.unique(classes[inside], return_inverse=True)
    pairs, pixels = np.unique(
        dense[inside].astype(np.int64) * max(len(ids), 1) + ranks, return_counts=True
    )
    numbers, ranks = np.divmod(pairs, max(len(ids), 1))
    order = np.lexsort((ranks, -pixels, numbers))
    _, first = np.unique(numbers[order], return_index=True)
    return ids[ranks[order][first]]


def _pixel_size(labels: np.ndarray, pixel_size: Sequence[float] | None) -> tuple[float, ...]:
    if labels.ndim not in (2, 3):
        raise InvalidInput(f"labels have {labels.ndim} axes; measure one image, 2D or 3D.")
    size = tuple(float(s) for s in pixel_size) if pixel_size is not None else (1.0,) * labels.ndim
    if len(size) != labels.ndim or not all(0 < s < np.inf for s in size):
        raise InvalidInput(
            f"the pixel size {size} does not fit; give {labels.ndim} positive numbers."
        )
    return size


def _channels(image: np.ndarray | None, labels: np.ndarray) -> list[np.ndarray]:
    if image is None:
        return []
    if image.shape == labels.shape:
        return [image]
    if image.shape[:-1] == labels.shape:
        return list(np.moveaxis(image, -1, 0))
    if image.shape[1:] == labels.shape:
        return list(image)
    raise InvalidInput(
        f"the image has the shape {image.shape} and the objects {labels.shape}; give the image "
        "that they were found in."
    )
