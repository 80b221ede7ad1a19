"""The model in use: what it knows; start over, open, save."""

from datetime import datetime

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLabel, QMessageBox, QSizePolicy, QWidget

from napari_unet.core.models.header import ModelHeader
from napari_unet.session.session import Session
from napari_unet.session.state import State
from napari_unet.widgets.qt.build import grid, push_button
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown

_SEEN = {2: "planes", 3: "volumes"}
_BUSY = "Wait for the training to end, or stop it."
_OPEN_TIP = "Take a saved model into use, or a bioimage.io package with ONNX weights"
_FILES = "U-Net models (*.unet);;All files (*)"
_TO_OPEN = "Models (*.unet *.zip);;All files (*)"


class ModelLine(QWidget):
    """Says in a line which model is in use, and opens another one.

    One that is not saved is not dropped without a question.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.label = QLabel(objectName="model_label", wordWrap=True)
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.label.setTextFormat(Qt.TextFormat.PlainText)
        self.open_button = push_button("&Open…", "open_model_button", self._on_open_clicked)
        self._lay_out()
        links = Connections(self)
        links.add(session.model_changed, self._update)
        links.add(session.state_changed, self._update)
        self._update()

    def _lay_out(self) -> None:
        grid(self, (self.label, self.open_button)).setColumnStretch(0, 1)

    def _update(self) -> None:
        header, busy = self._session.header, self._session.state is not State.IDLE
        text = model_text(header, unsaved=self._session.unsaved)
        self.label.setText(f"Model: {text}")
        self.label.setToolTip("" if header is None else model_details(header))
        self.open_button.setEnabled(not busy)
        self.open_button.setToolTip(_BUSY if busy else _OPEN_TIP)

    def _on_open_clicked(self, *_: object) -> None:
        if not self._may_drop():
            return
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", "", _TO_OPEN)
        if path:
            with errors_shown():
                self._session.load_model(path)

    def _save(self) -> bool:
        path, _ = QFileDialog.getSaveFileName(self, "Save the model", "model.unet", _FILES)
        if not path:
            return False
        with errors_shown():
            self._session.save_model(path)
        return not self._session.unsaved

    def _may_drop(self) -> bool:
        """Ask what becomes of a model that is not saved; return whether to go on."""
        if not self._session.unsaved:
            return True
        buttons = QMessageBox.StandardButton
        answer = QMessageBox.question(
            self,
            "Model not saved",
            "The model in use has not been saved. Save it first?",
            buttons.Save | buttons.Discard | buttons.Cancel,
            buttons.Save,
        )
        return self._save() if answer == buttons.Save else answer == buttons.Discard


class ModelRow(ModelLine):
    """The same with buttons: start over, open, save."""

    def _lay_out(self) -> None:
        self.new_button = push_button("Start over", "new_model_button", self._on_new_clicked)
        self.save_button = push_button("Sa&ve…", "save_model_button", self._save)
        grid(self, (self.label,), (self.new_button, self.open_button, self.save_button))

    def _update(self) -> None:
        super()._update()
        header, busy = self._session.header, self._session.state is not State.IDLE
        self.label.setText(model_text(header, unsaved=self._session.unsaved))
        none = "There is no model yet; train one first."
        for button, ready, why_not in (
            (
                self.new_button,
                "Start over: the next training begins with fresh weights",
                _BUSY if busy else none if header is None else "",
            ),
            (self.save_button, "Write the model to a file", none if header is None else ""),
        ):
            button.setEnabled(not why_not)
            button.setToolTip(why_not or ready)

    def _on_new_clicked(self) -> None:
        if self._may_drop():
            self._session.forget_model()


def model_text(header: ModelHeader | None, *, unsaved: bool) -> str:
    """Return one line about a model."""
    if header is None:
        return "No model yet"
    names = ", ".join(entry.name for entry in header.classes)
    when = f" · trained {_when(header)}" if header.history else ""
    return f"{names}{when}{' · not saved' if unsaved else ''}"


def model_details(header: ModelHeader) -> str:
    """Return what a tooltip tells of a model."""
    network = header.network
    lines = [
        f"{header.preset or 'of another program'}, {_SEEN[network.ndim]}, "
        f"{network.in_channels} channel(s) in",
        *(f"{entry.id} = {entry.name}" for entry in header.classes),
    ]
    if header.history:
        last = header.history[-1]
        lines.append(f"{len(header.history)} training(s), the last of {last.steps} steps")
    return "\n".join(lines)


def _when(header: ModelHeader) -> str:
    try:
        moment = datetime.fromisoformat(header.history[-1].finished).astimezone()
    except ValueError:
        return header.history[-1].finished
    today = moment.date() == datetime.now().astimezone().date()
    return f"{moment:%H:%M}" if today else f"{moment:%Y-%m-%d %H:%M}"
