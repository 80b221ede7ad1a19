"""How a computer becomes a command, and what is said when there is no learner there."""

from __future__ import annotations

import os
import sys

import pytest

from napari_unet.errors import InvalidInput
from napari_unet.learner import known_computers
from napari_unet.learner.computer import HERE, REMOTE, Computer
from napari_unet.learner.greeting import VERSION


def test_here_it_is_this_python():
    assert HERE.is_here
    assert HERE.argv == (sys.executable, "-m", "napari_unet.learner")
    assert Computer.checked(" ", "") == HERE


def test_behind_ssh_it_is_the_users_own_client_that_asks_nothing():
    computer = Computer.checked(" me@gpu1 ", "")
    assert computer.argv[0] == "ssh"
    assert computer.argv[-3:] == ("--", "me@gpu1", REMOTE)
    assert "BatchMode=yes" in computer.argv
    assert computer.name == "me@gpu1"
    slurm = Computer.checked("login", "srun --gres=gpu:1 napari-unet learner")
    assert slurm.argv[-1] == "srun --gres=gpu:1 napari-unet learner"


@pytest.mark.skipif(os.name == "nt", reason="quotes are POSIX's")
def test_any_command_will_do():
    computer = Computer.checked("", "docker run -i --gpus all 'my unet' napari-unet learner")
    assert computer.argv == [
        *("docker", "run", "-i", "--gpus", "all", "my unet", "napari-unet", "learner")
    ]
    assert computer.name == "docker"


def test_the_environment_may_name_a_command(monkeypatch):
    monkeypatch.delenv("NAPARI_UNET_LEARNER", raising=False)
    assert Computer.from_environment() == HERE
    monkeypatch.setenv("NAPARI_UNET_LEARNER", "podman run -i unet napari-unet learner")
    assert Computer.from_environment().name == "podman"


@pytest.mark.parametrize(
    ("host", "command", "what"),
    [
        ("-oProxyCommand=evil", "", "no name of a computer"),
        ("two words", "", "no name of a computer"),
        ("", "docker run 'x", "check its quotes"),
    ],
)
def test_what_makes_no_sense_is_refused(host, command, what):
    with pytest.raises(InvalidInput, match=what):
        Computer.checked(host, command)


@pytest.mark.parametrize(
    ("said", "code", "what"),
    [
        ("ssh: Could not resolve hostname gpu1: Name not known", 255, "no computer of that name"),
        ("ssh: connect to host gpu1 port 22: Connection refused", 255, "does not answer"),
        ("ssh: connect to host gpu1 port 22: No route to host", 255, "does not answer"),
        ("ssh: connect to host gpu1 port 22: Connection timed out", 255, "does not answer"),
        ("me@gpu1: Permission denied (publickey,password).", 255, "ssh-copy-id gpu1"),
        ("Host key verification failed.", 255, "run `ssh gpu1` once in a terminal"),
        ("bash: line 1: napari-unet: command not found", 127, f"napari-unet-live=={VERSION}"),
        ("sh: 1: napari-unet: not found", 127, "pip install"),
        ("", 127, "pip install"),
        ("/usr/bin/python3: No module named napari_unet", 1, "pip install"),
        ("ModuleNotFoundError: No module named 'torch'", 1, "pip install"),
        ("napari-unet: error: argument COMMAND: invalid choice: 'learner'", 2, "an older version"),
        ("OSError: [Errno 28] No space left on device", 1, "disk is full"),
        (
            "slurmstepd: error: something",
            1,
            r"no learner answered \(slurmstepd: error: something\)",
        ),
    ],
)
def test_what_is_wrong_there_is_said_in_a_sentence(said, code, what):
    lines = ["Authorized use only!", said] if said else []
    text = Computer("gpu1").why(code, lines, answered=False)
    assert text.startswith("gpu1: ")
    assert text.endswith(".")
    assert what.replace("\\", "") in text


def test_a_line_that_breaks_later_is_no_missing_program():
    text = Computer("gpu1").why(255, ["Connection to gpu1 closed: not found."], answered=True)
    assert "the line to it broke, or the learner ended there (Connection to gpu1 closed" in text


class TestKnownComputers:
    @pytest.fixture(autouse=True)
    def path(self, tmp_path, monkeypatch):
        monkeypatch.setattr(
            known_computers, "user_config_path", lambda *_, **__: tmp_path / "config"
        )
        return tmp_path / "config" / "computers.json"

    def test_are_the_last_ones_used(self, path):
        assert known_computers.known_computers() == ()
        for number in range(8):
            known_computers.remember(Computer(f"gpu{number}"))
        known_computers.remember(Computer("gpu5"))
        hosts = [computer.host for computer in known_computers.known_computers()]
        assert hosts == ["gpu5", "gpu7", "gpu6", "gpu4", "gpu3"]

    @pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"host": "-o x", "command": ""}]', "nul"])
    def test_are_none_where_their_file_is_broken(self, path, text):
        path.parent.mkdir()
        path.write_text(text)
        assert known_computers.known_computers() == ()
        known_computers.remember(Computer("gpu1"))
        assert known_computers.known_computers() == (Computer("gpu1"),)
