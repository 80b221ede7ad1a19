"""Connected pieces of a class map that is read chunk by chunk."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Protocol

import numpy as np
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from skimage.measure import label

from napari_unet.core.images.box import Box


class Readable(Protocol):
    """Anything with a shape that gives arrays for slices: NumPy arrays, memory maps, zarr."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        ...

    def __getitem__(self, index: Any, /) -> Any: ...


class Writable(Readable, Protocol):
    """Anything readable whose slices can be assigned to."""

    def __setitem__(self, index: Any, value: Any, /) -> None: ...


@dataclass(frozen=True, eq=False)
class Components:
    """The connected pieces of an image, numbered from 1; entry 0 of each array stands for none.

    ``number`` (piece of a chunk,) int32 is the component that each piece of a chunk belongs to,
    ``sizes`` (component,) int64 its pixels, ``starts`` and ``stops`` (component, axis) int64 its
    bounding box.
    """

    number: np.ndarray
    sizes: np.ndarray
    starts: np.ndarray
    stops: np.ndarray

    def box(self, component: int) -> Box:
        """Return a component's bounding box as an index."""
        pairs = zip(self.starts[component].tolist(), self.stops[component].tolist(), strict=True)
        return tuple(slice(start, stop) for start, stop in pairs)

    def at_border(self, shape: Sequence[int]) -> np.ndarray:
        """Return which components touch the border of an image, (component,) bool."""
        return np.any((self.starts == 0) | (self.stops == np.array(shape)), axis=1)


def chunks(shape: Sequence[int], side: int | None) -> Iterator[Box]:
    """Cut an array into boxes of at most ``side`` pixels an axis, in raster order."""
    steps = [max(1, side or size) for size in shape]
    starts = [range(0, size, step) for size, step in zip(shape, steps, strict=True)]
    for corner in product(*starts):
        yield tuple(
            slice(start, min(start + step, size))
            for start, step, size in zip(corner, steps, shape, strict=True)
        )


def find_components(
    read_classes: Callable[[Box], np.ndarray], out: Writable, side: int | None
) -> Components:
    """Find the regions of one class that are connected by faces, whatever the chunks.

    Pieces are labelled chunk by chunk; where two of one class meet across the face of a chunk they
    are the same component. Which pieces are is settled once, as the connected components of the
    graph of these meetings. ``read_classes`` gives the class of each pixel of a box, uint16, 0 for
    background; ``out`` takes for each pixel the number of its chunk's piece, unique over the image,
    int32. ``side`` is that of a chunk in pixels, ``None`` for the whole image at once.
    """
    ndim = len(out.shape)
    sizes, starts, stops = [np.zeros(1, np.int64)], [], []
    meetings = [np.zeros((0, 2), np.int64)]
    class_of = np.zeros(1024, np.uint16)  # of each piece; grown by doubling
    count = 0
    for box in chunks(out.shape, side):
        of_pixel = read_classes(box)
        pieces = label(of_pixel, background=0, connectivity=1).astype(np.int32)
        found = int(pieces.max())
        sizes.append(np.bincount(pieces.ravel(), minlength=found + 1)[1:])
        corner = np.array([s.start for s in box])
        bounds = np.array(
            [[(s.start, s.stop) for s in of] for of in ndimage.find_objects(pieces)], np.int64
        ).reshape(found, ndim, 2)
        starts.append(bounds[..., 0] + corner)
        stops.append(bounds[..., 1] + corner)
        pieces[pieces > 0] += count
        out[box] = pieces
        count += found
        if count >= len(class_of):
            class_of = np.concatenate([class_of, np.zeros(count, np.uint16)])
        class_of[pieces.ravel()] = of_pixel.ravel()
        meetings += [_meetings(pieces, out, box, axis, class_of) for axis in range(ndim)]
    number = _merged(np.concatenate(meetings), count)
    return _gathered(number, np.concatenate(sizes), np.concatenate(starts), np.concatenate(stops))


def _meetings(
    pieces: np.ndarray, out: Writable, box: Box, axis: int, classes: np.ndarray
) -> np.ndarray:
    """Return (meeting, 2) pieces of one class on both sides of the face before a chunk."""
    start = box[axis].start
    if start == 0:
        return np.zeros((0, 2), np.int64)
    before = np.asarray(out[(*box[:axis], slice(start - 1, start), *box[axis + 1 :])]).ravel()
    here = pieces.take([0], axis=axis).ravel()
    same = (before > 0) & (here > 0) & (classes[before] == classes[here])
    return np.unique(np.stack([before[same], here[same]], axis=1).astype(np.int64), axis=0)


def _merged(meetings: np.ndarray, count: int) -> np.ndarray:
    """Return the component of each piece, (count + 1,) int32; of 0 it is 0."""
    ones = np.ones(len(meetings), np.int8)
    graph = coo_array((ones, (meetings[:, 0], meetings[:, 1])), shape=(count + 1, count + 1))
    _, number = connected_components(graph, directed=False)
    return np.asarray(number, np.int32)  # numbered by their first piece, so that of 0 is 0


def _gathered(
    number: np.ndarray, sizes: np.ndarray, starts: np.ndarray, stops: np.ndarray
) -> Components:
    count = int(number.max()) + 1
    total = np.zeros(count, np.int64)
    np.add.at(total, number, sizes)
    low = np.full((count, starts.shape[1]), np.iinfo(np.int64).max)
    high = np.zeros((count, starts.shape[1]), np.int64)
    np.minimum.at(low, number[1:], starts)
    np.maximum.at(high, number[1:], stops)
    return Components(number, total, low, high)
