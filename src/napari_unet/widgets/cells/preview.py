"""What is in view of the cells of an image, found again at once."""

from dataclasses import dataclass

import numpy as np
from napari.components import ViewerModel

from napari_unet.core.models.header import background_output
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.widgets.cells.places import Key, sides, spacing_of
from napari_unet.widgets.cells.record import CellRecord
from napari_unet.widgets.desk.background import Worker
from napari_unet.widgets.layers.picture import picture_of
from napari_unet.widgets.layers.view import in_view, is_empty

_MOST_IN_VIEW = 1024  # pixels a side that are found again at once
_SLICES = 12  # on each side of the one that is looked at
_MARGIN = 48


@dataclass(frozen=True, eq=False)
class Sketch:
    """What is in view of one place, found at once and alone.

    ``key``, ``box``: the place, and which part of it. ``probabilities``: (K, *axes) of that part
    and a margin. ``inner``: the part within those. ``background``, ``settings``, ``spacing``,
    ``used``: as for a run.
    """

    key: Key
    box: tuple[slice, ...]
    probabilities: np.ndarray
    inner: tuple[slice, ...]
    background: int | None
    settings: InstanceSettings
    spacing: tuple[float, ...]
    used: int

    def __call__(self, worker: Worker) -> np.ndarray:
        """Return the ids of the box."""
        ids = np.zeros(self.probabilities.shape[1:], np.int32)
        worker.finder(
            self.probabilities, self.background, self.settings, spacing=self.spacing, out=ids
        )
        ids[ids > 0] += self.used
        return ids[self.inner]


def sketch_of(
    record: CellRecord, key: Key, settings: InstanceSettings, viewer: ViewerModel
) -> Sketch | None:
    """Return what finds the cells in view; ``None`` where nothing is known of it."""
    probabilities, header = record.probabilities.get(key), record.header
    planes, region = in_view(record.image, viewer)
    if probabilities is None or header is None or is_empty(region) or not record.editable:
        return None
    shape = sides(record.image, key)
    rows, columns = shape[-2:]
    top, bottom, left, right = region or (0, rows, 0, columns)
    spans = [_middle(top, bottom), _middle(left, right)]
    if len(shape) == 3:
        at = planes[0][picture_of(record.image).painted_axes.index("Z")]
        spans.insert(0, (max(0, at - _SLICES), min(at + _SLICES + 1, shape[0])))
    wide = [
        (max(0, start - _MARGIN), min(stop + _MARGIN, size))
        for (start, stop), size in zip(spans, shape, strict=True)
    ]
    outer = tuple(slice(start, stop) for start, stop in wide)
    return Sketch(
        key=key,
        box=tuple(slice(start, stop) for start, stop in spans),
        probabilities=np.ascontiguousarray(probabilities[(slice(None), *outer)]),
        inner=tuple(
            slice(start - first, stop - first)
            for (start, stop), (first, _) in zip(spans, wide, strict=True)
        ),
        background=background_output(header),
        settings=settings,
        spacing=spacing_of(record.image, record.ndim, header.pixel_size),
        used=record.highest(),
    )


def _middle(start: int, stop: int) -> tuple[int, int]:
    """Return the middle of a span, as much of it as is found at once."""
    excess = max(0, stop - start - _MOST_IN_VIEW)
    return start + excess // 2, stop - (excess - excess // 2)
