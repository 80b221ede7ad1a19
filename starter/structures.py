"""The shapes that scenes are made of: blobs, curves and sheets of cells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from starter.textures import smooth_noise

Mapping = tuple[int, ...]


@dataclass(frozen=True)
class Drawing:
    """The truth of one image, before it has any grey value.

    Parameters
    ----------
    parts : ndarray, (side, side), uint8
        What each pixel is made of; several parts may be of one class.
    objects : ndarray, (side, side), int32
        Number of the object at each pixel, 0 where there is none.
    height : ndarray, (side, side), float32
        Thickness: 0 at the edge of objects and outside, up to 1 inside.
    binary, ternary : tuple of tuple of int
        The class of each part, in each way in which a person may ask for two or three classes.
        The first part of a class is its typical one, further ones are look-alikes of other classes.
    look : str
        "any", "relief", "halo" or "equal" (classes differ by their edges more than by grey).
    """

    parts: np.ndarray
    objects: np.ndarray
    height: np.ndarray
    binary: tuple[Mapping, ...]
    ternary: tuple[Mapping, ...] = ()
    look: str = "any"


@dataclass(frozen=True)
class Shape:
    """A family of blobs.

    Parameters
    ----------
    radius : float
        Typical radius in pixels.
    spread : float
        Standard deviation of the logarithm of the radius.
    stretch : float
        Largest ratio of length to width.
    wobble : float
        Irregularity of the outline, relative to the radius.
    bend : float
        Curvature of the long axis.
    power : float
        2 for ellipses, more for rods with straight sides.
    corners : int
        Number of corners of a polygon, 0 for a round outline.
    """

    radius: float
    spread: float = 0.2
    stretch: float = 1.5
    wobble: float = 0.08
    bend: float = 0.0
    power: float = 2.0
    corners: int = 0


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw a number whose logarithm is uniform."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def scatter(
    rng: np.random.Generator, side: int, spacing: float, kept: float = 0.7, clumping: float = 0.0
) -> np.ndarray:
    """Places about `spacing` pixels apart, in clumps where asked.

    Returns
    -------
    ndarray, (n, 2), float64
        Row and column; at least one, at most 160 places.
    """
    spacing = max(spacing, side / 12)
    lines = np.arange(-0.5 * spacing, side + spacing, spacing)
    places = np.stack(np.meshgrid(lines, lines, indexing="ij"), axis=-1).reshape(-1, 2)
    places[:, 1] += np.where(np.arange(len(places)) // len(lines) % 2, 0.5 * spacing, 0)
    places += rng.uniform(-0.5, 0.5, size=places.shape) * spacing + rng.uniform(0, spacing, 2)
    chance = np.full(len(places), float(kept))
    if clumping > 0:
        hills = smooth_noise(rng, side, 0.4 * side)
        inside = np.clip(places, 0, side - 1).astype(int)
        chance *= np.clip(1 + clumping * 1.5 * hills[inside[:, 0], inside[:, 1]], 0, 1.4)
    chosen = places[rng.random(len(places)) < chance]
    return chosen if len(chosen) else rng.uniform(0.3, 0.7, (1, 2)) * side


def _nearness(
    rng: np.random.Generator, rows: np.ndarray, columns: np.ndarray, radius: float, shape: Shape
) -> np.ndarray:
    turn, share = rng.uniform(0, 2 * np.pi), rng.random()
    root = np.sqrt(1 + (shape.stretch - 1) * share)
    along = (np.cos(turn) * rows + np.sin(turn) * columns) / (radius * root)
    across = (np.cos(turn) * columns - np.sin(turn) * rows) * root / radius
    if shape.bend:
        across = across + shape.bend * rng.standard_normal() * (along**2 - 0.3) * root
    if shape.corners:
        angles = np.arange(shape.corners) * 2 * np.pi / shape.corners
        angles = angles + rng.uniform(-0.3, 0.3, shape.corners)
        sides = rng.uniform(0.65, 1, shape.corners)
        return np.max(
            [
                (along * np.cos(a) + across * np.sin(a)) / d
                for a, d in zip(angles, sides, strict=True)
            ],
            axis=0,
        )
    if shape.power > 2:
        power = shape.power
        return (np.abs(along) ** power + np.abs(across) ** power) ** (1 / power)
    nearness = np.hypot(along, across)
    if shape.wobble:
        theta = np.arctan2(across, along)
        outline = np.ones_like(theta)
        for mode in (2, 3, 5, 7):
            size = shape.wobble * rng.standard_normal() * (2 / mode) ** 0.7
            outline += size * np.cos(mode * theta + rng.uniform(0, 2 * np.pi))
        nearness = nearness / np.clip(outline, 0.35, 1.9)
    return nearness


def blobs(
    rng: np.random.Generator, side: int, centres: np.ndarray, shape: Shape
) -> tuple[np.ndarray, np.ndarray]:
    """Draw blobs; where two meet, each pixel goes to the one in which it lies deeper.

    Returns
    -------
    objects : ndarray, (side, side), int32
        Number of the blob, from 1 in the order of `centres`.
    nearness : ndarray, (side, side), float32
        0 in the middle of a blob, 1 at its edge and everywhere outside.
    """
    objects = np.zeros((side, side), np.int32)
    nearness = np.ones((side, side), np.float32)
    radii = shape.radius * np.exp(shape.spread * rng.standard_normal(len(centres)))
    radii = np.clip(radii, 1.3, 70)
    for number, ((row, column), radius) in enumerate(zip(centres, radii, strict=True), start=1):
        reach = int(radius * (np.sqrt(shape.stretch) + 2 * shape.wobble + abs(shape.bend))) + 2
        top, left = max(0, int(row) - reach), max(0, int(column) - reach)
        bottom, right = min(side, int(row) + reach + 1), min(side, int(column) + reach + 1)
        if bottom <= top or right <= left:
            continue
        rows = np.arange(top, bottom, dtype=np.float32)[:, None] - np.float32(row)
        columns = np.arange(left, right, dtype=np.float32)[None, :] - np.float32(column)
        near = _nearness(rng, rows, columns, float(radius), shape)
        window = nearness[top:bottom, left:right]
        deeper = near < window
        window[deeper] = near[deeper]
        objects[top:bottom, left:right][deeper] = number
    return objects, nearness


def wander(
    rng: np.random.Generator, start: np.ndarray, angle: float, length: int, curl: float
) -> np.ndarray:
    """Places one pixel apart along a smooth random curve.

    Parameters
    ----------
    start : ndarray, (2,)
        Row and column.
    angle : float
        First direction in radians.
    length : int
        Pixels.
    curl : float
        Standard deviation of the change of direction in radians a pixel.

    Returns
    -------
    ndarray, (length, 2), float64
    """
    turns = np.convolve(rng.standard_normal(length + 8), np.ones(9) / 3, mode="valid")
    angles = angle + curl * np.cumsum(turns)
    steps = np.stack([np.sin(angles), np.cos(angles)], axis=-1)
    return start + np.cumsum(steps, axis=0)


def curves(
    side: int, paths: list[np.ndarray], half_widths: list[np.ndarray]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw curves of varying width.

    Returns
    -------
    objects : ndarray, (side, side), int32
        Number of the curve, from 1, 0 outside.
    nearness : ndarray, (side, side), float32
        0 along the middle, 1 at the edge and outside.
    half_width : ndarray, (side, side), float32
        Of the nearest curve.
    """
    places = np.rint(np.concatenate(paths)).astype(int)
    widths = np.concatenate(half_widths).astype(np.float32)
    numbers = np.repeat(np.arange(1, len(paths) + 1), [len(path) for path in paths])
    inside = ((places >= 0) & (places < side)).all(axis=1)
    if not inside.any():
        blank = np.ones((side, side), np.float32)
        return np.zeros((side, side), np.int32), blank, blank
    rows, columns = places[inside].T
    centre = np.zeros((side, side), np.int32)
    width_at = np.zeros((side, side), np.float32)
    centre[rows, columns] = numbers[inside]
    width_at[rows, columns] = widths[inside]
    distance, nearest = ndimage.distance_transform_edt(centre == 0, return_indices=True)
    half_width = width_at[tuple(nearest)]
    nearness = np.minimum(distance.astype(np.float32) / half_width, 1)
    return np.where(nearness < 1, centre[tuple(nearest)], 0), nearness, half_width


def sheet(
    rng: np.random.Generator, side: int, spacing: float, disorder: float, warp: float
) -> tuple[np.ndarray, np.ndarray]:
    """Cells that fill the image: Voronoi regions of scattered seeds, then warped.

    Parameters
    ----------
    spacing : float
        Typical distance of neighbours in pixels.
    disorder : float
        0 for a honeycomb, 1 and more for seeds anywhere.
    warp : float
        Largest displacement of the borders in pixels, about.

    Returns
    -------
    objects : ndarray, (side, side), int32
        Number of the cell, from 1.
    distance : ndarray, (side, side), float32
        Pixels to the nearest border.
    """
    pad = 14
    full = side + 2 * pad
    lines = np.arange(0, full + spacing, spacing)
    seeds = np.stack(np.meshgrid(lines, lines, indexing="ij"), axis=-1)
    seeds[1::2, :, 1] += 0.5 * spacing
    seeds = seeds.reshape(-1, 2) + disorder * spacing * rng.uniform(-0.6, 0.6, (seeds.size // 2, 2))
    rows, columns = np.clip(np.rint(seeds), 0, full - 1).astype(int).T
    if disorder > 0.8:
        kept = rng.random(len(rows)) < 0.6
        kept[0] = True
        rows, columns = rows[kept], columns[kept]
    numbers = np.zeros((full, full), np.int32)
    numbers[rows, columns] = np.arange(1, len(rows) + 1)
    nearest = ndimage.distance_transform_edt(
        numbers == 0, return_distances=False, return_indices=True
    )
    cells = numbers[tuple(nearest)]
    border = np.zeros(cells.shape, bool)
    border[:-1] |= cells[:-1] != cells[1:]
    border[:, :-1] |= cells[:, :-1] != cells[:, 1:]
    distance = ndimage.distance_transform_edt(~border).astype(np.float32)
    grid = np.mgrid[pad : pad + side, pad : pad + side].astype(np.float32)
    scale = max(8.0, spacing * 0.6)
    grid[0] += warp * smooth_noise(rng, side, scale)
    grid[1] += warp * smooth_noise(rng, side, scale)
    grid = np.clip(grid, 0, full - 1)
    rows, columns = np.rint(grid).astype(int)
    return cells[rows, columns], ndimage.map_coordinates(distance, grid, order=1)
