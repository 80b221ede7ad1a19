"""Tasks: two images of one domain and which class each of their pixels is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from napari_unet.core.images.normalise import normalise
from starter.corpus import UNKNOWN, ImageSet, read_pair
from starter.scenes import scene

SIDE = 224
_REAL, _SUPERPIXELS = 0.5, 0.3  # chances; the rest are synthetic scenes
_SCALES = (0.35, 2.0)
_SAME_IMAGE = 0.15
_LEAST = 60  # pixels of each class in the first image
_BEND = 0.25  # chance that edges, or thicker or thinner objects, are made the task

Rng = np.random.Generator


@dataclass(frozen=True)
class Task:
    """Two images and their truth.

    Attributes
    ----------
    name
        Where it comes from.
    images
        (2, C, SIDE, SIDE) float32, normalised.
    labels
        (2, SIDE, SIDE) uint8: class index, or 255 where nobody knows.
    n_classes
        2 or 3.
    """

    name: str
    images: np.ndarray
    labels: np.ndarray
    n_classes: int


def draw_task(rng: Rng, sets: list[ImageSet]) -> Task:
    """Draw a task in which each class can be painted."""
    while True:
        chance, chosen = rng.random(), sets[rng.integers(len(sets))]
        if chance < _REAL:
            task = real_task(rng, chosen)
        elif chance < _REAL + _SUPERPIXELS:
            task = superpixel_task(rng, chosen)
        else:
            task = synthetic_task(rng)
        if task is None:
            continue
        if rng.random() < _BEND and not task.name.startswith("superpixels"):
            task = bent(rng, task)
        known = task.labels[0][task.labels[0] < UNKNOWN]
        if np.bincount(known, minlength=task.n_classes).min() >= _LEAST:
            return task


def real_task(rng: Rng, images: ImageSet) -> Task | None:
    """Group a set's labels into two or three classes; ``None`` where that is impossible."""
    pairs = [read_pair(*images.pairs[index]) for index in _two(rng, images)]
    if images.holds_objects:
        maps = [(labels > 0).astype(np.uint8) for _, labels in pairs]
    else:
        ids = np.unique(np.concatenate([np.unique(labels) for _, labels in pairs]))
        if len(ids) < 2:
            return None
        groups = grouped(rng, len(ids))
        table = np.full(int(ids.max()) + 1, UNKNOWN, np.uint8)
        table[ids] = groups
        maps = [table[labels] for _, labels in pairs]
    n_classes = 1 + max(int(one[one < UNKNOWN].max(initial=0)) for one in maps)
    wanted, scale = int(rng.integers(n_classes)), _scale(rng)
    cut = [
        crop(rng, plane, labels, scale, wanted)
        for (plane, _), labels in zip(pairs, maps, strict=True)
    ]
    return _stacked(images.name, cut, n_classes)


def superpixel_task(rng: Rng, images: ImageSet) -> Task | None:
    """Make "all things like this" of real texture: superpixels, clustered over both images."""
    from skimage.segmentation import felzenszwalb
    from sklearn.cluster import KMeans

    scale = _scale(rng)
    planes = [read_pair(*images.pairs[index])[0] for index in _two(rng, images)]
    cut = [crop(rng, plane, None, scale, 0)[0] for plane in planes]
    size, smooth = np.exp(rng.uniform(np.log(10), np.log(400))), rng.uniform(0.4, 1.2)
    least = int(np.exp(rng.uniform(np.log(16), np.log(200))))
    pieces, looks = [], []
    for image in cut:
        colours = np.moveaxis(image.clip(0, 1), 0, -1)
        piece = felzenszwalb(colours, scale=size, sigma=smooth, min_size=least)
        pieces.append(piece)
        looks.append(_looks(image, piece))
    found = np.concatenate(looks)
    if cut[0].shape != cut[1].shape or len(found) < 12:
        return None
    found = (found - found.mean(axis=0)) / (found.std(axis=0) + 1e-6)
    found = found * rng.gamma(0.7, 1.0, found.shape[1])  # what makes things alike differs
    count = int(rng.integers(3, 8))
    kinds = KMeans(count, n_init=1, random_state=int(rng.integers(2**31))).fit_predict(found)
    groups = grouped(rng, count)[kinds]
    first = len(looks[0])
    maps = [groups[:first][pieces[0]], groups[first:][pieces[1]]]
    pairs = list(zip(cut, maps, strict=True))
    return _stacked(f"superpixels of {images.name}", pairs, int(groups.max()) + 1)


def synthetic_task(rng: Rng) -> Task:
    """Draw a scene."""
    drawn = scene(rng, SIDE)
    images = np.stack([normalise(image[None]) for image in drawn.images])
    return Task(f"scene of {drawn.kind}", images, drawn.labels, drawn.n_classes)


def grouped(rng: Rng, count: int) -> np.ndarray:
    """Deal `count` things out to two or three classes; return (count,) uint8, none empty."""
    n_classes = 3 if count > 2 and rng.random() < 0.35 else 2
    while True:
        if rng.random() < 0.6:  # one thing, or two, against the rest
            groups = np.zeros(count, np.uint8)
            groups[rng.permutation(count)[: n_classes - 1]] = np.arange(1, n_classes)
        else:
            groups = rng.integers(n_classes, size=count).astype(np.uint8)
        if len(np.unique(groups)) == n_classes:
            return groups


def bent(rng: Rng, task: Task) -> Task:
    """Return a task of two classes for the borders, or for thicker or thinner objects."""
    labels, way, width = [], rng.integers(3), int(rng.integers(1, 4))
    for one in task.labels:
        objects = one == 1
        thick = ndimage.binary_dilation(objects, iterations=width)
        thin = ndimage.binary_erosion(objects, iterations=width, border_value=1)
        new = (thick & ~thin, thick, thin)[way].astype(np.uint8)
        new[one == UNKNOWN] = UNKNOWN
        labels.append(new)
    return Task(f"{task.name}, bent", task.images, np.stack(labels), 2)


def crop(
    rng: Rng, plane: np.ndarray, labels: np.ndarray | None, scale: float, wanted: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """Cut a square and bring it to SIDE pixels; the class wanted is mostly in it."""
    from skimage.transform import resize

    height, width = plane.shape[1:]
    side = min(round(SIDE / scale), height, width)
    top, left = (int(rng.integers(size - side + 1)) for size in (height, width))
    if labels is not None and rng.random() < 0.8:
        there = np.flatnonzero(labels == wanted)
        if len(there):
            row, column = divmod(int(there[rng.integers(len(there))]), width)
            top = int(np.clip(row - rng.integers(side), 0, height - side))
            left = int(np.clip(column - rng.integers(side), 0, width - side))
    part = plane[:, top : top + side, left : left + side].astype(np.float32)
    shape = (len(part), SIDE, SIDE)
    if side != SIDE:
        part = resize(part, shape, order=1, anti_aliasing=False if side < SIDE else None)
    if labels is not None:
        labels = labels[top : top + side, left : left + side]
        nearest = (np.arange(SIDE) + 0.5) * side / SIDE
        labels = labels[nearest.astype(int)[:, None], nearest.astype(int)]
    return part.astype(np.float32), labels


def _two(rng: Rng, images: ImageSet) -> tuple[int, int]:
    first, second = (int(index) for index in rng.integers(len(images.pairs), size=2))
    if images.from_one or rng.random() < _SAME_IMAGE:
        return first, first
    return first, second


def _scale(rng: Rng) -> float:
    return float(np.exp(rng.uniform(*np.log(_SCALES))))


def _stacked(
    name: str, pairs: list[tuple[np.ndarray, np.ndarray | None]], n_classes: int
) -> Task | None:
    images, labels = zip(*pairs, strict=True)
    if n_classes < 2 or images[0].shape != images[1].shape:
        return None
    return Task(name, np.stack(images), np.stack(labels).astype(np.uint8), n_classes)


def _looks(image: np.ndarray, pieces: np.ndarray) -> np.ndarray:
    """Return (P, F) colours, edges, surroundings, texture and size of each piece."""
    grey = image.mean(axis=0)
    maps = [
        *image,
        ndimage.gaussian_gradient_magnitude(grey, 1.5),
        ndimage.gaussian_filter(grey, 6),
        np.abs(grey - ndimage.gaussian_filter(grey, 2)),
    ]
    flat, count = pieces.ravel(), int(pieces.max()) + 1
    sizes = np.bincount(flat, minlength=count)
    means = [np.bincount(flat, one.ravel(), minlength=count) / sizes for one in maps]
    return np.stack([*means, 0.3 * np.log(sizes)], axis=1)
