"""One training as a session sees it: what is asked for, what came back. Neither Qt nor napari."""

from collections.abc import Callable
from dataclasses import dataclass, field

from napari_unet.core.events import Score, Step
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner.messages import TrainRequest
from napari_unet.session.sending import SeenStrokes, painted_images
from napari_unet.session.state import Curve, PaintedPlanes


@dataclass
class Training:
    """A running or ended training.

    ``losses`` and ``scores`` are (step, value), ``held_out`` if the scores are of strokes kept out
    of the training; ``remaining`` are seconds, where they are known.
    """

    job: int
    losses: list[tuple[int, float]] = field(default_factory=list)
    scores: list[tuple[float, float]] = field(default_factory=list)
    held_out: bool = True
    progress: float = 0.0
    remaining: float | None = None

    @property
    def curve(self) -> Curve:
        """Losses and scores so far."""
        return Curve(tuple(self.losses), tuple(self.scores), self.held_out)

    def add_step(self, step: Step) -> None:
        """Take in a step of the optimiser."""
        self.losses.append((step.step, step.loss))
        left = self.remaining = step.remaining
        self.progress = 0.0 if left is None else step.elapsed / max(step.elapsed + left, 1e-9)

    def add_score(self, score: Score) -> None:
        """Take in a score."""
        self.scores.append((score.step, score.value))
        self.held_out = score.held_out


def train_request(
    job: int,
    read: Callable[[], PaintedPlanes],
    seen: SeenStrokes,
    settings: TrainSettings,
    classes: tuple[ClassInfo, ...],
    model: bytes | None,
) -> TrainRequest:
    """Read what is painted, which may take long, and ask for a training on it.

    ``seen`` tells which strokes are new since the last training; ``model`` is the content of the
    model file to start from.
    """
    planes = read()
    return TrainRequest(
        job=job,
        images=painted_images(planes),
        labels=planes.labels,
        newest=seen.newest(planes),
        settings=settings,
        classes=classes,
        model=model,
        pixel_size=planes.pixel_size,
        pixel_unit=planes.pixel_unit,
        channels=planes.channels,
        places=planes.places,
    )
