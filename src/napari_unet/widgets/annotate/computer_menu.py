"""On which computer the learner runs: a small menu beside the line that tells the device."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QWidget,
)

from napari_unet.learner.computer import HERE, REMOTE, Computer
from napari_unet.learner.known_computers import known_computers, remember
from napari_unet.session.session import Session
from napari_unet.widgets.qt.connections import Connections
from napari_unet.widgets.qt.notify import errors_shown

_TIP = "Compute on this computer, or on another one that ssh reaches"
_LONGEST = 60  # characters in the menu
_HELP = (
    "napari-unet has to be installed there, in the same version, and `ssh` has to reach it without "
    "a password. Without a computer the command runs here, as for a container."
)


class ComputerMenu(QPushButton):
    """Lets somebody choose where the learner runs.

    Parameters
    ----------
    session
        Whose learner it is.
    """

    def __init__(self, session: Session) -> None:
        super().__init__("Wh&ere…")
        self._session = session
        self.setObjectName("computer_button")
        self.setAccessibleName("On which computer is computed")
        self.setToolTip(_TIP)
        self.choices = QMenu(self)
        self.choices.aboutToShow.connect(self._fill)
        self.clicked.connect(self._on_clicked)
        Connections(self).add(session.computer_answered, self._on_answered)

    def _on_clicked(self) -> None:
        self.choices.popup(self.mapToGlobal(self.rect().bottomLeft()))

    def _fill(self) -> None:
        menu, current = self.choices, self._session.computer
        menu.clear()
        computers = [HERE, *known_computers()]
        for computer in computers if current in computers else [*computers, current]:
            action = menu.addAction(label_of(computer).replace("&", "&&"))  # one underlines
            action.setCheckable(True)
            action.setChecked(computer == current)
            action.triggered.connect(lambda _on, computer=computer: self._use(computer))
        menu.addSeparator()
        menu.addAction("Another computer…").triggered.connect(lambda _on: self._ask())

    def _ask(self) -> None:
        dialog = ComputerDialog(self._session.computer, self)
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.accepted.connect(lambda: self._take(dialog))
        dialog.open()

    def _take(self, dialog: ComputerDialog) -> None:
        with errors_shown():
            self._use(dialog.computer())

    def _use(self, computer: Computer) -> None:
        with errors_shown():
            self._session.compute_on(computer)

    def _on_answered(self, computer: Computer) -> None:
        if not computer.is_here:
            remember(computer)


class ComputerDialog(QDialog):
    """Asks for a computer and the command that starts a learner there."""

    def __init__(self, computer: Computer, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("computer_dialog")
        self.setWindowTitle("Compute on another computer")
        self.host = QLineEdit(computer.host, objectName="host_edit")
        self.host.setPlaceholderText("HOST or USER@HOST")
        self.host.setToolTip("A computer as ssh knows it; what is in your ssh's settings counts")
        self.command = QLineEdit(computer.command, objectName="command_edit")
        self.command.setPlaceholderText(REMOTE)
        self.command.setToolTip(
            "Starts the learner there, for example with its path, or behind srun or docker run -i"
        )
        text = QLabel(_HELP, wordWrap=True)
        buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel
        )
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        form = QFormLayout(self)
        form.addRow("Computer", self.host)
        form.addRow("Command", self.command)
        form.addRow(text)
        form.addRow(buttons)

    def computer(self) -> Computer:
        """Return what was typed.

        Raises
        ------
        InvalidInput
            It is no name of a computer, or no command.
        """
        return Computer.checked(self.host.text(), self.command.text())


def label_of(computer: Computer) -> str:
    """Return what a computer is called in the menu."""
    if computer.is_here:
        return "This computer"
    text = ": ".join(text for text in (computer.host, computer.command) if text)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
