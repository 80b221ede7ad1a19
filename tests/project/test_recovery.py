"""What is kept for the next start: locked while its run lives, offered afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime

import pytest

from napari_unet.errors import UnwritableOutput
from napari_unet.project.changes import Changes
from napari_unet.project.location import Place
from napari_unet.project.open_project import open_project
from napari_unet.project.recovery import Recovery, recoverable
from projects import a_version, facts, small_project, stroke

CHANGES = Changes(facts(), (stroke(),), (a_version(),))


def begun(root) -> Place:
    place = Place.unnamed(root)
    place.store().commit(CHANGES)
    return place


def test_is_not_offered_while_its_run_lives(tmp_path):
    place = begun(tmp_path)
    assert recoverable(tmp_path) == []
    place.leave()
    (left,) = recoverable(tmp_path)
    assert left.text.startswith("strokes a1, 1 version of a model, 20")


def test_nothing_is_left_where_nothing_was_painted(tmp_path):
    Recovery.begin(tmp_path).leave()
    assert list(tmp_path.iterdir()) == []
    assert recoverable(tmp_path / "missing") == []


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.fault("killed window")
def test_a_run_that_was_killed_is_offered(tmp_path):
    program = (
        "import os, sys; from pathlib import Path; from test_recovery import begun;"
        f"begun(Path({str(tmp_path)!r})); os.kill(os.getpid(), 9)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", program], env=environment, check=False)
    (left,) = recoverable(tmp_path)
    assert len(open_project(left.folder).layers[0].planes) == 1


def test_can_be_gone_on_with_by_one_only(tmp_path):
    begun(tmp_path).leave()
    (left,) = recoverable(tmp_path)
    recovery = Recovery(left.folder)
    with pytest.raises(UnwritableOutput, match="in use by another napari"):
        Recovery(left.folder)
    place = Place.opened(open_project(left.folder), tmp_path, recovery)
    place.store().commit(Changes(planes=(stroke((1,), 2),)))
    place.leave()
    assert len(open_project(left.folder).layers[0].planes) == 2


@pytest.mark.skipif(os.name == "nt", reason="locks are files' own there")
def test_is_held_by_one_also_where_another_looked_before_it_was_left(tmp_path):
    """The other has the lock's file open while the first one lets go."""
    import fcntl

    begun(tmp_path).leave()
    (left,) = recoverable(tmp_path)
    recovery = Recovery(left.folder)
    file = os.open(left.folder.with_name(f"{left.folder.name}.lock"), os.O_RDWR)
    recovery.leave()
    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with pytest.raises(UnwritableOutput):
        Recovery(left.folder)
    os.close(file)
    Recovery(left.folder).leave()


def test_the_newest_comes_first_and_damaged_ones_too(tmp_path):
    for _ in range(2):
        begun(tmp_path).leave()
    older, newer = sorted(path for path in tmp_path.iterdir() if path.is_dir())
    (older / "project.json").write_text("damaged")
    past = datetime(2001, 1, 1, tzinfo=UTC).timestamp()
    os.utime(older, (past, past))
    assert [left.folder for left in recoverable(tmp_path)] == [newer, older]
    assert recoverable(tmp_path)[1].text.startswith("strokes of 2001")


def test_goes_when_everything_is_saved_in_a_project(tmp_path):
    place = begun(tmp_path / "root")
    folder = place.recovery.folder
    index = open_project(folder).index
    project = Place.copied(folder, index, tmp_path / "mine", place.recovery)
    assert folder.is_dir()
    project.store()
    project.settle()
    assert not folder.exists()
    assert len(open_project(tmp_path / "mine").index.versions) == 1
    assert list((tmp_path / "root").iterdir()) == []


def test_a_project_that_was_opened_as_a_copy_is_kept_for_the_next_start(tmp_path):
    folder = small_project(tmp_path / "p").folder
    (folder / "project.json").write_text("damaged")
    place = Place.opened(open_project(folder), tmp_path / "root")
    assert place.folder is None
    place.store().commit(Changes(planes=(stroke((1,), 2),)))
    assert (folder / "project.json").read_text() == "damaged"
    place.leave()
    (left,) = recoverable(tmp_path / "root")
    assert len(open_project(left.folder).layers[0].planes) == 3


def test_discarding_removes_it(tmp_path):
    begun(tmp_path).leave()
    (left,) = recoverable(tmp_path)
    Recovery(left.folder).discard()
    assert list(tmp_path.iterdir()) == []
