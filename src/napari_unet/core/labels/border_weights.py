"""Weights that make a network learn the background between neighbouring objects.

The term follows equation 2 of Ronneberger, Fischer and Brox, "U-Net: Convolutional Networks for
Biomedical Image Segmentation", MICCAI 2015. It needs the distance to the nearest and to the second
nearest object at every pixel. One distance transform for each object gives them, in a time that
grows with the number of objects; `_two_nearest` gives them for all objects at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from napari_unet.core.labels.check_labels import check_labels
from napari_unet.errors import InvalidInput

IntegerArray = npt.NDArray[np.integer[Any]]
FloatArray = npt.NDArray[np.float32]

_NEGLIGIBLE = 1e-5
_BLOCK = 1 << 16  # pixels worked on together: the arrays of one block stay in the processor's cache


@dataclass(frozen=True)
class _TwoNearest:
    """Distances to the two nearest distinct objects, and the id of the nearest."""

    first: FloatArray
    label: IntegerArray
    second: FloatArray

    def view(self, index: Any) -> _TwoNearest:
        return _TwoNearest(self.first[index], self.label[index], self.second[index])

    def copy(self) -> _TwoNearest:
        return _TwoNearest(self.first.copy(), self.label.copy(), self.second.copy())


def border_weights(
    instances: npt.ArrayLike,
    w0: float = 10.0,
    sigma: float = 5.0,
    *,
    sampling: Sequence[float] | None = None,
) -> npt.NDArray[np.float32]:
    """Weight each pixel by how narrow the gap between its two nearest objects is.

    The exponential term alone of equation 2 of the U-Net paper,
    ``w0 * exp(-(d1 + d2)**2 / (2 * sigma**2))``, where ``d1`` and ``d2`` are the Euclidean
    distances to the nearest and to the second nearest object. Inside an object ``d1`` is 0.

    Parameters
    ----------
    instances : array of int, shape (row, column) or (plane, row, column)
        0 is background, every other id one object. Ids may have gaps, and an object may have
        several parts.
    w0 : float
        Weight where two objects touch, at least 0.
    sigma : float
        Width of the term, in pixels, above 0.
    sampling : sequence of float, optional
        Distance between neighbours along each axis, in the unit of `sigma`; 1 by default.

    Returns
    -------
    array of float32, shape of `instances`
        From 0 to `w0`. Values under 1e-5 are cut to 0, and everything is 0 where there are fewer
        than two objects.

    Raises
    ------
    InvalidInput
        If `instances` is not an array of whole, non-negative numbers, or `w0`, `sigma` or
        `sampling` is out of range.
    """
    objects = checked_ids(instances)
    check_term(w0, sigma)
    weights = np.zeros(objects.shape, np.float32)
    if w0 <= _NEGLIGIBLE or objects.size == 0:
        return weights
    reach = reach_of(w0, sigma)  # d1 + d2 is never less than d2
    nearest = _two_nearest(objects, reach, _checked_sampling(sampling, objects.ndim))
    near = nearest.second <= reach * reach
    total = np.sqrt(nearest.first[near], dtype=float) + np.sqrt(nearest.second[near], dtype=float)
    term = w0 * np.exp(total**2 / (-2 * sigma**2))
    weights[near] = np.where(term < _NEGLIGIBLE, 0, term)
    return weights


def reach_of(w0: float, sigma: float) -> float:
    """Return the sum of distances from which on the term counts as 0."""
    return sigma * math.sqrt(2 * math.log(w0 / _NEGLIGIBLE)) if w0 > _NEGLIGIBLE else 0.0


def separate_touching(instances: npt.ArrayLike) -> IntegerArray:
    """Open a gap of background between objects that touch.

    Pixels that touch another object, diagonally included, become background: the separation border
    that section 3 of the U-Net paper computes by morphological operations. An object that would
    vanish keeps all its pixels that do not touch another such object, and at least one, so that
    every object of the (row, column) or (plane, row, column) ids is still there.
    """
    labels = checked_ids(instances)
    if not labels.any():
        return labels.copy()
    with_background = np.append(labels.ravel(), labels.dtype.type(0))
    ids, ranks = np.unique(with_background, return_inverse=True)
    dense: npt.NDArray[np.int32] = np.asarray(ranks[:-1], np.int32).reshape(labels.shape)
    kept = _blank(dense, _touches_another(dense))
    # What touched a vanished object has just been removed, so it only has other vanished ones near.
    vanished = _only_missing(dense, kept)
    kept += _blank(vanished, _touches_another(vanished))
    kept += _one_pixel_each(_only_missing(dense, kept))
    return np.asarray(ids[kept])


def _blank(dense: npt.NDArray[np.int32], where: npt.NDArray[np.bool_]) -> npt.NDArray[np.int32]:
    return np.where(where, np.int32(0), dense)


def _only_missing(
    dense: npt.NDArray[np.int32], kept: npt.NDArray[np.int32]
) -> npt.NDArray[np.int32]:
    """Blank every object of `dense` (ids 0 to n) that has a pixel left in `kept`."""
    present = np.bincount(kept.ravel(), minlength=int(dense.max()) + 1) > 0
    return _blank(dense, present[dense])


def _one_pixel_each(dense: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """Keep of each object the middle one of its pixels in raster order."""
    flat = np.flatnonzero(dense)
    flat = flat[np.argsort(dense.ravel()[flat], kind="stable")]
    ids, start, count = np.unique(dense.ravel()[flat], return_index=True, return_counts=True)
    single = np.zeros_like(dense)
    single.flat[flat[start + count // 2]] = ids
    return single


def _touches_another(dense: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
    """Find the object pixels with a pixel of another object among their neighbours."""
    largest = ndimage.maximum_filter(dense, size=3)
    absent = np.iinfo(dense.dtype).max
    smallest = ndimage.minimum_filter(np.where(dense == 0, absent, dense), size=3)
    return (dense != 0) & ((largest != dense) | (smallest != dense))


def _two_nearest(objects: IntegerArray, reach: float, sampling: tuple[float, ...]) -> _TwoNearest:
    """Squared distances to the two nearest distinct objects at every pixel.

    Like other exact Euclidean distance transforms, it works axis by axis; here each pixel carries
    the two nearest *distinct* objects of the axes done so far. If an object is among a pixel's two
    nearest overall, it is also among the two nearest of the line that holds its nearest point, for
    otherwise two others of that line would be nearer still. So nothing is lost, and the time
    depends neither on the number of objects nor on their shape.

    Distances beyond `reach` may be too large, never too small; infinite means none found.
    Squared distances between pixels of side 1 are whole numbers, exact in float32 up to 4096.
    """
    fits = objects.max() <= np.iinfo(np.int32).max  # halves the memory of 64-bit ids
    state = _TwoNearest(
        np.where(objects != 0, np.float32(0), np.float32(np.inf)),
        objects.astype(np.int32) if fits else objects.copy(),
        np.full(objects.shape, np.inf, np.float32),
    )
    _sweep_first_axis(state, sampling[0])
    np.square(state.first, out=state.first)
    np.square(state.second, out=state.second)
    rows = max(1, _BLOCK * objects.shape[0] // objects.size)
    for axis in range(1, objects.ndim):
        for start in range(0, objects.shape[0], rows):
            _search_axis(state.view(slice(start, start + rows)), axis, sampling[axis], reach)
    return state


def _sweep_first_axis(state: _TwoNearest, spacing: float) -> None:
    """Pass the nearest objects from line to line, forth and back; distances are not squared."""
    length = len(state.first)
    forth = [(i, i - 1) for i in range(1, length)]
    back = [(i, i + 1) for i in range(length - 2, -1, -1)]
    for here, there in forth + back:
        _absorb(state.view(here), state.view(there), np.float32(spacing))


def _search_axis(block: _TwoNearest, axis: int, spacing: float, reach: float) -> None:
    """Offer each pixel what its neighbours along `axis` know, nearest neighbours first."""
    known = block.copy()
    before = (slice(None),) * axis
    for step in range(1, min(math.floor(reach / spacing), block.first.shape[axis] - 1) + 1):
        cost = np.float32((step * spacing) ** 2)
        if cost >= block.second.max():
            break  # no neighbour this far away can bring anything nearer
        low, high = (*before, slice(None, -step)), (*before, slice(step, None))
        _absorb(block.view(low), known.view(high), cost)
        _absorb(block.view(high), known.view(low), cost)


def _absorb(state: _TwoNearest, offer: _TwoNearest, cost: np.float32) -> None:
    """Take in place the two nearest distinct objects of `state` and of `offer` plus `cost`."""
    first = offer.first + cost
    loser = np.maximum(state.first, first)
    loser[state.label == offer.label] = np.inf  # the same object is not a second one
    np.minimum(state.second, loser, out=state.second)
    np.minimum(state.second, offer.second + cost, out=state.second)
    np.copyto(state.label, offer.label, where=first < state.first)
    np.minimum(state.first, first, out=state.first)


def checked_ids(labels: npt.ArrayLike) -> IntegerArray:
    """Labels as an array of whole, non-negative numbers with 2 or 3 axes."""
    array = check_labels(labels)
    if array.ndim not in (2, 3):
        raise InvalidInput(f"Labels must have 2 or 3 axes, not {array.ndim}; pass one image.")
    return array


def _checked_sampling(sampling: Sequence[float] | None, ndim: int) -> tuple[float, ...]:
    given = (1.0,) * ndim if sampling is None else tuple(float(spacing) for spacing in sampling)
    if len(given) != ndim or not all(0 < spacing < math.inf for spacing in given):
        raise InvalidInput(
            f"A sampling of {given} does not fit {ndim} axes; give one number above 0 for each."
        )
    return given


def check_term(w0: float, sigma: float) -> None:
    """Refuse a weight or a width of the term that is out of range."""
    if not (w0 >= 0 and math.isfinite(w0)):
        raise InvalidInput(f"The border weight w0 is {w0}; choose a number from 0 upwards.")
    if not (sigma > 0 and math.isfinite(sigma)):
        raise InvalidInput(f"The border width sigma is {sigma}; choose a number of pixels above 0.")
