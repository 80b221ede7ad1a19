"""Merging, splitting and looking up objects by hand; pure functions of instance ids."""

from collections.abc import Iterable, Sequence

import numpy as np
from scipy.ndimage import find_objects
from skimage.measure import label
from skimage.segmentation import watershed

from napari_unet.core.objects.measure import Table
from napari_unet.core.objects.split_touching import InstanceSettings, Piece, split

Pixels = tuple[np.ndarray, ...]
_NECKS = (0.9, 0.95, 0.99, 0.999)  # from a clear waist to the slightest


def pixels_of(ids: np.ndarray, chosen: Iterable[int]) -> dict[int, Pixels]:
    """Return where objects are.

    Of (row, column) or (plane, row, column) ids, for each that is there the indices of its pixels,
    one array an axis, in raster order.
    """
    there = np.nonzero(mask_of(ids, chosen))
    values = ids[there]
    order = np.argsort(values, kind="stable")
    found, starts = np.unique(values[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {
        int(number): tuple(axis[part] for axis in there)
        for number, part in zip(found, parts, strict=False)
    }


def mask_of(ids: np.ndarray, chosen: Iterable[int]) -> np.ndarray:
    """Return where the objects with these ids are, bool of the ids' shape."""
    wanted = np.unique(np.fromiter(chosen, np.int64))
    wanted = wanted[wanted > 0]
    if len(wanted) == 1:
        return ids == wanted[0]
    largest = int(ids.max(initial=0))
    if largest > ids.size:  # a table of all ids would take more than the image
        return np.isin(ids, wanted)
    table = np.zeros(largest + 1, bool)
    table[wanted[wanted <= largest]] = True
    return table[ids]


def box_around(mask: np.ndarray, margin: int = 1) -> tuple[slice, ...] | None:
    """Return the box of a mask, wider by a margin where there is room; ``None`` of an empty one."""
    spans = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        there = np.flatnonzero(mask.any(axis=others))
        if not len(there):
            return None
        start, stop = int(there[0]) - margin, int(there[-1]) + 1 + margin
        spans.append(slice(max(0, start), min(stop, mask.shape[axis])))
    return tuple(spans)


def boxes_of(ids: np.ndarray) -> dict[int, tuple[slice, ...]]:
    """Return the box of each object, in one pass however many there are."""
    if ids.max(initial=0) > ids.size:  # a list of all ids would take more than the image
        values, dense = np.unique(ids, return_inverse=True)
        found = find_objects(dense.reshape(ids.shape))
        return {int(values[n]): box for n, box in enumerate(found, start=1) if values[n] > 0}
    return {n: box for n, box in enumerate(find_objects(ids), start=1) if box is not None}


def hull_of(boxes: Iterable[tuple[slice, ...]], shape: Sequence[int]) -> tuple[slice, ...]:
    """Return the box of some boxes, wider by a pixel where there is room."""
    return tuple(
        slice(max(0, min(s.start for s in spans) - 1), min(max(s.stop for s in spans) + 1, length))
        for spans, length in zip(zip(*boxes, strict=True), shape, strict=True)
    )


def split_cell(
    mask: np.ndarray, probability: np.ndarray | None, spacing: Sequence[float] | None = None
) -> np.ndarray:
    """Cut one object in two.

    What is not connected comes apart, into as many as there are. Else it is cut at its narrowest
    place, see :func:`objects.split_touching.split`, with a neck that is wider each time; an object
    without any is cut across its long axis. The mask has at least two pixels, (row, column) or
    (plane, row, column); the foreground probability is of its shape, if it is known. Gives int32: 0
    outside, parts from 1 on, the largest first.
    """
    pieces = label(mask, connectivity=1)
    if pieces.max() > 1:
        return _largest_first(pieces)
    sizes = np.ones(mask.ndim) if spacing is None else np.array(spacing) / min(spacing)
    known = np.ones(mask.shape, np.float32) if probability is None else probability
    smallest = max(1, int(mask.sum()) // 20)
    for neck in _NECKS:
        settings = InstanceSettings(neck=neck, smallest=smallest)
        (parts,) = split([Piece(mask, known)], settings, sizes.tolist())
        if parts.max() > 1:
            return _two(_largest_first(parts), mask)
    return _halves(mask, sizes)


def _two(parts: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Give all parts but the two largest to those, from neighbour to neighbour."""
    if parts.max() == 2:
        return parts
    flat = np.zeros(mask.shape, np.float32)
    return _largest_first(watershed(flat, np.where(parts < 3, parts, 0), mask=mask))


def _halves(mask: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    places = np.argwhere(mask)
    centred = (places - places.mean(axis=0)) * sizes
    _, axes = np.linalg.eigh(centred.T @ centred)
    along = centred @ axes[:, -1]
    first = np.zeros(len(along), bool)
    first[np.argsort(along, kind="stable")[: len(along) // 2]] = True
    parts = np.zeros(mask.shape, np.int32)
    parts[tuple(places.T)] = np.where(first, 2, 1)
    return parts


def _largest_first(parts: np.ndarray) -> np.ndarray:
    sizes = np.bincount(parts.ravel())
    sizes[0] = 0
    order = np.argsort(-sizes[1:], kind="stable") + 1
    ranks = np.zeros(len(sizes), np.int32)
    ranks[order] = np.arange(1, len(sizes))
    return ranks[parts]


def moved(table: Table, offsets: Sequence[float]) -> Table:
    """Return measurements of a part of an image as of the whole.

    ``offsets`` say where the part begins along each axis, in the table's unit.
    """
    names = ("plane", "row", "column")[3 - len(offsets) :]
    steps = {f"{name} (": offset for name, offset in zip(names, offsets, strict=True)}
    return {
        name: column + next((step for start, step in steps.items() if name.startswith(start)), 0)
        for name, column in table.items()
    }
