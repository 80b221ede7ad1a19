"""What the window's process and the learner's process say to each other, as frozen data."""

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
from napari_unet.core.images.box import Region
from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.labels.across_planes import Place
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.network.config import DeviceName
from napari_unet.core.prediction.tile_probabilities import TileProbabilities
from napari_unet.core.prediction.uncertainty import Doubt
from napari_unet.core.training.settings import TrainSettings


@dataclass(frozen=True)
class TrainRequest:
    """Train on painted planes, or on painted volumes with settings of 3 dimensions.

    Images are one array a painted plane, (C, Y, X), or volume, (C, Z, Y, X), any dtype; of a large
    plane the surroundings of its strokes. Labels are (Y, X) of the plane or of what was cut out of
    it, or (Z, Y, X), integer; ``newest`` is boolean of that shape, what was painted since the last
    training, or empty. ``model`` is the content of a model file to start from. The pixel size is
    (row, column), where known; that of voxels is in the settings. ``channels`` are those of the
    image, where known; kept in the model. ``places`` say of planes where each lies in its stack, or
    are empty; strokes across planes are one.
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
    """Predict a region of planes, or of volumes with a model of volumes.

    Planes are (C, Y, X), volumes (C, Z, Y, X), any dtype; of a large plane what the region needs.
    ``model`` is the content of a model file. The region is (row start, row stop, column start,
    column stop), of volumes with the planes' start and stop before them; ``None`` for all.
    ``factors`` are new pixels for each of the planes', along rows and columns, that the network is
    given; everything else is in the planes' own pixels. ``tile`` is the largest side of a tile's
    output in pixels; ``None`` takes the fastest known. ``exact`` computes in float32, not in the
    device's fastest precision. Each plane is answered by one :class:`PlanePredicted`, with
    ``probabilities`` and ``doubt`` if asked for; or, for ``tiles``, by each of its
    :class:`TileProbabilities` as soon as it is ready.
    """

    job: int
    images: tuple[np.ndarray | Cutout, ...]
    model: bytes
    device: DeviceName = "auto"
    region: tuple[int, ...] | None = None
    factors: tuple[float, float] | None = None
    tile: int | None = None
    exact: bool = False
    tiles: bool = False
    probabilities: bool = False
    doubt: bool = False


@dataclass(frozen=True)
class LiveRequest:
    """Learn from strokes as they come, and predict what is looked at, until it is stopped.

    Planes, strokes, classes and views of the job follow in messages of their own; each plane has a
    key that the window chose. ``classes`` are those so far.
    """

    job: int
    classes: tuple[ClassInfo, ...]
    device: DeviceName = "auto"
    seed: int = 0


@dataclass(frozen=True)
class LivePlane:
    """A plane, or a part of a large one, that strokes will follow for.

    (C, Y, X), any dtype; boxes of strokes on a part count from its first pixel. Pixel size, unit
    and channels are as for a :class:`TrainRequest`; the first plane's are kept in the model.
    ``place`` is where it lies in its stack; strokes that go on from plane to plane are one.
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

    The box is (row start, row stop, column start, column stop); labels are (Y, X) of it, class ids
    as painted, 0 unlabelled.
    """

    job: int
    key: str
    box: Region
    labels: np.ndarray


@dataclass(frozen=True)
class LiveClasses:
    """The classes have other names or colours, or there are more of them."""

    job: int
    classes: tuple[ClassInfo, ...]


@dataclass(frozen=True)
class LiveView:
    """What is looked at now, to be predicted before anything else.

    ``generation`` grows when all that was predicted of the plane before is forgotten, as when
    another plane is looked at; every tile carries it. The region is a box of rows and columns;
    ``None`` for the whole plane. The image, (C, Y, X), is there where the learner has not been sent
    the plane yet; of a large plane what the region needs, where it has not been sent that.
    """

    job: int
    generation: int
    key: str
    region: Region | None
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

    ``plane`` is its index in the request; ``classes`` (Y, X), or (Z, Y, X), class ids as painted,
    of the region; ``probabilities`` (K, *axes) float32. ``intensities`` say what the grey values of
    the whole plane are like, where they were looked at.
    """

    plane: int
    classes: np.ndarray
    probabilities: np.ndarray | None
    doubt: Doubt | None = None
    intensities: Intensities = ()


@dataclass(frozen=True)
class LiveTile:
    """A part of the plane that is looked at is predicted.

    Generation and key are those of the view; ``version`` is that of what predicted it, and grows.
    Classes are (Y, X) of the box, ids as painted.
    """

    generation: int
    version: int
    key: str
    box: Region
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
class Forget:
    """Nothing is asked for; what the learner need not keep any more is told with each message."""

    job: int = 0


Request = TrainRequest | PredictRequest | LiveRequest | LiveMessage | StopRequest | Forget
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
