"""New, Open, Save; nothing unsaved goes without a question."""

from __future__ import annotations

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QMessageBox

from fakes import model_file
from napari_unet.core.training.settings import TrainSettings
from napari_unet.learner.messages import Trained
from napari_unet.session.state import PaintedPlanes
from napari_unet.widgets.common.model_row import ModelLine, ModelRow


@pytest.fixture
def row(qtbot, session):
    widget = ModelRow(session)
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def trained(session, fake, answer):
    session.train(lambda: PaintedPlanes((), (), ()), TrainSettings.checked(seconds=5))
    answer(fake.jobs[0], Trained(1, 0.1, "budget", 0.5, model_file()))


@pytest.fixture
def files(monkeypatch, tmp_path):
    path = str(tmp_path / "mine.unet")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (path, ""))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (path, ""))
    return tmp_path / "mine.unet"


def answer_question(monkeypatch, name):
    button = QMessageBox.StandardButton[name]
    monkeypatch.setattr(QMessageBox, "question", lambda *_: button)


def click(qtbot, button):
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)


def test_without_a_model(row):
    assert row.label.text() == "No model yet"
    assert not row.save_button.isEnabled() and not row.new_button.isEnabled()
    assert row.open_button.isEnabled()


def test_a_trained_model_is_described_and_saved(qtbot, row, trained, files, session):
    assert "background, class 2 · trained 2024-05-06" in row.label.text()
    assert row.label.text().endswith("not saved")
    click(qtbot, row.save_button)
    assert files.read_bytes() == session.model
    assert "not saved" not in row.label.text()


def test_a_saved_model_is_opened(qtbot, row, files, session):
    files.write_bytes(model_file((1, 2, 5)))
    click(qtbot, row.open_button)
    assert [entry.id for entry in session.classes] == [1, 2, 5]
    assert "class 5" in row.label.text() and "not saved" not in row.label.text()


def test_a_file_that_is_no_model_changes_nothing(qtbot, row, trained, files, session, monkeypatch):
    answer_question(monkeypatch, "Discard")
    files.write_bytes(b"nothing of the kind")
    before = session.model
    click(qtbot, row.open_button)
    assert session.model is before


@pytest.mark.parametrize(("answer_name", "kept"), [("Cancel", True), ("Discard", False)])
def test_an_unsaved_model_goes_only_after_a_question(
    qtbot, row, trained, session, monkeypatch, answer_name, kept
):
    answer_question(monkeypatch, answer_name)
    click(qtbot, row.new_button)
    assert (session.model is not None) is kept


def test_saved_first_when_asked_for(qtbot, row, trained, files, session, monkeypatch):
    answer_question(monkeypatch, "Save")
    model = session.model
    click(qtbot, row.new_button)
    assert session.model is None
    assert files.read_bytes() == model


def test_a_save_that_is_cancelled_keeps_the_model(qtbot, row, trained, session, monkeypatch):
    answer_question(monkeypatch, "Save")
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    click(qtbot, row.new_button)
    assert session.model is not None


def test_a_training_keeps_its_model(qtbot, row, session):
    session.train(lambda: PaintedPlanes((), (), ()), TrainSettings.checked(seconds=5))
    assert not row.open_button.isEnabled()
    assert "Wait for the training" in row.open_button.toolTip()


def test_a_line_says_which_model_is_in_use_and_opens_one(qtbot, session, files):
    line = ModelLine(session)
    qtbot.addWidget(line)
    assert line.label.text().startswith("Model: No model yet")
    files.write_bytes(model_file())
    line.open_button.click()
    assert session.model == model_file()
    assert line.label.text().startswith("Model: background, class 2")
