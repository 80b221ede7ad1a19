"""What a simulated annotator reached, as files: one for each method, data set and seed."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from napari_unet.errors import InvalidInput

DENSE = "dense"
CONVPAINT = "convpaint"
METHODS = ("forest", CONVPAINT, "rootpainter", "scratch", "first", "live", DENSE)


@dataclass(frozen=True)
class Settings:
    """What must be the same in all results that are compared.

    Attributes
    ----------
    rounds
        Scored rounds.
    seconds
        Training in each of them.
    dense_seconds
        Training on all pixels.
    clock
        What counts the seconds, ``wall`` or ``cpu``.
    """

    rounds: int = 6
    seconds: float = 8.0
    dense_seconds: float = 600.0
    clock: str = "wall"

    def of(self, method: str) -> tuple[object, ...]:
        """Return those that a method's result depends on."""
        if method == DENSE:
            return self.clock, self.dense_seconds
        return self.clock, self.rounds, self.seconds


@dataclass(frozen=True)
class Unit:
    """One method on the data set in a folder with the images of one seed."""

    method: str
    folder: str
    seed: int

    @property
    def dataset(self) -> str:
        """The data set's name."""
        return Path(self.folder).name


@dataclass(frozen=True)
class First:
    """The first prediction, before any training.

    Attributes
    ----------
    iou, per_class
        As in :class:`Round`.
    seconds
        Wall time from the first strokes to the prediction of one image.
    """

    iou: float
    per_class: tuple[float | None, ...]
    seconds: float


@dataclass(frozen=True)
class Round:
    """One round of strokes, training and scores.

    Attributes
    ----------
    round
        From 0; a training on all pixels has one.
    strokes
        Painted so far; ``None`` if all pixels are labelled.
    person_seconds
        What they cost a person, see :func:`benchmarks.strokes.person.person_seconds`; ``None`` if
        all pixels are labelled.
    trained_seconds
        Training so far, by the clock of the settings.
    wall_seconds
        Everything so far.
    iou
        Intersection over union, mean over the foreground classes, pixels of all test images pooled.
    per_class
        By class, background first; ``None`` for a class that is neither there nor found.
    believed
        The method's own score, if it has one.
    predict_seconds
        Wall time to predict one test image.
    """

    round: int
    strokes: int | None
    person_seconds: float | None
    trained_seconds: float
    wall_seconds: float
    iou: float
    per_class: tuple[float | None, ...]
    believed: float | None
    predict_seconds: float


@dataclass(frozen=True)
class Result:
    """Everything about one unit.

    Attributes
    ----------
    threads
        Threads of the process that ran it.
    training, test
        Names of the image files.
    first
        ``None`` for a method that must train before it predicts.
    """

    unit: Unit
    settings: Settings
    threads: int
    training: tuple[str, ...]
    test: tuple[str, ...]
    classes: int
    first: First | None
    rounds: tuple[Round, ...]

    @property
    def ious(self) -> list[float]:
        """The score of each round."""
        return [entry.iou for entry in self.rounds]

    @property
    def worst_drop(self) -> float:
        """The largest loss from one round to the next, 0 if there is none."""
        return max([0.0, *(a - b for a, b in zip(self.ious[:-1], self.ious[1:], strict=True))])

    def to_bytes(self) -> bytes:
        """Return the content of a result file."""
        return json.dumps(asdict(self), indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Result:
        """Read the content of a result file."""
        raw = json.loads(data)
        raw["unit"] = Unit(**raw["unit"])
        raw["settings"] = Settings(**raw["settings"])
        raw["first"] = raw["first"] and First(**raw["first"])
        raw["rounds"] = tuple(Round(**entry) for entry in raw["rounds"])
        return cls(**raw)


def path_of(unit: Unit, output: Path) -> Path:
    """Return where a unit's result is written; its pictures lie beside it as .npz."""
    return output / f"{unit.dataset}.{unit.seed}.{unit.method}.json"


def read_all(output: Path) -> list[Result]:
    """Read every result in a folder.

    Raises
    ------
    InvalidInput
        A file is no result.
    """
    results = []
    for path in sorted(output.glob("*.*.*.json")):
        try:
            results.append(Result.from_bytes(path.read_bytes()))
        except (ValueError, TypeError, LookupError):
            raise InvalidInput(f"{path} is no result of this benchmark; delete it.") from None
    return results


def missing(units: list[Unit], settings: Settings, output: Path) -> list[Unit]:
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
        found = Result.from_bytes(path.read_bytes()).settings
        if found.of(unit.method) != settings.of(unit.method):
            raise InvalidInput(
                f"{path} was made with other rounds, seconds or clock; choose another --output, "
                "or --again to replace it."
            )
    return left
