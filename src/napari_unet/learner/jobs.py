"""What a learner's client knows of its jobs, and the last words for those that were lost."""

import logging
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass

from napari_unet.errors import UserError
from napari_unet.learner.messages import (
    Content,
    Failed,
    Improved,
    LiveMessage,
    LiveRequest,
    Notice,
    Predicted,
    PredictRequest,
    Trained,
    TrainRequest,
)
from napari_unet.log import with_log

Prepare = Callable[[], TrainRequest | PredictRequest | LiveRequest]
Answer = Callable[[Content], None]
PrepareMessages = Callable[[], Sequence[LiveMessage]]


@dataclass(frozen=True)
class Addition:
    """Messages that a live job shall get: the latest of that key."""

    job: int
    key: Hashable


NO_MEMORY = "memory does not suffice to copy the image; use fewer planes."


@dataclass
class Job:
    """A job whose last reply has not come.

    ``best`` is the last model a training sent; replies go to ``answer`` where there is one.
    """

    training: bool
    prepare: Prepare
    answer: Answer | None = None
    stopping: bool = False
    sent: bool = False
    best: Improved | None = None


def said_of(error: Exception) -> str:
    """Return what to say of an error while a layer is read; call it where it is handled."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError):
        return NO_MEMORY
    logging.getLogger(__name__).exception("a layer could not be read")
    return with_log(f"the layer could not be read ({type(error).__name__}: {error}).")


def last_replies(job: Job, reason: str) -> list[Notice | Trained | Predicted | Failed]:
    """Return what a job is answered whose process is gone."""
    lost = f"the training process ended unexpectedly: {reason}"
    if not job.training:
        return [Predicted(stopped=True)] if job.stopping else [Failed(lost)]
    if job.best is None:
        text = "stopped before there was a first model; nothing was changed."
        return [Failed(text if job.stopping else lost)]
    best = job.best
    trained = Trained(
        best.step, float("nan"), "stopped" if job.stopping else "lost", best.score, best.model
    )
    return [trained] if job.stopping else [Notice(lost), trained]
