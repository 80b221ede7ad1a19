from __future__ import annotations

import os
import stat
import threading
import time

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
