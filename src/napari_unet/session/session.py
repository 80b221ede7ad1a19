"""What the user is doing now: classes, model, training, prediction. Neither Qt nor napari.

Only one thread, the window's main thread, changes a session: the replies of the learner are
carried there and given to :meth:`Session.apply`.
"""

import itertools
from collections.abc import Callable

from psygnal import Signal

from napari_unet.core.events import Corrective, LiveScore, Notice, Score, Started, Step
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.header import header_of
from napari_unet.core.network.config import DeviceName
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput, Level
from napari_unet.learner.client import Learner
from napari_unet.learner.computer import HERE, Computer
from napari_unet.learner.messages import (
    Content,
    Failed,
    Improved,
    LiveRequest,
    PredictRequest,
    Ready,
    Reply,
    Trained,
)
from napari_unet.session.classes_and_model import ClassesAndModel
from napari_unet.session.live import Live
from napari_unet.session.predictions import PredictionJobs
from napari_unet.session.sending import SeenStrokes
from napari_unet.session.state import Curve, PaintedPlanes, State
from napari_unet.session.telling import each_of
from napari_unet.session.training import Training, train_request

_NOWHERE = "not running; the next training or prediction tries again"


class Session(ClassesAndModel):
    """The state that the widgets show and the actions that they offer.

    Signals: ``state_changed(state)``, ``device_changed(text)``,
    ``computer_answered(computer)``, when a learner started there, ``curve_changed()``,
    ``progress_changed(fraction, remaining_seconds | None)`` of a training,
    ``improved(model_bytes)`` when a running training has better weights, ``trained(reason)`` at
    the end of a training, after ``model_changed``, ``said(level, text)``. Predictions and the live
    loop have their own: those of ``predictions`` and of ``live``.
    """

    state_changed = Signal(State)
    device_changed = Signal(str)
    computer_answered = Signal(Computer)
    curve_changed = Signal()
    progress_changed = Signal(float, object)
    improved = Signal(bytes)
    trained = Signal(str)
    said = Signal(Level, str)

    def __init__(self, learner: Learner, computer: Computer = HERE) -> None:
        super().__init__()
        self._learner = learner
        self.computer = computer
        self._numbers = itertools.count(1)
        self._training: Training | None = None
        self.predictions = PredictionJobs(learner, self._numbers)
        self.predictions.warned.connect(self._warn)
        self._seen = SeenStrokes()  # touched by the learner's sending thread only
        self._best: bytes | None = None  # of the running training or live loop
        self.live = Live()
        self.state = State.IDLE
        self.device = ""
        self.classes_changed.connect(self._tell_classes)

    @property
    def curve(self) -> Curve:
        """Losses and scores of the running or last training or live loop."""
        if self._training is None:
            return self.live.curve or Curve()
        return self._training.curve

    @property
    def newest_model(self) -> bytes | None:
        """The best model of what learns now, or else the one in use."""
        learning = self.state is not State.IDLE and self._best is not None
        return self._best if learning else self.model

    def train(self, read: Callable[[], PaintedPlanes], settings: TrainSettings) -> None:
        """Fine-tune the model in use, or train a new one, on what is painted.

        ``read`` gives the painted planes; called in another thread.
        """
        self._check_idle()
        job = next(self._numbers)
        classes, model = self.classes, self.model
        # Submitted first: there is no state without its job, whatever a listener does.
        self._learner.submit(
            job,
            lambda: train_request(job, read, self._seen, settings, classes, model),
            training=True,
        )
        self._training, self._best = Training(job), None
        each_of(
            self.live.forget,
            lambda: self._set_state(State.TRAINING),
            self.curve_changed.emit,
            lambda: self.progress_changed.emit(0.0, settings.seconds),
        )

    def stop_training(self) -> None:
        """End the training; the best weights so far become the model in use."""
        if self.state is State.TRAINING and self._training is not None:
            self._learner.stop(self._training.job)
            self._set_state(State.STOPPING)

    def start_live(self, device: DeviceName = "auto", seed: int = 0) -> None:
        """Learn from strokes as they come, until :meth:`stop_live`; ``live`` is told of them.

        Its model is in use from the first; in place of another that is not saved, only at the end.
        """
        self._check_idle()
        job = next(self._numbers)
        classes = self.classes
        # Submitted first: the state's listeners at once tell the job what is painted.
        self._learner.submit(job, lambda: LiveRequest(job, classes, device, seed), training=True)
        self._training, self._best = None, None
        each_of(
            lambda: self.live.begin(job, self._learner),
            lambda: self._set_state(State.LIVE),
            self.curve_changed.emit,
        )
        if self.model is not None:
            lost = " Save that one first to keep it." if self.unsaved else ""
            text = f"Live learns from the strokes alone; it replaces the model in use.{lost}"
            self.said.emit(Level.INFO, text)

    def stop_live(self) -> None:
        """End the live loop; what it shows becomes the model in use."""
        if self.state is State.LIVE and self.live.job is not None:
            self._learner.stop(self.live.job)
            self._set_state(State.STOPPING)

    def ask(
        self, prepare: Callable[[int], PredictRequest], answer: Callable[[Content], None]
    ) -> int:
        """Queue a request whose replies go to one place; returns its job.

        Nothing of the session changes, so any thread may call it. ``prepare`` and ``answer``, which
        must not wait, are called in other threads.
        """
        job = next(self._numbers)
        self._learner.submit(job, lambda: prepare(job), training=False, answer=answer)
        return job

    def drop(self, job: int) -> None:
        """Say that nobody waits for a job of :meth:`ask` any more; any thread may call it."""
        self._learner.drop(job)

    def close(self) -> None:
        """End the learner and everything that runs in it; classes and the best model stay."""
        self._learner.close()
        self.predictions.forget()
        if self.state is not State.IDLE:
            self._end()

    def compute_on(self, computer: Computer) -> None:
        """Train and predict elsewhere from now on; what is predicted now is predicted there.

        ``InvalidInput`` if something is trained.
        """
        self._check_idle()
        self.computer = computer
        self._set_device("")
        self._learner.use(computer)

    def reopen(self, learner: Learner) -> None:
        """Go on after :meth:`close`, with another learner."""
        self._learner = learner
        self.predictions.use(learner)
        self._set_device("")

    def apply(self, reply: Reply) -> None:
        """Take in what the learner says; call it in the main thread only."""
        content = reply.content
        if isinstance(content, Ready):
            self._set_device(content.device)
            self.computer_answered.emit(self.computer)
        elif self._training is not None and reply.job == self._training.job:
            self._apply_training(self._training, content)
        elif self.state is not State.IDLE and reply.job == self.live.job:
            self._apply_live(reply.job, content)
        elif reply.job == 0 and isinstance(content, Failed):
            self._set_device(_NOWHERE)
            self.said.emit(Level.ERROR, content.text)
        elif reply.job == 0 and isinstance(content, Notice):
            self._warn(content.text)
        else:
            self.predictions.apply(reply.job, content)

    def _apply_training(self, training: Training, content: object) -> None:
        match content:
            case Started():
                training.held_out = content.held_out
                self._set_device(f"{content.device}, {content.precision}")
            case Step():
                training.add_step(content)
                self.curve_changed.emit()
                self.progress_changed.emit(training.progress, training.remaining)
            case Score():
                training.add_score(content)
                self.curve_changed.emit()
            case Improved():
                self._best = content.model
                self.improved.emit(content.model)
            case Failed() if self.state is State.STOPPING:
                each_of(self._end, lambda: self.said.emit(Level.INFO, content.text))
            case _:
                self._apply_end(content)

    def _apply_live(self, job: int, content: object) -> None:
        match content:
            case Improved():
                self._best = content.model
                if self.model is None or not self.unsaved or self._model_job == job:
                    self._use(content.model, header_of(content.model), job=job)
            case Started():
                self._set_device(f"{content.device}, {content.precision}")
            case Failed() if self.state is State.STOPPING:
                self._end()  # nothing was painted yet, which needs no word
            case Notice() | Trained() | Failed():
                self._apply_end(content)
            case _:
                self.live.apply(content)
                if isinstance(content, LiveScore | Corrective):
                    self.curve_changed.emit()

    def _apply_end(self, content: object) -> None:
        match content:
            case Notice():
                self._warn(content.text)
            case Trained():
                each_of(
                    lambda: self._use(content.model, header_of(content.model)),
                    lambda: self._set_state(State.IDLE),
                    lambda: self.trained.emit(content.reason),
                )
            case Failed():
                each_of(self._end, lambda: self.said.emit(Level.ERROR, content.text))

    def _end(self) -> None:
        """Go idle with the best model that was told of, if any."""
        each_of(self._use_best, lambda: self._set_state(State.IDLE))

    def _use_best(self) -> None:
        if self._best is not None:
            self._use(self._best, header_of(self._best))

    def _check_idle(self) -> None:
        if self.state is State.LIVE:
            raise InvalidInput("Live is training already; switch it off first.")
        if self.state is not State.IDLE:
            raise InvalidInput("a training is running; stop it first.")

    def _warn(self, text: str) -> None:
        self.said.emit(Level.WARNING, text)

    def _set_state(self, state: State) -> None:
        if state is not self.state:
            self.state = state
            self.state_changed.emit(state)

    def _set_device(self, device: str) -> None:
        if not self.computer.is_here:
            device = f"{self.computer.name}: {device or 'starting…'}"
        if device != self.device:
            self.device = device
            self.device_changed.emit(device)

    def _tell_classes(self, classes: tuple[ClassInfo, ...]) -> None:
        if self.state is State.LIVE:
            self.live.tell_classes(classes)
