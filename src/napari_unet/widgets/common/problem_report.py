"""What to tell of a problem, to be copied: as a dock of its own and behind a button."""

from collections.abc import Callable

from napari.viewer import Viewer
from qtpy.QtGui import QFontDatabase, QGuiApplication, QShowEvent
from qtpy.QtWidgets import QDialog, QLabel, QPlainTextEdit, QPushButton, QVBoxLayout, QWidget

from napari_unet.report import problem_report
from napari_unet.session.session import Session
from napari_unet.widgets.desk.shared import device_of
from napari_unet.widgets.qt.build import push_button
from napari_unet.widgets.qt.docked import Docked

_SAID = (
    "Copy this, and say what you did and what you expected. Look through it first: it holds names "
    "of your files and folders. Nothing is sent from here."
)


class ReportView(QWidget):
    """Versions, device and the end of the log as they are when it is shown, to be copied."""

    def __init__(self, device: Callable[[], str]) -> None:
        super().__init__()
        self._device = device
        said = QLabel(_SAID, wordWrap=True)
        self.text = QPlainTextEdit(accessibleName="Report")
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.copy_button = push_button("&Copy", "copy_report_button", self._on_copy_clicked)
        layout = QVBoxLayout(self)
        for part in (said, self.text, self.copy_button):
            layout.addWidget(part)

    def showEvent(self, event: QShowEvent) -> None:
        """Look at the log anew."""
        self.text.setPlainText(problem_report(self._device()))
        super().showEvent(event)

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())


class ReportDock(Docked):
    """*Plugins > U-Net > Report a problem*: can be opened when nothing else of ours can."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(ReportView(lambda: device_of(napari_viewer)))


class ReportButton(QPushButton):
    """*Report a problem…*: the same in a window of its own."""

    def __init__(self, session: Session) -> None:
        super().__init__("Report a problem…")
        self._session = session
        self.setObjectName("report_button")
        self.setToolTip("Show versions, device and the end of the log, to be copied")
        self.clicked.connect(self._on_clicked)

    def _on_clicked(self) -> None:
        dialog = QDialog(self)
        dialog.setObjectName("report_dialog")
        dialog.setWindowTitle("Report a problem")
        QVBoxLayout(dialog).addWidget(ReportView(lambda: self._session.device))
        dialog.finished.connect(dialog.deleteLater)
        dialog.resize(720, 480)
        dialog.open()
