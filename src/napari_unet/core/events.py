"""What a training or a prediction reports while it runs, as frozen data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from napari_unet.core.models.model import Model

Reason = Literal["budget", "converged", "stopped", "lost"]


@dataclass(frozen=True)
class Started:
    """Training is about to make its first step.

    Attributes
    ----------
    device, precision
        Where and how it computes, for example ``"cpu"`` and ``"bfloat16"``.
    parameters
        Number of weights.
    held_out
        Whether there are strokes (or regions) to hold out for the score.
    """

    device: str
    precision: str
    parameters: int
    held_out: bool


@dataclass(frozen=True)
class Step:
    """One step of the optimiser.

    Attributes
    ----------
    step
        Steps made so far, from 1.
    loss
        Weighted cross-entropy of the step's batch.
    elapsed, remaining
        Seconds since the start and, as far as one can tell, to the end.
    """

    step: int
    loss: float
    elapsed: float
    remaining: float | None


@dataclass(frozen=True)
class Score:
    """The averaged weights were scored.

    Attributes
    ----------
    value
        Mean over the classes of ``per_class``.
    per_class
        Intersection over union of each class on the scored pixels, in the order of the model's
        classes; NaN for a class without scored pixels.
    held_out
        Whether the scored pixels were kept out of the training; if not, the score is too good.
    """

    step: int
    elapsed: float
    value: float
    per_class: tuple[float, ...]
    held_out: bool


@dataclass(frozen=True)
class Best:
    """These weights score best so far."""

    step: int
    score: float
    model: Model


@dataclass(frozen=True)
class Notice:
    """Something a person should know, in one sentence."""

    text: str


@dataclass(frozen=True)
class Done:
    """Training has ended; ``model`` holds the best weights."""

    step: int
    elapsed: float
    reason: Reason
    score: float
    model: Model


@dataclass(frozen=True)
class Corrective:
    """A new stroke was scored before anything was learned from it.

    ``score`` is the share of its new pixels that were predicted right, 0 to 1. Strokes count from
    1, ``elapsed`` is seconds since the start.
    """

    stroke: int
    class_id: int
    score: float
    elapsed: float


@dataclass(frozen=True)
class LiveScore:
    """The latest weights, mixed with the first answer, were scored on the held-out strokes.

    They are shown unless they are worse than what is shown already. ``value`` is the mean over the
    classes of the intersection over union.
    """

    step: int
    elapsed: float
    value: float


@dataclass(frozen=True)
class Shown:
    """What is shown has changed, and ``version`` grown: predict again what is looked at.

    ``network_share`` is how much the network counts in the answer; the rest is the pixel
    classifier's.
    """

    version: int
    network_share: float


@dataclass(frozen=True)
class Settled:
    """There is nothing left to learn from these strokes, said in words."""

    text: str


@dataclass(frozen=True)
class Progress:
    """``done`` of ``total`` tiles of a prediction are ready."""

    done: int
    total: int


LiveEvent = Started | Step | Corrective | LiveScore | Shown | Settled | Notice
TrainEvent = Started | Step | Score | Best | Notice | Done
