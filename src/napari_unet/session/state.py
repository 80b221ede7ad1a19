"""What a session shows and what it is given, as plain data. Neither Qt nor napari nor torch."""

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
