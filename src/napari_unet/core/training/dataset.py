"""The edge of a training: images and labels from outside become checked pieces and targets.

A piece is what the network sees at a time: a plane, or a volume where it is trained in 3D.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.intensity import (
    EACH_BY_ITSELF,
    Intensities,
    Scaling,
    typical,
    with_ground,
)
from napari_unet.core.images.lazy_plane import intensities_of
from napari_unet.core.images.normalise import not_imaged, rescale
from napari_unet.core.labels.across_planes import Place
from napari_unet.core.labels.check_labels import check_labels
from napari_unet.core.labels.classes import ClassInfo, LabelKind, background_id, describe_classes
from napari_unet.core.labels.targets import (
    IGNORED,
    Target,
    class_ids,
    hold_out,
    labelled_planes,
    make_target,
)
from napari_unet.core.models.model import Model
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput


@dataclass(frozen=True)
class Dataset:
    """What a network is trained on.

    Normalised planes, (C, Y, X) float32, or volumes, (C, Z, Y, X), and a target each; classes are
    in the order of the network's outputs. ``scaling`` says how the images were normalised, and
    others are to be; ``seen`` what the grey values of each image were like before; ``places`` the
    stack that each is of, its index there, and its first row and column.
    """

    images: tuple[np.ndarray, ...]
    targets: tuple[Target, ...]
    classes: tuple[ClassInfo, ...]
    scaling: Scaling = EACH_BY_ITSELF
    seen: tuple[Intensities, ...] = ()
    places: tuple[tuple[Place, tuple[int, ...]], ...] = ()

    def position(self, number: int, at: Sequence[int]) -> tuple[int, ...]:
        """Return where a pixel of an image is in its stack, along all axes."""
        (_, lead), origin = self.places[number] if self.places else ((0, ()), (0, 0))
        first, last = at[:-2], (at[-2] + origin[-2], at[-1] + origin[-1])
        return (*lead, *first, *last)

    @property
    def channels(self) -> int:
        """Number of channels of every image."""
        return int(self.images[0].shape[0])

    @property
    def held_out(self) -> bool:
        """Whether anything is held out for the score."""
        return any(target.held_out.any() for target in self.targets)

    @property
    def intensity_range(self) -> tuple[tuple[float, float], ...]:
        """The lowest low and the highest high of each channel, before."""
        return tuple(
            (min(one.low for one in channel), max(one.high for one in channel))
            for channel in zip(*self.seen, strict=True)
        )

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
    places: Sequence[Place] = (),
    known: Sequence[ClassInfo] = (),
    model: Model | None = None,
) -> Dataset:
    """Check images and labels and make them into planes or volumes, and targets.

    Images are (..., Y, X), in 3D (..., Z, Y, X), with a channel axis where there are channels; or
    parts of planes. Labels are one array an image of its shape without channels, of a part that of
    its rectangle; ``newest`` is bool of that shape, or empty. ``places`` say where each image lies
    that is a plane of a stack, so that a stroke across planes is one; empty if each is on its own.
    The planes of one array are neighbours in any case. The classes of a model to start from come
    first, in its order. What is wrong is refused.
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
    pieces = [
        piece
        for index, (image, array) in enumerate(zip(images, checked, strict=True))
        for piece in _labelled_pieces(
            image,
            array,
            newest[index] if len(newest) else None,
            settings,
            places[index] if len(places) else (index, ()),
        )
    ]
    _check_channels([piece.pixels for piece in pieces], model)
    targets = [
        make_target(
            piece.labels,
            kind,
            order,
            newest=piece.newest,
            w0=settings.w0,
            sigma=settings.sigma,
            voxel_size=settings.cubes,
            unknown=not_imaged(piece.pixels),
        )
        for piece in pieces
    ]
    scaling = _scaling(pieces, targets, order, kind, model)
    planes = tuple(rescale(piece.pixels, scaling.of(piece.seen)) for piece in pieces)
    rng = np.random.default_rng(settings.seed)
    held = hold_out(
        targets,
        kind,
        len(classes),
        rng,
        places=[piece.place for piece in pieces],
        origins=[piece.origin for piece in pieces],
    )
    return Dataset(
        planes,
        tuple(held),
        classes,
        scaling,
        tuple(piece.seen for piece in pieces),
        tuple((piece.place, piece.origin) for piece in pieces),
    )


@dataclass(frozen=True, eq=False)
class _Piece:
    """A plane or volume that has labels, or a part of one: as stored, (C, *axes).

    Its place is the stack that it is of and its index there, its origin its first pixel.
    """

    pixels: np.ndarray
    labels: np.ndarray
    newest: np.ndarray | None
    seen: Intensities
    place: Place
    origin: tuple[int, ...]


def _labelled_pieces(
    image: np.ndarray | Cutout,
    labels: np.ndarray,
    newest: np.ndarray | None,
    settings: TrainSettings,
    place: Place,
) -> Iterator[_Piece]:
    if isinstance(image, Cutout):
        if labels.shape != image.pixels.shape[1:] or settings.dimensions == 3:
            raise InvalidInput(
                f"the labels' shape {labels.shape} does not fit a part of a plane, of shape "
                f"{image.pixels.shape[1:]}; give labels of that rectangle, and train in 2D."
            )
        if settings.label_kind != "scribbles" or labels.any():
            origin = image.box.rows[0], image.box.columns[0]
            yield _Piece(image.pixels, labels, newest, image.known, place, origin)
        return
    stack, at = place
    arranged = pieces_like(image, labels, settings.dimensions)
    piled = labels.reshape(-1, *arranged.data.shape[2:])
    fresh = None if newest is None else newest.reshape(piled.shape)
    for number in labelled_planes(arranged, labels, settings.label_kind):
        pixels = arranged.data[number]
        new = None if fresh is None else fresh[number]
        lead = tuple(int(i) for i in np.unravel_index(number, arranged.lead))
        seen = intensities_of(pixels)
        yield _Piece(
            pixels, piled[number], new, seen, (stack, (*at, *lead)), (0,) * (pixels.ndim - 1)
        )


def _scaling(
    pieces: Sequence[_Piece],
    targets: Sequence[Target],
    ids: Sequence[int],
    kind: LabelKind,
    model: Model | None,
) -> Scaling:
    """Return how the pieces, and what is predicted later, are scaled."""
    background = background_id(kind)
    index = ids.index(background) if background in ids else len(ids)
    seen = [
        with_ground(piece.seen, piece.pixels[:, target.classes == index])
        for piece, target in zip(pieces, targets, strict=True)
    ]
    before = EACH_BY_ITSELF if model is None else model.header.scaling
    return Scaling(before.way, typical(seen, before.reference))


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
