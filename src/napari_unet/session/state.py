"""What a session shows and what it is given, as plain data. Neither Qt nor napari nor torch."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from napari_unet.core.images.box import Region
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.labels.across_planes import Place


class State(Enum):
    """What a training, or the live loop, is doing."""

    IDLE = "idle"
    TRAINING = "training"
    LIVE = "live"
    STOPPING = "stopping"


@dataclass(frozen=True)
class PaintedPlanes:
    """The planes of a layer that have strokes, or its volumes that have, to be learnt in 3D.

    ``keys`` stay the same between trainings. Images are one a plane, (C, Y, X), or a volume, (C, Z,
    Y, X); labels (Y, X) or (Z, Y, X), class ids as painted, 0 unlabelled. ``boxes`` say which part
    of its plane each of ``labels`` is, ``None`` for all; of a large plane there may be several.
    Empty if each is all. The pixel size is (row, column), where known; of voxels the unit alone.
    ``channels`` are those of the image, if all are of one; ``places`` say of planes where each lies
    in its stack.
    """

    keys: tuple[str, ...]
    images: tuple[Plane, ...]
    labels: tuple[np.ndarray, ...]
    boxes: tuple[Region | None, ...] = ()
    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None
    channels: tuple[int, ...] | None = None
    places: tuple[Place, ...] = ()


def joined(parts: Sequence[PaintedPlanes]) -> PaintedPlanes:
    """Return the planes of several images as those of one training; there is one at least.

    The pixel size is that of the first that says one; places are kept if all have theirs.
    """
    first = next((part for part in parts if part.pixel_size is not None), parts[0])
    channels = {part.channels for part in parts}
    placed = all(part.places for part in parts)
    return PaintedPlanes(
        keys=tuple(key for part in parts for key in part.keys),
        images=tuple(image for part in parts for image in part.images),
        labels=tuple(labels for part in parts for labels in part.labels),
        boxes=tuple(box for part in parts for box in part.boxes or (None,) * len(part.labels)),
        pixel_size=first.pixel_size,
        pixel_unit=first.pixel_unit,
        channels=channels.pop() if len(channels) == 1 else None,
        places=tuple(place for part in parts for place in part.places) if placed else (),
    )


@dataclass(frozen=True)
class Curve:
    """A training so far.

    ``losses`` are (step, loss), ``scores`` (step, score), or (second, score) of the live loop,
    ``held_out`` if they are of strokes kept out of the training; ``corrective`` are (second, share)
    of the live loop: how much of each new stroke had been predicted right before it was learnt.
    """

    losses: tuple[tuple[int, float], ...] = ()
    scores: tuple[tuple[float, float], ...] = ()
    held_out: bool = True
    corrective: tuple[tuple[float, float], ...] = ()
    live: bool = False


def newest_strokes(labels: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """Return where strokes were painted or changed.

    (Y, X) or (Z, Y, X) class ids as painted, 0 unlabelled; the same earlier, or ``None`` if it had
    no strokes.
    """
    if before is None or before.shape != labels.shape:
        return labels != 0
    return (labels != before) & (labels != 0)
