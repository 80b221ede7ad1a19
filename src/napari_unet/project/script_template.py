"""Repeats the training and the prediction of a project of napari-unet.

``python reproduce.py`` writes ``model.unet`` beside itself, and ``KEY_NAME_labels.tif`` of each
image that was painted on.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

import napari_unet as nu

Index = tuple[int, ...]  # of a plane: its time point and slice, as far as the image has them
Painted = tuple[str, Index, tuple[int, int], str]  # image, plane, part of it, file of strokes
Place = tuple[Path, tuple[int | None, ...]]  # layer of strokes, and plane or volume of it
Arrays = dict[Place, np.ndarray]

PROJECT = Path()
OUTPUT = Path(__file__).parent

# The images by their key in the project; enter where they are now.
IMAGES: dict[str, str] = {}
# Axes, level of a pyramid, and channels: of which image, and its number there.
TAKEN: dict[str, tuple[str, int, list[tuple[str, int]]]] = {}
SEGMENTED: list[str] = []

seen: dict[Place, np.ndarray] = {}  # the strokes of each plane at the training before


@cache
def image_of(key: str, level: int) -> np.ndarray:
    """Read an image as it is stored."""
    if not IMAGES[key]:
        raise SystemExit(f"Save image {key} as TIFF and enter its path in IMAGES.")
    return nu.read_image(IMAGES[key], level)


def lead_of(key: str) -> tuple[int, ...]:
    """Return the numbers of time points and slices, in the order of the image."""
    axes, level, _ = TAKEN[key]
    sizes = dict(zip(axes, image_of(key, level).shape, strict=True))
    return tuple(sizes[axis] for axis in axes if axis in "TZ")


def plane_of(key: str, index: Index) -> np.ndarray:
    """Return a plane, (channel, row, column), with the channels that were chosen."""
    return np.stack([channel_of(*place, index, TAKEN[key][1]) for place in TAKEN[key][2]])


def channel_of(key: str, channel: int, index: Index, level: int) -> np.ndarray:
    """Return one channel of a plane, (row, column)."""
    axes = TAKEN[key][0]
    image = image_of(key, level)
    samples = min(image.shape[-1], 3) if "S" in axes else 1
    where: dict[str, int | slice]
    where = dict(zip((axis for axis in axes if axis in "TZ"), index, strict=False))
    where |= {"C": channel // samples, "S": channel % samples}
    plane = image[tuple(where.get(axis, slice(None)) for axis in axes)]
    return plane if axes.index("Y") < axes.index("X") else plane.T


def volume_of(key: str, index: Index) -> np.ndarray:
    """Return the volume of a plane, (channel, slice, row, column)."""
    at = slice_axis(key)
    places = [(*index[:at], z, *index[at + 1 :]) for z in range(lead_of(key)[at])]
    return np.stack([plane_of(key, place) for place in places], axis=1)


def slice_axis(key: str) -> int:
    """Return which number of an index is the slice's."""
    return [axis for axis in TAKEN[key][0] if axis in "TZ"].index("Z")


def read(planes: list[Painted], dimensions: int) -> tuple[Arrays, Arrays]:
    """Return images and strokes of planes, or of the volumes that they lie in, by their place."""
    images: Arrays = {}
    strokes: Arrays = {}
    for key, index, (row, column), name in planes:
        labels = np.load(PROJECT / name)["labels"]
        rows, columns = labels.shape
        place: Place = (Path(name).parent, index)
        piece: Callable[[str, Index], np.ndarray] = plane_of
        within: tuple[Any, ...] = ()
        if dimensions == 3:
            at = slice_axis(key)
            place, piece = (Path(name).parent, (*index[:at], None, *index[at + 1 :])), volume_of
            within = (index[at],)
        if place not in images:
            images[place] = piece(key, index)
            strokes[place] = np.zeros(images[place].shape[1:], labels.dtype)
        strokes[place][(*within, slice(row, row + rows), slice(column, column + columns))] = labels
    return images, strokes


def train(planes: list[Painted], dimensions: int = 2, **settings: Any) -> nu.Model:
    """Train; strokes that are new since the training before are looked at more often."""
    images, strokes = read(planes, dimensions)
    newest = []
    for place, labels in strokes.items():
        before = seen.get(place, np.zeros_like(labels))
        newest.append((labels != before) & (labels != 0))
    seen.update(strokes)
    settings |= {"dimensions": dimensions, "newest": newest}
    if dimensions == 2:  # a stroke across planes is one
        settings["places"] = list(strokes)
    return nu.train(list(images.values()), list(strokes.values()), **settings)


def live(planes: list[Painted], *, seconds: float, seed: int) -> nu.Model:
    """Learn from all strokes at once, as Live does from one after the other."""
    images, strokes = read(planes, 2)
    trainer = nu.LiveTrainer(list(images.values()), seed=seed)
    for number, labels in enumerate(strokes.values()):
        trainer.set_labels(number, labels)
    trainer.run(seconds)
    return trainer.model()


def segment(model: nu.Model, key: str) -> np.ndarray:
    """Segment all of an image: (time point, slice, row, column), as far as it has them."""
    lead = list(lead_of(key))
    read_piece: Callable[[str, Index], np.ndarray] = plane_of
    at = None
    if model.header.network.ndim == 3:
        read_piece, at = volume_of, slice_axis(key)
        slices, lead[at] = lead[at], 1
    pieces = [read_piece(key, index) for index in np.ndindex(*lead)]
    classes = [nu.predict(model, piece[0] if len(piece) == 1 else piece) for piece in pieces]
    if at is None:
        return np.reshape(classes, (*lead, *classes[0].shape))
    piled = np.reshape(classes, (*lead, slices, *classes[0].shape[1:]))
    return np.moveaxis(piled, len(lead), at + 1).squeeze(at)


def write(model: nu.Model) -> None:
    """Write the model, and the segmentation of each image that was painted on."""
    model.save(OUTPUT / "model.unet")
    for key in SEGMENTED:
        path = OUTPUT / f"{key}_{Path(IMAGES[key]).stem}_labels.tif"
        tifffile.imwrite(path, segment(model, key), compression="zlib")
