"""Objects from class probabilities, of images of any size."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from napari_unet.core.images.box import Box
from napari_unet.core.objects.components import (
    Components,
    Readable,
    Writable,
    chunks,
    find_components,
)
from napari_unet.core.objects.split_touching import InstanceSettings, Piece, split
from napari_unet.errors import InvalidInput

FindObjects = Callable[..., Writable]
"""Does what :func:`label_instances` does."""
DEFAULTS = InstanceSettings()
_TOGETHER = 2**21  # pixels of the pieces that are worked on together, unless one alone is larger
_WINDOW = 4096  # neighbours among which pieces of like size are looked for


def label_instances(
    probabilities: Readable,
    background: int | None = 0,
    settings: InstanceSettings = DEFAULTS,
    *,
    spacing: Sequence[float] | None = None,
    chunk: int | None = None,
    out: Writable | None = None,
) -> Writable:
    """Give each object its id.

    A pixel is foreground where the probabilities of all classes but the background sum to
    ``settings.threshold``, and of the most probable of these classes. Regions of one class that are
    connected by faces are found for the whole image; each is then cut into its cells in its own
    bounding box, see :func:`objects.split_touching.split`. So no object depends on the chunks,
    those on the borders of chunks included; with other chunks the same objects have other ids.
    Besides a chunk, memory holds the bounding box of the largest connected region.

    Probabilities are (K, row, column) or (K, plane, row, column) from 0 to 1, floating point, an
    array or anything that gives arrays for slices; NaN counts as background. ``background`` is a
    class's index, ``None`` if every class is of objects; ``spacing`` the size of a pixel along each
    axis, for widths; ``chunk`` the side in pixels of what is read at a time, ``None`` for
    everything at once. ``out``, or a new array, gets int32 ids from 1 without gaps, 0 for
    background. What makes no sense is refused.
    """
    shape = tuple(probabilities.shape[1:])
    sampling = _check(probabilities.shape, background, spacing, chunk)
    target: Writable = np.zeros(shape, np.int32) if out is None else out
    if tuple(target.shape) != shape:
        raise InvalidInput(
            f"the output has the shape {tuple(target.shape)} and the probabilities are of "
            f"{shape}; give one of the same shape."
        )
    foreground = [k for k in range(probabilities.shape[0]) if k != background]

    def read_classes(box: Box) -> np.ndarray:
        return class_map(probabilities[(slice(None), *box)], background, settings.threshold)

    components = find_components(read_classes, target, chunk)
    wanted = components.sizes >= settings.smallest
    # A part that stays too small is given back, so that two need twice the smallest size.
    may_be_cut = (components.sizes >= 2 * settings.smallest) & (settings.neck > 0)
    wanted[0] = may_be_cut[0] = False
    whole = np.zeros(len(wanted), np.int32)  # ids of components that stay in one piece
    uncut = wanted & ~may_be_cut
    if not settings.border_objects:
        uncut &= ~components.at_border(shape)
    used = int(np.count_nonzero(uncut))
    whole[uncut] = np.arange(1, used + 1)
    for batch in _batches(components, np.flatnonzero(may_be_cut)):
        boxes = [components.box(number) for number in batch]
        pieces = [
            Piece(
                components.number[np.maximum(target[box], 0)] == number,
                _foreground(probabilities[(slice(None), *box)], foreground),
            )
            for box, number in zip(boxes, batch, strict=True)
        ]
        found = split(pieces, settings, sampling)
        for number, box, piece, parts in zip(batch, boxes, pieces, found, strict=True):
            if not settings.border_objects:
                parts = _without_border(parts, box, shape)
            count = int(parts.max())
            if count == 1 and np.array_equal(parts > 0, piece.mask):
                whole[number] = used + 1
            else:
                # Negative: other pieces may be in the box, whose numbers are needed to the end.
                ids = -np.where(parts > 0, parts + used, 0)
                target[box] = np.where(piece.mask, ids, target[box])
            used += count
    for box in chunks(shape, chunk):
        block = np.asarray(target[box])
        target[box] = np.where(block < 0, -block, whole[components.number[np.maximum(block, 0)]])
    return target


def count_smaller(
    probabilities: Readable,
    background: int | None,
    settings: InstanceSettings,
    *,
    chunk: int | None = None,
    out: Writable,
    find: FindObjects = label_instances,
) -> int:
    """Return how many pieces there are where all are too small to be objects.

    The arguments are those of :func:`label_instances`, which found no object; ``out``, where it
    wrote, is written to and 0 everywhere afterwards.
    """
    every = replace(settings, smallest=1, neck=0.0)
    find(probabilities, background, every, chunk=chunk, out=out)
    count = 0
    for box in chunks(out.shape, chunk):
        count = max(count, int(np.asarray(out[box]).max()))
        out[box] = 0
    return count


def smaller_said(count: int, smallest: int) -> str:
    """Say that nothing was found but pieces that are too small, and what to do."""
    pieces = "1 piece is" if count == 1 else f"{count:,} pieces are"
    return f"0 cells; {pieces} smaller than {smallest} px: lower 'Ignore smaller than'"


def class_map(
    probabilities: np.ndarray, background: int | None = 0, threshold: float = DEFAULTS.threshold
) -> np.ndarray:
    """Return the class of each pixel, uint16: 0 for background, else its index plus 1.

    See :func:`label_instances`.
    """
    foreground = [k for k in range(len(probabilities)) if k != background]
    total = _foreground(probabilities, foreground)
    best = np.full(total.shape, foreground[0] + 1, np.uint16)
    highest = np.array(probabilities[foreground[0]])
    for k in foreground[1:]:
        better = probabilities[k] > highest
        best[better] = k + 1
        np.maximum(highest, probabilities[k], out=highest)
    return np.where(total >= np.float32(threshold), best, np.uint16(0))


def _foreground(probabilities: np.ndarray, foreground: Sequence[int]) -> np.ndarray:
    """Sum the classes of objects; one by one, so that rounding does not depend on the box."""
    total = np.array(probabilities[foreground[0]], np.float32)
    for k in foreground[1:]:
        total += probabilities[k].astype(np.float32)
    return total


def _check(
    shape: Sequence[int], background: int | None, spacing: Sequence[float] | None, chunk: int | None
) -> list[float]:
    """Return the size of a pixel along each axis, the smallest of them 1."""
    if len(shape) not in (3, 4) or 0 in shape:
        raise InvalidInput(
            f"probabilities of shape {tuple(shape)} are not (class, row, column) or (class, plane, "
            "row, column); give those of one image."
        )
    if background is not None and not 0 <= background < shape[0]:
        raise InvalidInput(f"there is no class {background}; choose 0 to {shape[0] - 1}.")
    if shape[0] == (background is not None):
        raise InvalidInput("the background is the only class; give another one's probability too.")
    if chunk is not None and chunk < 1:
        raise InvalidInput(f"a chunk of {chunk} px is too small; use at least 1.")
    if spacing is None:
        return [1.0] * (len(shape) - 1)
    if len(spacing) != len(shape) - 1 or not all(0 < s < np.inf for s in spacing):
        raise InvalidInput(
            f"the spacing {tuple(spacing)} does not fit; give {len(shape) - 1} positive numbers."
        )
    # Sixteenths, so that distances are exact, and the same wherever a piece lies.
    return [round(16 * s / min(spacing)) / 16 for s in spacing]


def _batches(components: Components, chosen: np.ndarray) -> Iterator[list[int]]:
    """Group components that are near each other, of like size, and together not too large."""
    extents = components.stops - components.starts
    for first in range(0, len(chosen), _WINDOW):
        window = chosen[first : first + _WINDOW]
        ordered = window[np.lexsort(extents[window].T[:-1])]
        batch: list[int] = []
        height, width = np.zeros(extents.shape[1] - 1, np.int64), 0
        for number in ordered.tolist():
            *others, last = extents[number].tolist()
            height, width = np.maximum(height, others), width + last
            if batch and height.prod() * width > _TOGETHER:
                yield batch
                batch, height, width = [], np.array(others), last
            batch.append(number)
        yield batch


def _without_border(parts: np.ndarray, box: Box, shape: Sequence[int]) -> np.ndarray:
    """Drop the parts that touch the border of the image, and close the gaps in their numbers."""
    keep = np.ones(int(parts.max()) + 1, bool)
    for axis, (extent, size) in enumerate(zip(box, shape, strict=True)):
        for index, at_border in ((0, extent.start == 0), (-1, extent.stop == size)):
            if at_border:
                keep[parts.take(index, axis=axis)] = False
    keep[0] = False
    return np.where(keep, np.cumsum(keep), 0).astype(np.int32)[parts]
