"""What the window's process and the learner's process say to each other, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unet.core.events import (
    Corrective,
    LiveScore,
    Notice,
    Progress,
    Reason,
    Score,
    Settled,
    Shown,
    Started,
    Step,
)
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.labels.across_planes import Place
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.network.config import DeviceName
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.core.prediction.uncertainty import Doubt
from napari_unet.core.training.settings import TrainSettings

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class TrainRequest:
    """Train on painted planes, or on painted volumes with settings of 3 dimensions.

    Attributes
    ----------
    job
        Number that every reply to this request carries.
    images
        One array a painted plane, (C, Y, X), or volume, (C, Z, Y, X), any dtype; of a large plane
        the surroundings of its strokes.
    labels
        One array each, (Y, X) of the plane or of what was cut out of it, or (Z, Y, X), integer.
    newest
        One boolean array of that shape each: what was painted since the last training; or empty.
    settings
        How to train.
    classes
        Names and colours of the ids that occur in ``labels``.
    model
        Content of a model file to start from, or ``None``.
    pixel_size, pixel_unit
        Size of a pixel as (row, column), where known; that of voxels is in the settings.
    channels
        Which of the image they are, where known; kept in the model.
    places
        Of planes, where each lies in its stack, or empty; strokes across planes are one.
    """

    job: int
    images: tuple[np.ndarray | Cutout, ...]
    labels: tuple[np.ndarray, ...]
    newest: tuple[np.ndarray, ...]
    settings: TrainSettings
    classes: tuple[ClassInfo, ...]
    model: bytes | None
    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None
    channels: tuple[int, ...] | None = None
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class PredictRequest:
    """Predict planes, or volumes with a model of volumes.

    Attributes
    ----------
    images
        One array a plane, (C, Y, X), or a volume, (C, Z, Y, X), any dtype; of a large plane what
        the region needs.
    model
        Content of a model file.
    region
        Rows and columns to predict as (row start, row stop, column start, column stop), of volumes
        with the planes' start and stop before them; ``None`` for all.
    factors
        New pixels for each of the planes', along rows and columns, that the network is given;
        ``None`` for their own. Everything else is in the planes' own pixels.
    probabilities
        Whether to send the probabilities too.
    doubt
        Whether to say how unsure the model is.
    """

    job: int
    images: tuple[np.ndarray | Cutout, ...]
    model: bytes
    device: DeviceName = "auto"
    region: tuple[int, ...] | None = None
    factors: tuple[float, float] | None = None
    probabilities: bool = False
    doubt: bool = False


@dataclass(frozen=True)
class LiveRequest:
    """Learn from strokes as they come, and predict what is looked at, until it is stopped.

    Planes, strokes, classes and views of the job follow in messages of their own; each plane has
    a key that the window chose.

    Attributes
    ----------
    classes
        Names and colours of the classes so far.
    """

    job: int
    classes: tuple[ClassInfo, ...]
    device: DeviceName = "auto"
    seed: int = 0


@dataclass(frozen=True)
class LivePlane:
    """A plane, or a part of a large one, that strokes will follow for.

    Attributes
    ----------
    image
        (C, Y, X), any dtype; boxes of strokes on a part count from its first pixel.
    pixel_size, pixel_unit, channels
        As for a :class:`TrainRequest`; the first plane's are kept in the model.
    place
        Where it lies in its stack; strokes that go on from plane to plane are one.
    """

    job: int
    key: str
    image: np.ndarray | Cutout
    pixel_size: tuple[float, float] | None = None
    pixel_unit: str | None = None
    channels: tuple[int, ...] | None = None
    place: Place | None = None


@dataclass(frozen=True)
class LiveStrokes:
    """What the strokes on a plane are now, inside a box that holds all that changed.

    Attributes
    ----------
    box
        (row start, row stop, column start, column stop).
    labels
        (Y, X) of the box, class ids as painted, 0 unlabelled.
    """

    job: int
    key: str
    box: Box
    labels: np.ndarray


@dataclass(frozen=True)
class LiveClasses:
    """The classes have other names or colours, or there are more of them."""

    job: int
    classes: tuple[ClassInfo, ...]


@dataclass(frozen=True)
class LiveView:
    """What is looked at now, to be predicted before anything else.

    Attributes
    ----------
    generation
        Grows when all that was predicted of the plane before is forgotten, as when another plane
        is looked at; every tile carries it.
    region
        Rows and columns in view as a box; ``None`` for the whole plane.
    image
        (C, Y, X), where the learner has not been sent the plane yet; of a large plane what the
        region needs, where it has not been sent that.
    """

    job: int
    generation: int
    key: str
    region: Box | None
    image: np.ndarray | Cutout | None


@dataclass(frozen=True)
class StopRequest:
    """End a job; a training keeps its best weights."""

    job: int


@dataclass(frozen=True)
class Ready:
    """The learner is warm; ``device`` is what ``auto`` means there."""

    device: str


@dataclass(frozen=True)
class Improved:
    """A training has better weights: the content of a model file."""

    step: int
    score: float
    model: bytes


@dataclass(frozen=True)
class Trained:
    """A training has ended; ``model`` is the content of a model file."""

    step: int
    elapsed: float
    reason: Reason
    score: float
    model: bytes


@dataclass(frozen=True)
class PlanePredicted:
    """A plane, or a volume, is ready.

    Attributes
    ----------
    plane
        Its index in the request.
    classes
        (Y, X), or (Z, Y, X), class ids as painted, of the region.
    probabilities
        (K, *axes) float32, or ``None`` if not asked for.
    doubt
        How unsure the model is of the region, or ``None`` if not asked for.
    intensities
        What the grey values of the whole plane are like, where they were looked at.
    """

    plane: int
    classes: np.ndarray
    probabilities: np.ndarray | None
    doubt: Doubt | None = None
    intensities: Intensities = ()


@dataclass(frozen=True)
class LiveTile:
    """A part of the plane that is looked at is predicted.

    Attributes
    ----------
    generation, key
        Of the view.
    version
        Of what predicted it; grows.
    box
        (row start, row stop, column start, column stop).
    classes
        (Y, X) of the box, class ids as painted.
    """

    generation: int
    version: int
    key: str
    box: Box
    classes: np.ndarray


@dataclass(frozen=True)
class Waiting:
    """A live job cannot learn for now; ``text`` says why and what to do, or is empty again."""

    text: str


@dataclass(frozen=True)
class Predicted:
    """All planes of a prediction are ready, or it was stopped."""

    stopped: bool


@dataclass(frozen=True)
class Failed:
    """A job ended without a result; ``text`` says why and what to do.

    ``details`` is the traceback of an error of ours, for the log.
    """

    text: str
    details: str = ""


LiveMessage = LivePlane | LiveStrokes | LiveClasses | LiveView


@dataclass(frozen=True)
class PieceRequest:
    """Predict a region of a plane in float32; each tile is sent as soon as it is ready.

    Attributes
    ----------
    piece
        What is needed of the plane.
    region
        What to predict.
    model
        Content of a model file.
    tile
        Largest side of a tile's output in pixels; ``None`` takes the fastest known.
    """

    job: int
    piece: Cutout
    region: Tile
    model: bytes
    device: DeviceName
    tile: int | None


@dataclass(frozen=True)
class Forget:
    """Nothing is asked for; what the learner need not keep any more is told with each message."""

    job: int = 0


Request = (
    TrainRequest | PredictRequest | PieceRequest | LiveRequest | LiveMessage | StopRequest | Forget
)
Content = (
    Ready
    | Started
    | Step
    | Score
    | Notice
    | Progress
    | Improved
    | Trained
    | PlanePredicted
    | Predicted
    | Corrective
    | LiveScore
    | Shown
    | Settled
    | Waiting
    | LiveTile
    | TileProbabilities
    | Failed
)


@dataclass(frozen=True)
class Reply:
    """Something the learner says about a job (0: about itself)."""

    job: int
    content: Content
