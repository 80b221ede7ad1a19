"""A process that is killed while it saves leaves the last good state, whatever the moment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from saving_process import changes

from counting import injected
from napari_unet.project.open_project import open_project
from napari_unet.project.store import ProjectStore
from projects import small_project

HERE = Path(__file__).parent
forked = pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(HERE.parent)])}


@pytest.fixture
def folder(tmp_path) -> Path:
    store = small_project(tmp_path / "project")
    store.commit(changes(5))
    return store.folder


def rows_of(what: str, folder: Path) -> list[list[str]]:
    """Let processes be killed; return what is said of each."""
    command = [sys.executable, str(HERE / "saving_process.py"), what, str(folder)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split(";") for line in done.stdout.splitlines()]


@forked
@pytest.mark.fault("killed while saving")
def test_at_each_write_of_a_save(folder):
    rows = rows_of("steps", folder)
    assert len(rows) > 20
    for at, _, problems, values, scores, left in rows:
        assert problems == "()", at
        assert (values, scores) in [("[5]", "[0.8, 0.005]"), ("[7]", "[0.8, 0.007]")], at
        assert left == "0", at  # the next save removes what was half written
    assert [row[1] for row in rows] == ["True"] * (len(rows) - 1) + ["False"]
    assert {row[3] for row in rows} == {"[5]", "[7]"}
    injected(len(rows) - 1)


@forked
@pytest.mark.fault("killed while saving")
def test_at_random_moments(folder):
    rows = rows_of("moments", folder)
    assert len(rows) == 6
    for last, problems, planes, score, model_is_whole in rows:
        assert problems == "()"
        # The next one may have been saved, and not said.
        values = int(last), int(last) % 249 + 1
        assert (planes, float(score)) in [(str([value] * 3), value / 1000) for value in values]
        assert model_is_whole == "True"
    injected(len(rows))


def test_saves_do_not_pile_files_up(folder):
    store = ProjectStore.of(open_project(folder))
    for value in (6, 7, 8):
        store.commit(changes(value))
    assert len(list(folder.rglob("*.npz"))) == 2 + 2 * 3  # the first version's, and two saves'
    assert len(list(folder.rglob("*.unet"))) == 1 + 2
