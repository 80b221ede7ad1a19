"""What a method reached on a fold, as files: one for each fold and method."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from napari_unet.errors import InvalidInput

METHODS = ("unet", "patches", "fcn", "forest")


@dataclass(frozen=True)
class Settings:
    """What must be the same in all results that are compared.

    Attributes
    ----------
    minutes
        Training a fold and method.
    preset
        Of the U-Net; the fully convolutional net has its width and depth.
    device
        Where to compute.
    clock
        What counts the minutes, ``wall`` or ``cpu``.
    pretrained
        File of the model that the ablation of that name starts from; empty for none.
    """

    minutes: float = 10.0
    preset: str = "compact"
    device: str = "auto"
    clock: str = "wall"
    pretrained: str = ""

    def of(self, method: str) -> tuple[object, ...]:
        """Return those that a method's result depends on."""
        if method == "forest":
            return ()
        shared = (self.minutes, self.clock, self.device)
        if method == "patches":
            return shared
        pretrained = (self.pretrained,) if method == "unet-pretrained" else ()
        return (*shared, self.preset, *pretrained)


@dataclass(frozen=True)
class Unit:
    """One method, or variation of the U-Net, on one fold of the data set in a folder."""

    folder: str
    method: str
    fold: int

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return Path(self.folder).name


@dataclass(frozen=True)
class Point:
    """A point of a learning curve.

    Attributes
    ----------
    step, seconds
        Since the start of the training, by the clock of the settings.
    loss
        Mean over the steps since the last point.
    held_out
        Mean intersection over union on the training images' held-out pixels; ``None`` where
        nothing was scored.
    """

    step: int
    seconds: float
    loss: float | None
    held_out: float | None


@dataclass(frozen=True)
class Training:
    """How a training went.

    Attributes
    ----------
    steps
        Of the optimiser; 0 for a forest.
    seconds
        By the clock of the settings.
    parameters
        Number of weights, or of nodes of a forest.
    device
        Where it computed, for people.
    restarts
        How often it was interrupted and went on from its saved weights, with new momentum and a
        learning rate that falls anew.
    curve
        Points in time.
    notices
        What the training had to say.
    """

    steps: int
    seconds: float
    parameters: int
    device: str
    restarts: int = 0
    curve: tuple[Point, ...] = ()
    notices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Objects:
    """Objects of one image; predicted ones are connected components.

    Attributes
    ----------
    true, found
        Numbers of objects.
    matched
        Pairs with an intersection over union above 0.5.
    covered
        Sum of the intersections over union of true objects that are more than half covered.
    """

    true: int
    found: int
    matched: int
    covered: float


@dataclass(frozen=True)
class ImageScores:
    """One test image.

    Attributes
    ----------
    name
        Of its file.
    near
        Whether it is next to a training image.
    seconds
        To predict it, by the clock of the settings.
    confusion
        Pixels by true class and predicted class, the most probable one.
    objects
        Where labels are objects.
    membranes
        Where a class is membranes: score to one value a threshold; ``None`` for a score that the
        image does not have.
    """

    name: str
    near: bool
    seconds: float
    confusion: tuple[tuple[int, ...], ...]
    objects: Objects | None = None
    membranes: dict[str, tuple[float, ...] | None] | None = None


@dataclass(frozen=True)
class Result:
    """Everything about one unit.

    Attributes
    ----------
    label_kind, scored, classes
        As in :class:`benchmarks.crossval.data.Folder`; ``classes`` are names.
    folds
        Number of folds that the data set is divided into.
    threads
        Of the process that ran it.
    thresholds
        At which membranes were scored.
    timed
        How the seconds to predict an image were measured.
    trained_on
        Names of the training images.
    """

    unit: Unit
    settings: Settings
    label_kind: str
    scored: str
    classes: tuple[str, ...]
    membrane: int | None
    folds: int
    threads: int
    thresholds: tuple[float, ...]
    timed: str
    trained_on: tuple[str, ...]
    training: Training
    images: tuple[ImageScores, ...]

    def to_bytes(self) -> bytes:
        """Return the content of a result file."""
        return json.dumps(asdict(self), indent=1, allow_nan=False).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Result:
        """Read the content of a result file."""
        raw = json.loads(data)
        raw["unit"] = Unit(**raw["unit"])
        raw["settings"] = Settings(**raw["settings"])
        raw["training"] = training_from(raw["training"])
        raw["images"] = tuple(_image_from(entry) for entry in raw["images"])
        for name in ("classes", "thresholds", "trained_on"):
            raw[name] = tuple(raw[name])
        return cls(**raw)


def training_from(raw: dict[str, Any]) -> Training:
    """Read a training from what JSON holds of it."""
    curve = tuple(Point(**point) for point in raw["curve"])
    return Training(**{**raw, "curve": curve, "notices": tuple(raw["notices"])})


def _image_from(raw: dict[str, Any]) -> ImageScores:
    raw["confusion"] = tuple(map(tuple, raw["confusion"]))
    raw["objects"] = raw["objects"] and Objects(**raw["objects"])
    if raw["membranes"] is not None:
        raw["membranes"] = {k: v and tuple(v) for k, v in raw["membranes"].items()}
    return ImageScores(**raw)


def path_of(unit: Unit, output: Path) -> Path:
    """Return where a unit's result is written; its picture lies beside it as .png."""
    return output / f"fold{unit.fold}.{unit.method}.json"


def read_result(path: Path) -> Result:
    """Read a result file.

    Raises
    ------
    InvalidInput
        It is no result.
    """
    try:
        return Result.from_bytes(path.read_bytes())
    except (ValueError, TypeError, LookupError, AttributeError):
        raise InvalidInput(f"{path} is no result of this benchmark; delete it.") from None


def read_all(output: Path) -> list[Result]:
    """Read every result in a folder, by method and fold."""
    results = [read_result(path) for path in output.glob("fold*.*.json")]
    return sorted(results, key=lambda result: (result.unit.method, result.unit.fold))


def missing(units: Sequence[Unit], settings: Settings, output: Path) -> list[Unit]:
    """Return the units that have no result yet.

    Raises
    ------
    InvalidInput
        A result was made with other settings.
    """
    left = []
    for unit in units:
        path = path_of(unit, output)
        if not path.is_file():
            left.append(unit)
            continue
        if read_result(path).settings.of(unit.method) != settings.of(unit.method):
            raise InvalidInput(
                f"{path} was made with other minutes, preset, device, clock or --pretrained; "
                "choose another --output, or delete it."
            )
    return left
