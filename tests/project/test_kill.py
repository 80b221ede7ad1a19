"""A process that is killed while it saves leaves the last good state, whatever the moment."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from saving_process import changes

from counting import injected
from napari_unet.project.open_project import open_project, read_version
from napari_unet.project.store import ProjectStore
from projects import small_project

HERE = Path(__file__).parent
ENVIRONMENT = os.environ | {"PYTHONPATH": os.pathsep.join([*sys.path, str(HERE.parent)])}


@pytest.fixture
def folder(tmp_path) -> Path:
    store = small_project(tmp_path / "project")
    store.commit(changes(5))
    return store.folder


def command(what: str, folder: Path) -> list[str]:
    return [sys.executable, str(HERE / "saving_process.py"), what, str(folder)]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.fault("killed while saving")
def test_at_each_write_of_a_save(folder):
    done = subprocess.run(
        command("steps", folder), env=ENVIRONMENT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    rows = [line.split(";") for line in done.stdout.splitlines()]
    assert len(rows) > 20
    for at, _, problems, values, scores, left in rows:
        assert problems == "()", at
        assert (values, scores) in [("[5]", "[0.8, 0.005]"), ("[7]", "[0.8, 0.007]")], at
        assert left == "0", at  # the next save removes what was half written
    assert [row[1] for row in rows] == ["True"] * (len(rows) - 1) + ["False"]
    assert {row[3] for row in rows} == {"[5]", "[7]"}
    injected(len(rows) - 1)


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
@pytest.mark.fault("killed while saving")
def test_at_random_moments(folder):
    rng = random.Random(0)
    for _ in range(6):
        process = subprocess.Popen(
            command("loop", folder), env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
        )
        said = [process.stdout.readline()]
        time.sleep(rng.uniform(0, 0.15))
        process.kill()
        said += process.stdout.readlines()
        process.stdout.close()
        process.wait()
        opened = open_project(folder)
        assert opened.problems == ()
        assert len(opened.layers[0].planes) == 3
        (value,) = {int(plane.labels.max()) for plane in opened.layers[0].planes}
        last = int(said[-1] or said[-2])
        assert value in (last, last % 249 + 1)  # the next one may have been saved, and not said
        assert opened.index.versions[1].score == value / 1000
        assert read_version(folder, opened.index, 2) == changes(value).versions[0].model
    injected(6)


def test_saves_do_not_pile_files_up(folder):
    store = ProjectStore.of(open_project(folder))
    for value in (6, 7, 8):
        store.commit(changes(value))
    assert len(list(folder.rglob("*.npz"))) == 2 + 2 * 3  # the first version's, and two saves'
    assert len(list(folder.rglob("*.unet"))) == 1 + 2
