from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication

from napari_unet.learner.messages import Ready, Reply
from napari_unet.widgets.common.report_button import ReportButton, ReportDialog


def test_a_report_can_be_read_and_copied(qtbot, session):
    session.apply(Reply(0, Ready("CPU, 2 threads")))
    button = ReportButton(session)
    qtbot.addWidget(button)
    button.click()
    dialog = button.findChild(ReportDialog)
    assert dialog.isVisible()
    assert "CPU, 2 threads" in dialog.text.toPlainText()
    dialog.copy_button.click()
    assert QGuiApplication.clipboard().text() == dialog.text.toPlainText()
    dialog.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert button.findChild(ReportDialog) is None
