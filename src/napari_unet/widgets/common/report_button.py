"""A button that shows what to tell of a problem, to be copied."""

from __future__ import annotations

from qtpy.QtGui import QFontDatabase, QGuiApplication
from qtpy.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_unet.report import problem_report
from napari_unet.session.session import Session

_SAID = (
    "Copy this, and say what you did and what you expected. Look through it first: it holds names "
    "of your files and folders. Nothing is sent from here."
)


class ReportButton(QPushButton):
    """*Report a problem…*: versions, device and the end of the log.

    Parameters
    ----------
    session
        Knows the device.
    """

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__("Report a problem…", parent)
        self._session = session
        self.setObjectName("report_button")
        self.setToolTip("Show versions, device and the end of the log, to be copied")
        self.clicked.connect(self._on_clicked)

    def _on_clicked(self) -> None:
        ReportDialog(problem_report(self._session.device), self).open()


class ReportDialog(QDialog):
    """Shows a report, and copies it.

    Parameters
    ----------
    report
        The text.
    """

    def __init__(self, report: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("report_dialog")
        self.setWindowTitle("Report a problem")
        said = QLabel(_SAID)
        said.setWordWrap(True)
        self.text = QPlainTextEdit(report)
        self.text.setAccessibleName("Report")
        self.text.setReadOnly(True)
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.copy_button = buttons.addButton("&Copy", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.clicked.connect(self._on_copy_clicked)
        buttons.rejected.connect(self.close)
        self.finished.connect(self.deleteLater)
        layout = QVBoxLayout(self)
        for part in (said, self.text, buttons):
            layout.addWidget(part)
        self.resize(720, 480)

    def _on_copy_clicked(self) -> None:
        QGuiApplication.clipboard().setText(self.text.toPlainText())
