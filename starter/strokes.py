"""Strokes as a person paints them: few, short, thin, and each inside its class."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

UNPAINTED = 0


def strokes(rng: np.random.Generator, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Paint one to four strokes of each class that the labels show.

    Some follow the middle of a region, some wander, some keep close to a border as corrections do.

    Parameters
    ----------
    rng : numpy.random.Generator
    labels : ndarray, (side, side), uint8
        Class index of each pixel.
    n_classes : int

    Returns
    -------
    ndarray, (side, side), uint8
        0 unpainted, k + 1 painted as class k.
    """
    painted = np.full(labels.shape, UNPAINTED, np.uint8)
    for index in range(n_classes):
        inside = labels == index
        if not inside.any():
            continue
        depth = _depth(inside)
        mask = np.zeros(labels.shape, bool)
        for _ in range(rng.integers(1, 5)):
            _stroke(rng, mask, depth)
        painted[mask & inside] = index + 1
    return painted


def correct(rng: np.random.Generator, area: np.ndarray) -> np.ndarray:
    """Return where one stroke along an area, (side, side) bool, goes; it may reach out of it."""
    mask = np.zeros(area.shape, bool)
    _stroke(rng, mask, _depth(area))
    return mask


def _depth(area: np.ndarray) -> np.ndarray:
    return ndimage.distance_transform_cdt(np.pad(area, 1), "chessboard")[1:-1, 1:-1]


def _stroke(rng: np.random.Generator, mask: np.ndarray, depth: np.ndarray) -> None:
    manner = rng.choice(["middle", "anywhere", "border"], p=[0.45, 0.3, 0.25])
    row, column = _start(rng, depth, manner)
    wanted = float(depth[row, column])
    width = int(rng.integers(2, 6))
    heading = rng.uniform(0, 2 * np.pi)
    place = np.array([row, column], float)
    for _ in range(int(rng.integers(10, 51))):
        row, column = np.rint(place).astype(int)
        top, left = max(0, row - width // 2), max(0, column - width // 2)
        mask[top : row - width // 2 + width, left : column - width // 2 + width] = True
        turns = heading + np.array([0, 0.35, -0.35, 0.8, -0.8, 1.5, -1.5])
        nexts = place + np.stack([np.sin(turns), np.cos(turns)], axis=-1)
        cells = np.rint(nexts).astype(int)
        found = np.zeros(len(turns))
        valid = ((cells >= 0) & (cells < mask.shape)).all(axis=1)
        found[valid] = depth[cells[valid, 0], cells[valid, 1]]
        if not found.any():
            return
        liking = rng.normal(0, 0.3, len(turns)) - 0.9 * np.abs(turns - heading)
        if manner == "middle":
            # Past that depth all is middle: a stroke goes on there and does not curl up.
            liking += np.minimum(found, 0.7 * wanted)
        elif manner == "border":
            liking -= np.abs(found - wanted)
        liking[found == 0] = -np.inf
        best = int(liking.argmax())
        place, heading = nexts[best], turns[best] + rng.normal(0, 0.06)


def _start(rng: np.random.Generator, depth: np.ndarray, manner: str) -> tuple[int, int]:
    # Few places are compared, not all of them: a person too starts at whatever catches the eye.
    places = np.flatnonzero(depth)
    tried = places[rng.integers(0, len(places), 12)]
    found = depth.ravel()[tried]
    if manner == "middle":
        chosen = tried[int(found.argmax())]
    elif manner == "border":
        chosen = tried[int(np.abs(found - rng.integers(2, 5)).argmin())]
    else:
        chosen = tried[0]
    row, column = divmod(int(chosen), depth.shape[1])
    return row, column
