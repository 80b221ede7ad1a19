"""Where a stroke has changed its layer."""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from napari_unet.widgets.layers.planes import Index, Region


def shown_box(event: Any) -> Region | None:
    """Return the rows and columns that an update of what is shown is about, if it says so."""
    offset, data = getattr(event, "offset", None), getattr(event, "data", None)
    if offset is None or data is None or len(offset) != 2:
        return None
    top, left = (int(at) for at in offset)
    return top, top + data.shape[0], left, left + data.shape[1]


def stroke_box(event: Any) -> Region | None:
    """Return the rows and columns that a stroke changed, if the event says so."""
    atoms = getattr(event, "value", None) or ()
    spans = [[_span_of(part) for part in indices[-2:]] for indices, *_ in atoms]
    if not spans or any(span is None for both in spans for span in both):
        return None
    rows, columns = ([both[axis] or (0, 0) for both in spans] for axis in (0, 1))
    return (
        min(start for start, _ in rows),
        max(stop for _, stop in rows),
        min(start for start, _ in columns),
        max(stop for _, stop in columns),
    )


def stroke_planes(event: Any) -> list[Index]:
    """Return the planes that a stroke changed, if the event says so, else none.

    What is not painted by hand, such as cells, may lie on planes that are not looked at.
    """
    planes: dict[Index, None] = {}
    for indices, *_ in getattr(event, "value", None) or ():
        spans = [_span_of(part) for part in indices[:-2]]
        ranges = [range(*span) for span in spans if span is not None]
        if len(ranges) == len(spans):
            planes.update(dict.fromkeys(product(*ranges)))
    return list(planes)


def edited_boxes(atoms: Any) -> list[tuple[slice, ...]]:
    """Return which box of a layer's data each part of a stroke, of an undo or a redo changed.

    Parameters
    ----------
    atoms
        As napari's history has them: where, and what was and is there.
    """
    spans = ([_span_of(part) for part in indices] for indices, *_ in atoms or ())
    return [tuple(slice(*(span or (None,))) for span in box) for box in spans]


def _span_of(index: Any) -> tuple[int, int] | None:
    """Return start and stop of what indexes an axis; ``None`` if it is all of it, or nothing."""
    if isinstance(index, slice):
        return None if index.start is None or index.stop is None else (index.start, index.stop)
    return (int(np.min(index)), int(np.max(index)) + 1) if np.size(index) else None
