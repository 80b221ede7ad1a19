"""The model in use: what it knows, and New, Open, Save."""

from __future__ import annotations

from datetime import datetime

from qtpy.QtWidgets import (
    QFileDialog,
    QGridLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_unet.core.models.header import ModelHeader
from napari_unet.session.session import Session
from napari_unet.session.state import State
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown

_SEEN = {2: "planes", 3: "volumes"}
_FILES = "U-Net models (*.unet);;All files (*)"
_TO_OPEN = "Models (*.unet *.zip);;All files (*)"


class ModelRow(QWidget):
    """Shows the model in use; one that is not saved is not dropped without a question."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session
        self.label = QLabel()
        self.label.setObjectName("model_label")
        self.label.setWordWrap(True)
        self.label.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.new_button = QPushButton("Start over")
        self.new_button.setObjectName("new_model_button")
        self.new_button.clicked.connect(self._on_new_clicked)
        self.open_button = QPushButton("&Open…")
        self.open_button.setObjectName("open_model_button")
        self.open_button.clicked.connect(self._on_open_clicked)
        self.save_button = QPushButton("Sa&ve…")
        self.save_button.setObjectName("save_model_button")
        self.save_button.clicked.connect(self._on_save_clicked)
        layout = QGridLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setVerticalSpacing(4)
        layout.addWidget(self.label, 0, 0, 1, 3)
        for column, button in enumerate((self.new_button, self.open_button, self.save_button)):
            layout.addWidget(button, 1, column)
        links = Connections(self)
        links.add(session.model_changed, self._update)
        links.add(session.state_changed, self._update)
        self._update()

    def _update(self) -> None:
        header, busy = self._session.header, self._session.state is not State.IDLE
        self.label.setText(model_text(header, unsaved=self._session.unsaved))
        self.label.setToolTip("" if header is None else model_details(header))
        wait = "Wait for the training to end, or stop it."
        none = "There is no model yet; train one first."
        for button, ready, why_not in (
            (
                self.new_button,
                "Start over: the next training begins with fresh weights",
                wait if busy else none if header is None else "",
            ),
            (
                self.open_button,
                "Take a saved model into use, or a bioimage.io package with ONNX weights",
                wait if busy else "",
            ),
            (self.save_button, "Write the model to a file", none if header is None else ""),
        ):
            button.setEnabled(not why_not)
            button.setToolTip(why_not or ready)

    def _on_new_clicked(self) -> None:
        if self._may_drop():
            self._session.forget_model()

    def _on_open_clicked(self) -> None:
        if not self._may_drop():
            return
        path, _ = QFileDialog.getOpenFileName(self, "Open a model", "", _TO_OPEN)
        if path:
            with errors_shown():
                self._session.load_model(path)

    def _on_save_clicked(self) -> None:
        self._save()

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
