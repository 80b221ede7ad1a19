"""Every error of ours is in the log with its traceback, and the window says where that is."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import pytest
from talk import Talk

from napari_unet import cli, log, report
from napari_unet.learner.messages import Failed
from napari_unet.project.autosave import Autosave, NotSaved
from napari_unet.project.changes import Facts

SCRIPT = Path(__file__).parent / "learner" / "scripted_process.py"


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A log of its own."""
    monkeypatch.setattr(log, "log_folder", lambda: tmp_path / "logs")
    yield log.open_log()
    log.close_log()


def bug() -> None:
    raise ZeroDivisionError("a bug")


class TestFile:
    def test_holds_an_error_with_its_traceback(self, path):
        try:
            bug()
        except ZeroDivisionError:
            logging.getLogger("napari_unet.core.x").exception("something failed")
        text = path.read_text()
        assert "napari_unet.core.x: something failed" in text
        assert 'in bug\n    raise ZeroDivisionError("a bug")' in text

    def test_is_opened_once(self, path):
        assert log.open_log() == log.open_log() == path == log.log_file()
        logging.getLogger("napari_unet").warning("once")
        assert path.read_text().count("once") == 1

    def test_does_not_grow_for_ever(self, path, monkeypatch):
        for _ in range(80):
            logging.getLogger("napari_unet").info("x" * 100_000)
        files = sorted(path.parent.iterdir())
        assert 1 < len(files) <= 3
        assert sum(file.stat().st_size for file in files) < 4 * 2**20

    def test_is_none_where_there_can_be_none(self, path, tmp_path, monkeypatch):
        (tmp_path / "file").write_text("")
        monkeypatch.setattr(log, "log_folder", lambda: tmp_path / "file")
        assert log.open_log() is None
        assert log.log_file() is None
        assert log.with_log("It failed.") == "It failed."
        assert log.last_lines(3) == []


class TestProcess:
    @pytest.fixture
    def talk(self, tmp_path):
        talk = Talk((sys.executable, str(SCRIPT), str(tmp_path / "starts"), "crash"))
        yield talk
        talk.close()

    def test_what_a_layer_raises_is_logged_and_the_log_named(self, path, talk):
        talk.learner.submit(1, bug, training=True)
        (failed,) = talk.until(1, Failed)
        assert "ZeroDivisionError: a bug" in failed.text
        assert str(path) in failed.text
        assert 'raise ZeroDivisionError("a bug")' in path.read_text()

    def test_so_is_what_the_process_itself_caught(self, path, talk, monkeypatch):
        learner = talk.learner
        learner._tell(7, _Job(), Failed("something went wrong.", details="Traceback: of the child"))
        assert str(path) in talk.until(7, Failed)[0].text
        assert "Traceback: of the child" in path.read_text()

    def test_so_are_the_last_words_of_a_process_that_died(self, path, talk):
        talk.learner.submit(1, lambda: "anything", training=False)
        talk.until(1, Failed)
        assert "segmentation fault or so" in path.read_text()

    def test_an_answer_that_raises_does_not_deafen_the_learner(self, path, talk):
        talk.learner._tell(7, _Job(answer=lambda _: bug()), Failed("x"))
        assert 'raise ZeroDivisionError("a bug")' in path.read_text()


class _Job:
    def __init__(self, answer=None):
        self.answer = answer


def test_a_project_that_could_not_be_saved_is_logged(path):
    said = []
    saving = Autosave(bug, said.append)
    saving.know(Facts())
    saving.save(timeout=5)
    saving.close()
    assert isinstance(said[0], NotSaved)
    assert str(path) in said[0].text
    assert 'raise ZeroDivisionError("a bug")' in path.read_text()


def test_a_command_that_ends_unexpectedly_is_logged(path, monkeypatch):
    monkeypatch.setattr("napari_unet.commands.info.run", lambda **_: bug())
    with pytest.raises(ZeroDivisionError):
        cli.main(["info"])
    assert 'raise ZeroDivisionError("a bug")' in path.read_text()


def test_info_prints_versions_device_and_the_place_of_the_log(path, capsys):
    assert cli.main(["info"]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^torch +\d", printed, re.M)
    assert re.search(r"^device +\w", printed, re.M)
    assert re.search(rf"^log +{re.escape(str(path))}$", printed, re.M)


def test_a_report_has_versions_device_and_the_end_of_the_log(path):
    logging.getLogger("napari_unet").error("the newest line")
    text = report.problem_report("CPU, 2 threads")
    assert re.search(r"^python +\d", text, re.M)
    assert re.search(r"^device +CPU, 2 threads$", text, re.M)
    assert str(path) in text
    assert text.rstrip().endswith("the newest line")
