"""A folder with images/, labels/ and info.json as images with their dense truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from benchmarks.common.folders import (
    files_in,
    frame_numbers,
    holds_objects,
    is_annotated,
    read_info,
)
from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.images.normalise import normalise
from napari_unet.core.io.open_image import read_image, read_labels
from napari_unet.core.labels.check_labels import check_labels
from napari_unet.core.labels.classes import LabelKind
from napari_unet.errors import InvalidInput

IGNORED = -1
Scored = Literal["membranes", "objects", "classes"]
_BORDERS = ("membrane", "border")  # names of classes that enclose regions


@dataclass(frozen=True, eq=False)
class Sample:
    """An image and its truth.

    Attributes
    ----------
    name
        Of its file, without the ending.
    image
        As stored: (Y, X), (Y, X, 3) or (C, Y, X).
    labels
        (Y, X) integer as stored: class ids, or 0 and an id an object.
    classes
        (Y, X) int16 index into the folder's classes, ``IGNORED`` where nobody knows.
    """

    name: str
    image: np.ndarray
    labels: np.ndarray
    classes: np.ndarray

    @property
    def plane(self) -> np.ndarray:
        """(C, Y, X) float32, each channel's 1st and 99.8th percentile at 0 and 1."""
        return normalise(pieces_like(self.image, self.labels, 2).data[0])


@dataclass(frozen=True, eq=False)
class Folder:
    """A data set.

    Attributes
    ----------
    path
        Where it is.
    samples
        Sorted by name.
    ids, names
        Of the classes, in the order of their indices; objects are class 1.
    label_kind
        What a U-Net is told that the labels are: ``scribbles`` if some pixels are not annotated.
    membrane
        Index of the class that encloses regions, which are then scored; ``None`` if there is none.
    frames
        Numbers of the images if they are a series, else empty.
    """

    path: Path
    samples: tuple[Sample, ...]
    ids: tuple[int, ...]
    names: tuple[str, ...]
    label_kind: LabelKind
    membrane: int | None
    frames: tuple[int, ...]

    @property
    def scored(self) -> Scored:
        """What the scores compare."""
        if self.label_kind == "instances":
            return "objects"
        return "classes" if self.membrane is None else "membranes"

    @property
    def n_classes(self) -> int:
        """Number of classes."""
        return len(self.ids)


def load_folder(path: Path) -> Folder:
    """Read a folder.

    ``info.json`` says what labels are (``kind``: "instance..." for objects) and what the classes
    are called (``classes``: id to name). A class with "membrane" or "border" in its name encloses
    regions. Without it, more than eight ids are objects.

    Raises
    ------
    InvalidInput
        There are no two images with labels, a shape does not fit, or all labels are one class.
    UnreadableFile
        A file is no image.
    """
    if not ((path / "images").is_dir() and (path / "labels").is_dir()):
        raise InvalidInput(f"{path} is no folder with images/ and labels/; give the path of one.")
    path = path.resolve()
    label_paths = {file.stem: file for file in files_in(path / "labels")}
    image_paths = [file for file in files_in(path / "images") if file.stem in label_paths]
    if len(image_paths) < 2:
        raise InvalidInput(
            f"{path} has {len(image_paths)} images with labels of the same name; at least 2 are "
            "needed, to train on one and test on the other."
        )
    info = read_info(path)
    labels = [check_labels(read_labels(label_paths[file.stem])) for file in image_paths]
    present = sorted({int(i) for array in labels for i in np.unique(array)})
    objects = holds_objects(info, present)
    ids = [0, 1] if objects else [i for i in present if is_annotated(info, i)]
    if len(ids) < 2 or (objects and len(present) < 2):
        raise InvalidInput(f"the labels in {path} hold one class only; at least two are needed.")
    samples = tuple(
        _sample(file, array, None if objects else ids)
        for file, array in zip(image_paths, labels, strict=True)
    )
    unknown = any((sample.classes == IGNORED).any() for sample in samples)
    names = tuple(_class_name(info, i, objects) for i in ids)
    return Folder(
        path=path,
        samples=samples,
        ids=tuple(ids),
        names=names,
        label_kind="instances" if objects else "scribbles" if unknown else "classes",
        membrane=None if objects or unknown else _membrane(names),
        frames=tuple(frame_numbers([sample.name for sample in samples])),
    )


def _sample(path: Path, labels: np.ndarray, ids: list[int] | None) -> Sample:
    image = read_image(path)
    try:
        fits = labels.ndim == 2 and len(pieces_like(image, labels, 2).data) == 1
    except InvalidInput as error:
        raise InvalidInput(f"{path} and its labels: {error}") from None
    if not fits:
        raise InvalidInput(f"the labels of {path} have the shape {labels.shape}; give 2D images.")
    if ids is None:
        return Sample(path.stem, image, labels, (labels > 0).astype(np.int16))
    classes = np.full(labels.shape, IGNORED, np.int16)
    for index, class_id in enumerate(ids):
        classes[labels == class_id] = index
    return Sample(path.stem, image, labels, classes)


def _class_name(info: dict[str, object], class_id: int, objects: bool) -> str:
    if objects:
        return "object" if class_id else "background"
    names = info.get("classes")
    return str(names.get(str(class_id), class_id)) if isinstance(names, dict) else str(class_id)


def _membrane(names: tuple[str, ...]) -> int | None:
    found = [i for i, name in enumerate(names) if any(word in name for word in _BORDERS)]
    return found[0] if found else None
