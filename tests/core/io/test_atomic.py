from __future__ import annotations

import os
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from napari_unet.core.io.atomic import placed, write_whole
from napari_unet.errors import UnwritableOutput


def test_writes_and_replaces(tmp_path):
    path = tmp_path / "a.bin"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.skipif(os.name == "nt", reason="modes are POSIX's")
def test_others_may_read_it_as_any_other_file(tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    write_whole(tmp_path / "whole", b"")
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (plain, tmp_path / "whole")]
    assert modes[0] == modes[1]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.fault("full disk")
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch, step):
    path = tmp_path / "a.bin"
    write_whole(path, b"old")

    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(UnwritableOutput, match=r"a\.bin cannot be written \(No space left"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("place", ["missing/a.bin", "file/a.bin"])
def test_a_place_that_cannot_be_written_is_named(tmp_path, place):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UnwritableOutput, match=r"a\.bin cannot be written.*another folder"):
        write_whole(tmp_path / place, b"")


def test_a_folder_is_not_overwritten(tmp_path):
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(UnwritableOutput):
        write_whole(tmp_path / "a.bin", b"")
    assert os.listdir(tmp_path) == ["a.bin"]


def test_what_another_thread_writes_after_an_error_is_removed_too(tmp_path):
    writers = []

    def write_later(folder):
        time.sleep(0.005)
        (folder / "c").mkdir(parents=True, exist_ok=True)
        (folder / "c" / "0").write_bytes(b"late")

    with pytest.raises(UnwritableOutput), placed(tmp_path / "a.zarr") as folder:
        folder.mkdir()
        writers.append(threading.Thread(target=write_later, args=(folder,)))
        writers[0].start()
        raise OSError(28, "No space left on device")
    writers[0].join()
    assert not list(tmp_path.iterdir())


KILLED = """
import os, sys
from pathlib import Path
from napari_unet.core.io import atomic
if "exchange" not in sys.argv[2:]:
    atomic._exchanged = lambda one, other: False
moves, real = [], os.replace
def replace(one, other):
    if len(moves) == 1:
        os._exit(9)
    moves.append(real(one, other))
os.replace = replace
with atomic.placed(Path(sys.argv[1])) as folder:
    folder.mkdir()
    (folder / "new").write_bytes(b"")
"""


@pytest.mark.skipif(os.name == "nt", reason="whether a process runs cannot be asked there")
@pytest.mark.fault("killed process")
@pytest.mark.parametrize("way", ["exchange", "moves"])
def test_who_is_killed_while_a_folder_is_replaced_loses_nothing(tmp_path, way):
    """Between two moves, where there are two."""
    path = tmp_path / "a.zarr"
    path.mkdir()
    (path / "old").write_bytes(b"")
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    words = [sys.executable, "-c", KILLED, str(path), way]
    status = subprocess.run(words, env=environment, check=False).returncode
    assert status in (0, 9)
    write_whole(tmp_path / "b.bin", b"")
    assert sorted(os.listdir(tmp_path)) == ["a.zarr", "b.bin"]
    assert os.listdir(path) == [{0: "new", 9: "old"}[status]]


@pytest.mark.skipif(sys.platform != "linux", reason="Linux can exchange two folders")
def test_there_is_always_a_folder_at_the_place(tmp_path, monkeypatch):
    path = tmp_path / "a.zarr"
    path.mkdir()
    monkeypatch.setattr(os, "replace", lambda one, other: pytest.fail("nothing is there then"))
    with placed(path) as folder:
        folder.mkdir()
        (folder / "new").write_bytes(b"")
    assert os.listdir(path) == ["new"]
    assert os.listdir(tmp_path) == ["a.zarr"]


def test_a_folder_is_not_listed_at_each_write(tmp_path, monkeypatch):
    listed = []
    real = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: listed.append(self) or real(self))
    for number in range(5):
        write_whole(tmp_path / f"{number}.bin", b"")
    assert len(listed) == 1
