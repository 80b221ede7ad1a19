"""The predictions of a session, each a job of its own. Neither Qt nor napari."""

from collections.abc import Callable, Iterator, Sequence

from psygnal import Signal

from napari_unet.core.events import Notice, Progress
from napari_unet.core.images.lazy_plane import Plane
from napari_unet.core.models.header import header_of
from napari_unet.core.network.config import DeviceName
from napari_unet.learner.client import Learner
from napari_unet.learner.messages import Failed, PlanePredicted, Predicted, PredictRequest
from napari_unet.session.sending import for_region


class PredictionJobs:
    """What is being predicted, beside whatever is learned.

    ``numbers`` give each job of the session its number. Signals: ``plane_predicted(job,
    PlanePredicted)``, ``progressed(job, done, total)``, ``ended(job, error | None, stopped)``,
    ``warned(text)``.
    """

    plane_predicted = Signal(int, PlanePredicted)
    progressed = Signal(int, int, int)
    ended = Signal(int, object, bool)
    warned = Signal(str)

    def __init__(self, learner: Learner, numbers: Iterator[int]) -> None:
        self._learner, self._numbers = learner, numbers
        self._jobs: set[int] = set()

    @property
    def running(self) -> bool:
        """Whether a prediction is queued or running."""
        return bool(self._jobs)

    def start(
        self,
        read: Callable[[], Sequence[Plane]],
        model: bytes,
        *,
        region: tuple[int, ...] | None = None,
        factors: tuple[float, float] | None = None,
        probabilities: bool = False,
        doubt: bool = False,
        device: DeviceName = "auto",
    ) -> int:
        """Predict planes or volumes; returns the number of the job that the signals carry.

        ``read`` gives the planes, (C, Y, X), or volumes, (C, Z, Y, X), in another thread. Of planes
        of more than 4096 x 4096 pixels only what the region needs is read, which may not be larger.
        ``model`` is the content of a model file; the rest is as in a :class:`PredictRequest`.
        """
        job = next(self._numbers)

        def prepare() -> PredictRequest:
            header = header_of(model)
            together = header.scaling.way == "stack"
            return PredictRequest(
                job=job,
                images=tuple(
                    for_region(plane, region, header.network, factors, together=together)
                    for plane in read()
                ),
                model=model,
                device=device,
                region=region,
                factors=factors,
                probabilities=probabilities,
                doubt=doubt,
            )

        self._learner.submit(job, prepare, training=False)
        self._jobs.add(job)
        return job

    def stop(self, job: int) -> None:
        """End a prediction; planes that are ready stay."""
        self._learner.stop(job)

    def forget(self) -> None:
        """Drop all jobs, whose learner is closed."""
        self._jobs.clear()

    def use(self, learner: Learner) -> None:
        """Predict with another learner from now on."""
        self._learner = learner

    def apply(self, job: int, content: object) -> None:
        """Take in what the learner says of a job; what it says of others is no prediction."""
        if job not in self._jobs:
            return
        match content:
            case PlanePredicted():
                self.plane_predicted.emit(job, content)
            case Progress():
                self.progressed.emit(job, content.done, content.total)
            case Notice():
                self.warned.emit(content.text)
            case Predicted():
                self._jobs.discard(job)
                self.ended.emit(job, None, content.stopped)
            case Failed():
                self._jobs.discard(job)
                self.ended.emit(job, content.text, False)
