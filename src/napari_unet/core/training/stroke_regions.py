"""Which parts of a large plane have strokes, and what of it a training has to see."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np
from scipy import ndimage

from napari_unet.core.images.box import Tile
from napari_unet.core.network.config import PRESETS, PresetName

_CELL = 64  # a multiple of every network's strides, so that pieces are pooled as their plane is
_BLOCK = 2048  # what is looked at at a time
_LARGEST = 4096  # side of a piece, without its surroundings


def reach_of(preset: PresetName) -> int:
    """Return how far around a stroke the patches of a training see, in pixels, about.

    A patch is at most a quarter of its side off a stroke, turned, and scaled by 1.3 at most.
    """
    chosen = PRESETS[preset]
    return chosen.network(1, 2).margins[-1] + 2 * chosen.stroke_patch


def stroke_pieces(
    plane: Any,
    *,
    reach: int,
    within: Sequence[Tile] | None = None,
) -> list[tuple[Tile, np.ndarray]]:
    """Cut the surroundings of strokes out of the labels of a plane.

    Strokes whose surroundings meet stay together, up to 4096 px; a longer chain of them is cut. The
    plane is (Y, X) integer, any array or what is indexed like one, read in parts; ``reach`` are
    pixels around a stroke that belong to it, at least. Each painted pixel is in one of the boxes; 0
    where another has it.
    """
    shape = (int(plane.shape[0]), int(plane.shape[1]))
    painted = _painted_cells(plane, within)
    found = []
    for core, box in piece_boxes(painted, reach):
        rows, columns = _pixels(box, shape)
        labels = np.array(plane[slice(*rows), slice(*columns)])
        inside = _pixels(core, shape)
        ours = np.zeros(labels.shape, dtype=bool)
        ours[
            inside[0][0] - rows[0] : inside[0][1] - rows[0],
            inside[1][0] - columns[0] : inside[1][1] - columns[0],
        ] = True
        labels[~ours] = 0
        found.append((Tile(rows, columns), labels))
    return found


def piece_boxes(painted: np.ndarray, reach: int) -> list[tuple[Tile, Tile]]:
    """Return boxes that hold all painted cells and their surroundings.

    ``painted`` is (R, C) bool, which cells of 64 x 64 pixels have strokes. Gives, in cells: where a
    piece's strokes are, no two of which overlap, and that with the surroundings.
    """
    cells = -(-reach // _CELL)
    grown = ndimage.maximum_filter(painted, size=2 * cells + 1, mode="constant")
    parts, _ = ndimage.label(grown, structure=np.ones((3, 3)))
    boxes = [Tile(*((s.start, s.stop) for s in both)) for both in ndimage.find_objects(parts)]
    found = []
    for box in _merged(boxes):
        for part in _parts(box):
            at = np.argwhere(painted[part.slices])
            if len(at):
                low, high = at.min(axis=0), at.max(axis=0) + 1
                start = np.array([part.rows[0], part.columns[0]])
                core = [(int(a), int(b)) for a, b in zip(start + low, start + high, strict=True)]
                around = [
                    (max(0, a - cells), min(b + cells, n))
                    for (a, b), n in zip(core, painted.shape, strict=True)
                ]
                found.append((Tile(*core), Tile(*around)))
    return found


def _painted_cells(plane: Any, within: Sequence[Tile] | None) -> np.ndarray:
    shape = tuple(plane.shape)
    painted = np.zeros([-(-size // _CELL) for size in shape], dtype=bool)
    for block in _blocks(within if within is not None else [Tile.whole(shape)]):
        labels = np.asarray(plane[block.slices])
        if labels.any():
            rows, columns = np.nonzero(labels)
            painted[(rows + block.rows[0]) // _CELL, (columns + block.columns[0]) // _CELL] = True
    return painted


def _blocks(areas: Sequence[Tile]) -> Iterator[Tile]:
    for area in areas:
        for top in range(*area.rows, _BLOCK):
            for left in range(*area.columns, _BLOCK):
                yield Tile(
                    (top, min(top + _BLOCK, area.rows[1])),
                    (left, min(left + _BLOCK, area.columns[1])),
                )


def _pixels(box: Tile, shape: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = (
        (start * _CELL, min(stop * _CELL, size))
        for (start, stop), size in zip(box.ranges, shape, strict=True)
    )
    return rows, columns


def _merged(boxes: list[Tile]) -> list[Tile]:
    """Put boxes that overlap into one, until none do."""
    boxes = list(boxes)
    while (pair := next((p for p in combinations(boxes, 2) if _overlap(*p)), None)) is not None:
        one, other = pair
        boxes.remove(one)
        boxes.remove(other)
        boxes.append(
            Tile(
                *(
                    (min(a, c), max(b, d))
                    for (a, b), (c, d) in zip(one.ranges, other.ranges, strict=True)
                )
            )
        )
    return sorted(boxes, key=lambda box: box.ranges)


def _overlap(one: Tile, other: Tile) -> bool:
    pairs = zip(one.ranges, other.ranges, strict=True)
    return all(a < d and c < b for (a, b), (c, d) in pairs)


def _parts(box: Tile) -> Iterator[Tile]:
    """Cut a box of cells into equal parts that are not too large."""
    edges = []
    for start, stop in box.ranges:
        count = -(-(stop - start) * _CELL // _LARGEST)
        edges.append(np.linspace(start, stop, count + 1).round().astype(int).tolist())
    for rows in zip(edges[0][:-1], edges[0][1:], strict=True):
        for columns in zip(edges[1][:-1], edges[1][1:], strict=True):
            yield Tile(rows, columns)
