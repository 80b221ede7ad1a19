from __future__ import annotations

from qtpy.QtCore import QEvent
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication, QDialog

from napari_unet.learner.messages import Ready, Reply
from napari_unet.widgets.common import problem_report
from napari_unet.widgets.common.problem_report import ReportButton, ReportView


def test_a_report_can_be_read_and_copied(qtbot, session):
    session.apply(Reply(0, Ready("CPU, 2 threads")))
    button = ReportButton(session)
    qtbot.addWidget(button)
    button.click()
    dialog, view = button.findChild(QDialog), button.findChild(ReportView)
    assert dialog.isVisible()
    assert "CPU, 2 threads" in view.text.toPlainText()
    view.copy_button.click()
    assert QGuiApplication.clipboard().text() == view.text.toPlainText()
    dialog.close()
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    assert button.findChild(QDialog) is None


def test_the_log_is_looked_at_anew_whenever_a_report_is_shown(qtbot, monkeypatch):
    view = ReportView(lambda: "CPU")
    qtbot.addWidget(view)
    for said in ("first", "second"):
        monkeypatch.setattr(problem_report, "problem_report", lambda device, said=said: said)
        view.show()
        assert view.text.toPlainText() == said
        view.hide()
