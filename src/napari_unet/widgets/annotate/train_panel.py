"""One button that trains, and one switch that trains all the time."""

from collections.abc import Callable

from qtpy.QtCore import QSignalBlocker, Qt
from qtpy.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSizePolicy, QSpinBox, QWidget

from napari_unet.core.events import Reason
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import Level
from napari_unet.session.state import State
from napari_unet.widgets.annotate.computer_menu import ComputerMenu
from napari_unet.widgets.annotate.keys import with_key
from napari_unet.widgets.annotate.live_sync import LiveLoop
from napari_unet.widgets.annotate.training import Training
from napari_unet.widgets.desk.desk import Desk
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown
from napari_unet.widgets.qt.progress_bar import ProgressBar, left_text
from napari_unet.widgets.qt.sections import wrapped_label

DEFAULT_SECONDS = 60
_ENDINGS: dict[Reason, str] = {
    "budget": "The time is up; the best model is kept.",
    "converged": "Nothing improves any more; the best model is kept.",
    "stopped": "Stopped; the best model so far is kept.",
    "lost": "The training process was lost; its best model is kept.",
}


_CLEAR = "which lie in clear places"  # so that the score of all pixels is lower, often by much
_LIVE_ENDED = "Live is off; its model is kept."
_LIVE_TIP = (
    "Learn from each stroke as soon as it is painted, and show what comes of it, until it is "
    "switched off"
)


class TrainPanel(QWidget):
    """Train, Stop, Stopping…, and Live."""

    def __init__(
        self,
        desk: Desk,
        training: Training,
        live: LiveLoop,
        settings: Callable[[float], TrainSettings],
    ) -> None:
        super().__init__()
        self._session = desk.session
        self._training = training
        self._live = live
        self._settings = settings
        self._hinting = True  # whether the status line is free for what to do next
        self._make_widgets()
        self._lay_out()
        links = Connections(self)
        links.add(desk.session.state_changed, self._on_state_changed)
        links.add(desk.session.progress_changed, self._on_progressed)
        links.add(desk.session.model_changed, self._update_readiness)
        links.add(desk.session.device_changed, self._on_device_changed)
        links.add(desk.session.trained, self._on_trained)
        links.add(desk.session.said, self._on_said)
        links.add(training.files.changed, self._update_readiness)
        desk.choice.image_changed.connect(self._update_readiness)
        desk.choice.image_retaken.connect(self._update_readiness)
        desk.choice.annotation_changed.connect(self._update_readiness)
        desk.watch.changed.connect(self._update_readiness)
        live.status_changed.connect(self._on_live_status_changed)
        self._on_device_changed(desk.session.device)
        self._on_state_changed(desk.session.state)

    def _make_widgets(self) -> None:
        self.button = push_button("&Train", "train_button", self._on_clicked)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.seconds = QSpinBox(objectName="seconds_spin", accessibleName="Seconds of a training")
        self.seconds.setRange(5, 24 * 3600)
        self.seconds.setSingleStep(30)
        self.seconds.setValue(DEFAULT_SECONDS)
        self.seconds.setSuffix(" s")
        self.seconds.setToolTip("How long a training may take; it ends earlier where it can")
        self.live_switch = QCheckBox("&Live", objectName="live_switch")
        self.live_switch.clicked.connect(self._on_live_clicked)
        self.progress = ProgressBar("train_progress", "How much of the training is done")
        self.device = QLabel(objectName="device_label", wordWrap=True)
        self.device.setToolTip("The computer and device; the device is chosen under Advanced")
        self.status = wrapped_label("train_status")

    def _lay_out(self) -> None:
        first = (self.button, self.seconds, self.live_switch)
        device = QWidget()
        row = QHBoxLayout(device)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.device, 1)
        row.addWidget(ComputerMenu(self._session), 0, Qt.AlignmentFlag.AlignTop)
        layout = grid(self, first, (self.progress,), (device,), (self.status,))
        layout.setColumnStretch(0, 1)

    def _on_clicked(self) -> None:
        if self._session.state is State.IDLE:
            with errors_shown():
                self._training.start(self._settings(float(self.seconds.value())))
        else:
            self._training.stop()

    def _on_live_clicked(self, on: bool) -> None:
        with errors_shown():
            self._live.switch(on)
        self._update_switch()

    def _on_live_status_changed(self) -> None:
        if self._session.state is State.LIVE and self.status.text() != self._live.status():
            self.status.setText(self._live.status())

    def _update_switch(self) -> None:
        state = self._session.state
        with QSignalBlocker(self.live_switch):
            self.live_switch.setChecked(state is State.LIVE)
        self.live_switch.setEnabled(state in (State.IDLE, State.LIVE))
        busy = state is State.TRAINING
        self.live_switch.setToolTip(
            "Wait for the training to end, or stop it." if busy else with_key(_LIVE_TIP, "live")
        )

    def _on_state_changed(self, state: State) -> None:
        self.seconds.setEnabled(state is State.IDLE)
        self._update_switch()
        if state is State.TRAINING:
            self.button.setText("&Stop")
            self.status.setText("Training; you can go on working.")
        elif state is State.LIVE:
            self._on_live_status_changed()
        elif state is State.STOPPING:
            self.button.setText("Stopping…")
            self.status.setText("Stopping; the best model so far is kept.")
        else:
            self.button.setText("&Train")
            self.progress.clear()
            self._hinting = True
        self._update_readiness()

    def _update_readiness(self) -> None:
        state = self._session.state
        if state is State.LIVE:
            self.button.setEnabled(False)
            self.button.setToolTip(
                "Live trains all the time; switch it off to train for a set time."
            )
            return
        if state is not State.IDLE:
            self.button.setEnabled(state is State.TRAINING)
            tip = "End the training and keep the best model so far"
            self.button.setToolTip(with_key(tip, "train"))
            return
        reason = self._training.why_not()
        self.button.setEnabled(reason is None)
        verb = "Train the model further" if self._session.model is not None else "Train"
        ready = f"{verb} with the strokes that are painted now"
        self.button.setToolTip(reason or with_key(ready, "train"))
        if reason is not None or self._hinting:
            self.status.setText(reason or "Ready to train.")
            self._hinting = True

    def _on_progressed(self, fraction: float, remaining: float | None) -> None:
        left = "" if remaining is None else left_text(remaining)
        self.progress.show_text(fraction, "preparing" if fraction == 0 else left)

    def _on_device_changed(self, device: str) -> None:
        self.device.setText(f"Computes on: {device or 'starting…'}")

    def _on_trained(self, reason: Reason) -> None:
        header = self._session.header
        score = header.history[-1].score if header is not None and header.history else None
        kept = "" if score is None else f" It scores IoU {score:.2f} on your strokes, {_CLEAR}."
        live = self._session.curve.live and reason == "stopped"
        self._say((_LIVE_ENDED if live else _ENDINGS[reason]) + kept)

    def _on_said(self, level: Level, text: str) -> None:
        learning = self._session.state in (State.TRAINING, State.LIVE)
        if level is Level.ERROR or not learning:
            self._say(text[:1].upper() + text[1:])

    def _say(self, text: str) -> None:
        self.status.setText(text)
        self._hinting = False
