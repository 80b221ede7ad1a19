"""The edge of a training: images and labels from outside become checked pieces and targets.

A piece is what the network sees at a time: a plane, or a volume where it is trained in 3D.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.images.arrange import planes_like, volumes_like
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.normalise import (
    along_rows,
    grey_range,
    grey_values,
    normalise_piece,
    rescale,
)
from napari_unet.core.labels.check_labels import check_labels
from napari_unet.core.labels.classes import ClassInfo, describe_classes
from napari_unet.core.labels.targets import (
    IGNORED,
    Target,
    class_ids,
    hold_out,
    labelled_planes,
    make_target,
)
from napari_unet.core.models.header import GreyValues
from napari_unet.core.models.model import Model
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput


@dataclass(frozen=True)
class Dataset:
    """What a network is trained on.

    Attributes
    ----------
    images
        Normalised planes, (C, Y, X) float32, or volumes, (C, Z, Y, X).
    targets
        One an image.
    classes
        In the order of the network's outputs.
    grey_values
        (low, high) of each channel of the images before they were normalised.
    """

    images: tuple[np.ndarray, ...]
    targets: tuple[Target, ...]
    classes: tuple[ClassInfo, ...]
    grey_values: GreyValues = ()

    @property
    def channels(self) -> int:
        """Number of channels of every image."""
        return int(self.images[0].shape[0])

    @property
    def held_out(self) -> bool:
        """Whether anything is held out for the score."""
        return any(target.held_out.any() for target in self.targets)

    def labelled_pixels(self) -> dict[int, int]:
        """Count the labelled pixels by class id."""
        counts = np.zeros(len(self.classes), dtype=np.int64)
        for target in self.targets:
            labelled = target.classes[target.classes != IGNORED]
            counts += np.bincount(labelled, minlength=len(counts))
        return {entry.id: int(count) for entry, count in zip(self.classes, counts, strict=True)}


def make_dataset(
    images: Sequence[np.ndarray | Cutout],
    labels: Sequence[np.ndarray],
    settings: TrainSettings,
    *,
    newest: Sequence[np.ndarray] = (),
    known: Sequence[ClassInfo] = (),
    model: Model | None = None,
) -> Dataset:
    """Check images and labels and make them into planes or volumes, and targets.

    Parameters
    ----------
    images
        (..., Y, X), in 3D (..., Z, Y, X), with a channel axis where there are channels; or parts of
        planes.
    labels
        One array an image, the image's shape without channels; of a part, that of its rectangle.
    settings
        Kind of the labels, dimensions, border weights, seed.
    newest
        One boolean array an image of the labels' shape, or empty: what was painted last.
    known
        Names and colours of classes.
    model
        Model to start from: its classes come first, in its order.

    Raises
    ------
    InvalidInput
        With what is wrong and what to do.
    """
    if len(images) == 0 or len(images) != len(labels):
        raise InvalidInput(
            f"{len(images)} images and {len(labels)} label arrays were given; give one label "
            "array for each image."
        )
    checked = [check_labels(array) for array in labels]
    kind = settings.label_kind
    ids = class_ids(checked, kind)
    classes = _ordered_classes(ids, settings, known, model)
    order = [entry.id for entry in classes]
    _check_varied(images)
    pieces: list[np.ndarray] = []
    targets: list[Target] = []
    ranges: list[np.ndarray] = []
    for index, (image, array) in enumerate(zip(images, checked, strict=True)):
        fresh = newest[index] if len(newest) else np.zeros(array.shape, dtype=bool)
        for piece, labelled, new, seen in _labelled_pieces(image, array, fresh, settings):
            pieces.append(piece)
            ranges.append(seen)
            target = make_target(
                labelled,
                kind,
                order,
                newest=new,
                w0=settings.w0,
                sigma=settings.sigma,
                voxel_size=settings.cubes,
            )
            targets.append(target)
    _check_channels(pieces, model)
    rng = np.random.default_rng(settings.seed)
    held = hold_out(targets, kind, len(classes), rng)
    return Dataset(tuple(pieces), tuple(held), classes, grey_values(ranges))


def _labelled_pieces(
    image: np.ndarray | Cutout, labels: np.ndarray, fresh: np.ndarray, settings: TrainSettings
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]:
    """Yield normalised pieces that have labels, these, what of them is newest, grey ranges."""
    if isinstance(image, Cutout):
        if labels.shape != image.pixels.shape[1:] or settings.dimensions == 3:
            raise InvalidInput(
                f"the labels' shape {labels.shape} does not fit a part of a plane, of shape "
                f"{image.pixels.shape[1:]}; give labels of that rectangle, and train in 2D."
            )
        if settings.label_kind != "scribbles" or labels.any():
            yield rescale(image.pixels, image.ranges), labels, fresh, image.ranges
        return
    arranged = (planes_like if settings.dimensions == 2 else volumes_like)(image, labels)
    piled = labels.reshape(-1, *arranged.data.shape[2:])
    new = fresh.reshape(piled.shape)
    for number in labelled_planes(arranged, labels, settings.label_kind):
        piece = arranged.data[number]
        yield normalise_piece(piece), piled[number], new[number], grey_range(along_rows(piece))


def _check_varied(images: Sequence[np.ndarray | Cutout]) -> None:
    """Refuse parts of planes all of which are constant, as arrays that are constant are."""
    if all(isinstance(image, Cutout) and image.is_constant for image in images):
        raise InvalidInput(
            "every pixel of the image is the same, so there is nothing to learn; choose another "
            "image or channel."
        )


def _ordered_classes(
    ids: list[int],
    settings: TrainSettings,
    known: Sequence[ClassInfo],
    model: Model | None,
) -> tuple[ClassInfo, ...]:
    described = describe_classes(ids, settings.label_kind, known)
    if model is None:
        return described
    if model.header.label_kind != settings.label_kind:
        raise InvalidInput(
            f"the model was trained on labels of kind {model.header.label_kind!r}, these are "
            f"{settings.label_kind!r}; use the same kind or start a new model."
        )
    if model.header.network.ndim != settings.dimensions:
        raise InvalidInput(
            f"the model is {model.header.network.ndim}D and this training "
            f"{settings.dimensions}D; use the same number of dimensions or start a new model."
        )
    renamed = {entry.id: entry for entry in known}
    kept = [renamed.get(entry.id, entry) for entry in model.classes]
    before = {entry.id for entry in kept}
    return (*kept, *(entry for entry in described if entry.id not in before))


def _check_channels(pieces: list[np.ndarray], model: Model | None) -> None:
    counts = sorted({piece.shape[0] for piece in pieces})
    if len(counts) > 1:
        raise InvalidInput(
            f"the images have {' and '.join(map(str, counts))} channels; train on images with the "
            "same channels."
        )
    if model is not None and counts[0] != model.header.network.in_channels:
        raise InvalidInput(
            f"the model was trained on {model.header.network.in_channels} channels and these "
            f"images have {counts[0]}; choose images like those, or start a new model."
        )
