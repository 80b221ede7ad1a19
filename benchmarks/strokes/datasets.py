"""Real images with ground truth, of which a seed draws two to paint in and five to score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common.folders import (
    files_in,
    frame_numbers,
    holds_objects,
    is_annotated,
    read_info,
)
from napari_unet.core.io.open_image import read_image, read_labels
from napari_unet.errors import InvalidInput

NAMES = (
    "isbi2012_em",
    "u373_phc",
    "dsb2018_fluo",
    "drive_retina",
    "wbc_rgb",
    "dsb2018_histology",
)
IGNORED = 255
TRAINING_IMAGES = 2
TEST_IMAGES = 5
_FRAMES_BETWEEN = 2  # neighbouring frames of a series show nearly the same


@dataclass(frozen=True, eq=False)
class Picture:
    """An image and its truth.

    Attributes
    ----------
    name
        Of its file.
    image
        (Y, X), (Y, X, 3) or (C, Y, X), as stored.
    truth
        (Y, X) uint8: index of the class, 0 for background; ``IGNORED`` where nobody knows.
    """

    name: str
    image: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True, eq=False)
class Dataset:
    """What one simulated annotator gets.

    Attributes
    ----------
    name, folder
        The folder and its name.
    classes
        Number of classes, background included.
    training, test
        Images to paint in, and images to score.
    """

    name: str
    folder: Path
    classes: int
    training: tuple[Picture, ...]
    test: tuple[Picture, ...]


def find_folders(data: Path, chosen: Sequence[str]) -> list[Path]:
    """Return the folder of each data set, given by its name under ``data`` or as a path.

    Raises
    ------
    InvalidInput
        One has no images/ and labels/, or two have the same name.
    """
    folders = []
    for name in chosen:
        folder = next((f for f in (data / name, Path(name)) if (f / "images").is_dir()), None)
        if folder is None or not (folder / "labels").is_dir():
            raise InvalidInput(
                f"{name} is no folder with images/ and labels/ here or in {data}; give its path."
            )
        folders.append(folder.resolve())
    if len({folder.name for folder in folders}) < len(folders):
        raise InvalidInput("two data sets have the same folder name; rename one of them.")
    return folders


def load(folder: Path, seed: int) -> Dataset:
    """Read a folder with images/ and labels/ and draw the images of a seed.

    Labels are classes, the lowest id background, or objects, whose ids are all foreground. The
    ``kind`` in an ``info.json`` says which of the two; without it, more than eight ids are
    objects. A class 0 that ``info.json`` calls "not annotated" is neither painted nor scored.

    Raises
    ------
    InvalidInput
        Fewer than three images have labels, a file is not 2D, or there is only one class.
    """
    labels = {path.stem: read_labels(path) for path in files_in(folder / "labels")}
    paths = [path for path in files_in(folder / "images") if path.stem in labels]
    if len(paths) <= TRAINING_IMAGES:
        raise InvalidInput(
            f"{folder} has {len(paths)} images with labels of the same name; at least "
            f"{TRAINING_IMAGES + 1} are needed."
        )
    truths, classes = _truths([labels[path.stem] for path in paths], folder)
    training, test = draw(
        [path.stem for path in paths], truths, classes, np.random.default_rng(seed)
    )

    def picture(index: int) -> Picture:
        return _picture(paths[index], truths[index])

    return Dataset(
        folder.name,
        folder,
        classes,
        tuple(picture(index) for index in training),
        tuple(picture(index) for index in test),
    )


def draw(
    names: Sequence[str], truths: Sequence[np.ndarray], classes: int, rng: np.random.Generator
) -> tuple[list[int], list[int]]:
    """Draw the indices of training and test images.

    Training images show every class where there are such; test images of a series (one prefix,
    then the number of the frame) are at least two frames away from them where there are such.
    """
    order = [int(index) for index in rng.permutation(len(names))]
    shown = {i: np.count_nonzero(np.bincount(truths[i].ravel())[:classes]) for i in order}
    training = sorted(order, key=lambda i: -shown[i])[:TRAINING_IMAGES]  # stable: order decides
    frames = frame_numbers(names)
    rest = [index for index in order if index not in training]
    near = {
        i: min(abs(frames[i] - frames[t]) for t in training) < _FRAMES_BETWEEN if frames else False
        for i in rest
    }
    return training, sorted(rest, key=lambda i: near[i])[:TEST_IMAGES]


def _truths(labels: Sequence[np.ndarray], folder: Path) -> tuple[list[np.ndarray], int]:
    """Turn label arrays into class indices; return them and the number of classes."""
    info = read_info(folder)
    ids = sorted({int(i) for array in labels for i in np.unique(array)})
    if holds_objects(info, ids):
        return [(array > 0).astype(np.uint8) for array in labels], 2
    known = [i for i in ids if is_annotated(info, i)]
    if len(known) < 2:
        raise InvalidInput(f"the labels in {folder} hold one class only; at least two are needed.")
    truths = []
    for array in labels:
        truth = np.full(array.shape, IGNORED, np.uint8)
        for index, class_id in enumerate(known):
            truth[array == class_id] = index
        truths.append(truth)
    return truths, len(known)


def _picture(path: Path, truth: np.ndarray) -> Picture:
    image = read_image(path)
    if image.ndim == 3 and image.shape[-1] == 4 and image.dtype == np.uint8:
        image = image[..., :3]
    shapes = (image.shape, image.shape[:-1], image.shape[1:])
    if truth.ndim != 2 or image.ndim not in (2, 3) or truth.shape not in shapes:
        raise InvalidInput(
            f"{path} has the shape {image.shape} and its labels {truth.shape}; give 2D images, "
            "with channels at the end or at the beginning, and 2D labels."
        )
    return Picture(path.name, image, truth)
