"""On which computer is computed: chosen in a menu, asked for in a dialog."""

from __future__ import annotations

import pytest
from qtpy.QtWidgets import QApplication, QLineEdit

from napari_unet.learner import known_computers
from napari_unet.learner.computer import HERE, Computer
from napari_unet.learner.messages import Failed, Notice, Ready
from napari_unet.widgets.annotate.computer_menu import ComputerDialog, ComputerMenu


@pytest.fixture(autouse=True)
def _own_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(known_computers, "user_config_path", lambda *_, **__: tmp_path)


@pytest.fixture
def menu(qtbot, session):
    widget = ComputerMenu(session)
    qtbot.addWidget(widget)
    return widget


def entries(menu) -> dict:
    menu.choices.aboutToShow.emit()
    return {action.text(): action for action in menu.choices.actions() if action.text()}


def type_in(qtbot, menu, host: str, command: str = "") -> None:
    entries(menu)["Another computer…"].trigger()
    dialog = menu.findChild(ComputerDialog)
    assert dialog.isVisible()
    dialog.findChild(QLineEdit, "host_edit").setText(host)
    dialog.findChild(QLineEdit, "command_edit").setText(command)
    dialog.accept()
    qtbot.waitUntil(lambda: menu.findChild(ComputerDialog) is None)


def test_this_computer_is_in_use_until_another_is_chosen(qtbot, menu, session, fake, answer):
    assert [action.isChecked() for action in entries(menu).values()] == [True, False]
    type_in(qtbot, menu, "me@gpu1")
    assert fake.computers == [Computer("me@gpu1")]
    assert session.device == "me@gpu1: starting…"
    answer(0, Ready("NVIDIA H200"))
    assert session.device == "me@gpu1: NVIDIA H200"
    assert {text: action.isChecked() for text, action in entries(menu).items()} == {
        "This computer": False,
        "me@gpu1": True,
        "Another computer…": False,
    }
    entries(menu)["This computer"].trigger()
    assert fake.computers[-1] == HERE
    answer(0, Ready("CPU"))
    assert session.device == "CPU"


def test_commands_go_without_a_computer_too(qtbot, menu, session, fake):
    type_in(qtbot, menu, "", "docker run -i unet napari-unet learner")
    assert fake.computers[-1].argv[:3] == ["docker", "run", "-i"]
    assert "docker run -i unet napari-unet learner" in entries(menu)


def test_those_that_answered_before_are_offered_in_another_window(qtbot, menu, answer):
    type_in(qtbot, menu, "gpu1")
    answer(0, Ready("CPU"))
    type_in(qtbot, menu, "gpu1-mistyped")
    answer(0, Failed("gpu1-mistyped: no computer of that name is known."))
    type_in(qtbot, menu, "login", "srun napari-unet learner")
    answer(0, Ready("CPU"))
    entries(menu)["This computer"].trigger()
    assert list(entries(menu)) == [
        "This computer",
        "login: srun napari-unet learner",
        "gpu1",
        "Another computer…",
    ]


def test_a_command_is_shown_as_it_was_typed(qtbot, menu):
    type_in(qtbot, menu, "gpu1", "cd unet && bin/napari-unet learner")
    assert "gpu1: cd unet &&&& bin/napari-unet learner" in entries(menu)  # two, as Qt writes them


def test_what_makes_no_sense_changes_nothing(qtbot, menu, session, fake, capsys):
    type_in(qtbot, menu, "-oProxyCommand=evil")
    assert fake.computers == []
    assert session.computer == HERE


def test_not_in_the_middle_of_a_training(qtbot, menu, session, fake):
    session.start_live()
    type_in(qtbot, menu, "gpu1")
    assert fake.computers == []
    assert list(entries(menu)) == ["This computer", "Another computer…"]


def test_what_is_wrong_there_is_said_and_shown(qtbot, menu, session, said, answer):
    type_in(qtbot, menu, "gpu1")
    answer(0, Notice("gpu1: no learner has answered yet; it is waited for."))
    answer(0, Failed("gpu1: it does not answer."))
    assert said[-2:] == [
        "gpu1: no learner has answered yet; it is waited for.",
        "gpu1: it does not answer.",
    ]
    assert session.device.startswith("gpu1: not running")
    assert QApplication.activeModalWidget() is None
