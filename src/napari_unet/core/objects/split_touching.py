"""Cells that touch come apart: seeds from width and probability, then a watershed.

Each piece of the mask is treated for itself, whatever lies around it, so that the result does not
depend on where an image was cut into chunks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from skimage.measure import label
from skimage.morphology import local_maxima, reconstruction
from skimage.segmentation import watershed

from napari_unet.errors import InvalidInput

_OUTLINE_NOISE = 1.0  # pixels by which an outline may be off; added to every width


@dataclass(frozen=True)
class InstanceSettings:
    """How probabilities become objects.

    ``threshold`` is the foreground probability from which on a pixel belongs to an object, above 0,
    at most 1; ``smallest`` the pixels (voxels in 3D) that an object has at least. An object is cut
    where it is narrower than ``neck``, this share of the widest place of its smaller part, from 0
    (never) to below 1 (at the slightest waist). Width counts times probability, so that a line of
    doubt between two cells is a neck as well. ``border_objects``: those that touch the border of
    the image are kept.
    """

    threshold: float = 0.5
    smallest: int = 20
    neck: float = 0.8
    border_objects: bool = True

    def __post_init__(self) -> None:
        """Refuse what makes no sense."""
        if not 0 < self.threshold <= 1:
            raise InvalidInput(f"threshold is {self.threshold}; choose one above 0, at most 1.")
        if self.smallest < 1:
            raise InvalidInput(f"smallest is {self.smallest}; choose at least 1 pixel.")
        if not 0 <= self.neck < 1:
            raise InvalidInput(f"neck is {self.neck}; choose a share from 0 to below 1.")


@dataclass(frozen=True, eq=False)
class Piece:
    """A connected piece of the mask in its bounding box.

    ``mask`` (row, column) or (plane, row, column) bool, connected by faces; ``probability`` float32
    of the foreground, read under the mask alone.
    """

    mask: np.ndarray
    probability: np.ndarray


@dataclass(frozen=True, eq=False)
class _Canvas:
    """Pieces side by side along the last axis, a pixel of background around each."""

    owner: np.ndarray  # (...) int32, number of the piece from 1, 0 between them
    probability: np.ndarray  # (...) float32
    regions: list[tuple[slice, ...]]


def split(
    pieces: Sequence[Piece], settings: InstanceSettings, sampling: Sequence[float]
) -> list[np.ndarray]:
    """Cut pieces of a mask into their cells.

    The landscape is ``w = d * p + 1``: the Euclidean distance to the piece's outline, weighted with
    the foreground probability, and a pixel for the roughness of outlines. Seeds are its maxima
    whose height, relative to the pass to a higher one, is at least ``1 / neck``: the h-maxima of
    ``log(w)`` with ``h = -log(neck)`` (Soille, Morphological Image Analysis, 2nd ed., 2003, section
    6.3.3), found by reconstructing ``neck * w`` under ``w``. A watershed of ``-w`` (Meyer,
    "Topographic distance and watershed lines", Signal Processing 38, 1994) gives each pixel to a
    seed. Parts that are too small go back to their neighbours. ``sampling`` is the size of a pixel
    along each axis, the smallest of them 1.

    Pieces have the same number of axes and are worked on together, but the parts of one do not
    depend on the others: int32 of its shape, 0 outside, parts from 1 on, each connected.
    """
    canvas = _side_by_side(pieces)
    inside = canvas.owner > 0
    distance = ndimage.distance_transform_edt(inside, sampling=sampling)
    landscape = distance.astype(np.float32) * canvas.probability + np.float32(_OUTLINE_NOISE)
    landscape[~inside] = 0
    seeds, owners = _seeds(landscape, canvas.owner, settings.neck)
    several = np.bincount(owners)[canvas.owner] > 1
    several &= inside
    parts = np.where(inside, canvas.owner, 0)
    if several.any():
        flooded = _flood(landscape, seeds, several, owners, canvas.owner, settings.smallest)
        parts[several] = len(pieces) + flooded[several]
    return [_compact(parts[region]) for region in canvas.regions]


def _side_by_side(pieces: Sequence[Piece]) -> _Canvas:
    shapes = np.array([piece.mask.shape for piece in pieces])
    edges = np.cumsum([1, *(shapes[:, -1] + 1)])
    shape = (*(shapes[:, :-1].max(axis=0) + 2), edges[-1])
    owner = np.zeros(shape, np.int32)
    probability = np.zeros(shape, np.float32)
    regions = []
    for number, piece in enumerate(pieces, start=1):
        start = (*(1 for _ in shape[1:]), edges[number - 1])
        region = tuple(slice(s, s + n) for s, n in zip(start, piece.mask.shape, strict=True))
        owner[region][piece.mask] = number
        probability[region][piece.mask] = piece.probability[piece.mask]
        regions.append(region)
    return _Canvas(owner, probability, regions)


def _seeds(landscape: np.ndarray, owner: np.ndarray, neck: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the maxima as labels from 1 on, and the piece of each; 0 is no piece's."""
    cross = ndimage.generate_binary_structure(landscape.ndim, 1)
    # The smallest normal number keeps the inside above the outside where neck is 0.
    lowered = np.where(
        owner > 0, np.maximum(landscape * np.float32(neck), np.finfo(np.float32).tiny), 0
    ).astype(np.float32)
    filled = reconstruction(lowered, landscape, footprint=cross)
    seeds = label(local_maxima(filled, connectivity=1) & (owner > 0), connectivity=1)
    owners = np.zeros(int(seeds.max()) + 1, np.int32)
    owners[seeds.ravel()] = np.where(seeds > 0, owner, 0).ravel()
    return seeds, owners


def _flood(
    landscape: np.ndarray,
    seeds: np.ndarray,
    several: np.ndarray,
    owners: np.ndarray,
    owner: np.ndarray,
    smallest: int,
) -> np.ndarray:
    """Flood from the seeds of pieces that have several; drop seeds of parts that stay too small."""
    markers = np.where(several, seeds, 0)
    flooded = _watershed(landscape, markers, several)
    sizes = np.bincount(flooded.ravel(), minlength=len(owners))
    by_size = np.lexsort((-sizes, owners))  # stable: of equals, the first in raster order
    first = np.ones(len(by_size), bool)
    first[1:] = owners[by_size[1:]] != owners[by_size[:-1]]
    largest = np.zeros(len(owners), bool)
    largest[by_size[first]] = True
    dropped = (sizes < smallest) & (sizes > 0) & ~largest
    dropped[0] = False
    if not dropped.any():
        return flooded
    anew = np.zeros(int(owners.max()) + 1, bool)
    anew[owners[dropped]] = True
    again = anew[owner]
    markers = np.where(again & ~dropped[seeds], markers, 0)
    return np.where(again, _watershed(landscape, markers, again), flooded)


def _watershed(landscape: np.ndarray, markers: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Flood from high to low, where all pixels of the markers begin, in raster order.

    scikit-image takes equal pixels of markers in an order that depends on everything in its queue,
    so on other pieces too; all others first come, first served. So markers get values of their own.
    """
    depth = -landscape.astype(np.float64)
    first = np.flatnonzero(markers)
    depth.flat[first] = depth.min() - len(first) + np.arange(len(first))
    return watershed(depth, markers, mask=mask, connectivity=1)


def _compact(parts: np.ndarray) -> np.ndarray:
    """Give the parts of one piece the numbers from 1 on."""
    ids = np.unique(parts)
    ids = ids[ids > 0]
    return np.where(parts > 0, np.searchsorted(ids, parts) + 1, 0).astype(np.int32)
