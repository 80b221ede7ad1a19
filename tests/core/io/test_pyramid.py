"""Results of large images: pyramids of zeros that need not fit into memory."""

from __future__ import annotations

import os
import shutil
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.io import pyramid, scratch
from napari_unet.core.io.pyramid import blank_pyramid, pyramid_of, write_block
from napari_unet.core.io.scratch import zeros
from napari_unet.errors import UnwritableOutput


@pytest.fixture
def small_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(scratch, "MOST_IN_MEMORY", 1000)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)
    return tmp_path


def test_small_ones_are_in_memory():
    assert type(zeros((10, 10), np.uint8)) is np.ndarray


def test_large_ones_are_mapped_from_a_file_that_leaves_nothing_behind(small_memory):
    array = zeros((100, 100), np.uint16)
    assert isinstance(array, np.memmap)
    assert (array.shape, array.dtype) == ((100, 100), np.uint16)
    assert not array.any()
    array[5:7, 3] = 9
    assert array.sum() == 18
    if os.name == "posix":
        assert list(small_memory.iterdir()) == []


def test_large_ones_take_only_what_is_written(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(scratch.tempfile, "tempdir", None)
    before = shutil.disk_usage(tmp_path)
    if before.free < 2**34:
        pytest.skip("needs room for 16 GiB, of which it takes some KiB")
    array = zeros((100_000, 100_000), np.uint8)
    array[50_000, 50_000:50_010] = 1
    assert array[49_990:50_010, 49_990:50_010].sum() == 10


def test_what_stays_mostly_zero_is_in_memory(small_memory):
    assert type(zeros((100, 100), np.uint16, sparse=True)) is np.ndarray


def test_a_disk_without_room_is_refused(small_memory, monkeypatch):
    usage = SimpleNamespace(free=2**30)
    monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _folder: usage)
    with pytest.raises(UnwritableOutput, match=r"2\.0 GiB .* 1\.0 GiB left; make room"):
        zeros((2**31,), np.uint8)


def test_a_folder_that_is_not_there_is_refused(small_memory, monkeypatch):
    def full(**_options):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(scratch.tempfile, "TemporaryFile", full)
    with pytest.raises(UnwritableOutput, match="Permission denied"):
        zeros((2000,), np.uint8)


def test_levels_are_a_fourth_of_the_one_before(monkeypatch):
    monkeypatch.setattr(pyramid, "_SMALLEST", 10)
    shapes = [level.shape for level in blank_pyramid((2, 150, 90), np.uint8)]
    assert shapes == [(2, 150, 90), (2, 38, 23), (2, 10, 6)]


@given(st.data())
def test_each_level_shows_what_was_written(data):
    shape = data.draw(st.tuples(st.integers(1, 70), st.integers(1, 70)))
    values = np.random.default_rng(0).integers(1, 255, shape).astype(np.uint8)
    levels = [np.zeros((2, *(-(-n // 4**k) for n in shape)), np.uint8) for k in range(3)]
    edges = [sorted({0, n, *data.draw(st.lists(st.integers(0, n), max_size=4))}) for n in shape]
    for top, bottom in zip(edges[0][:-1], edges[0][1:], strict=True):
        for left, right in zip(edges[1][:-1], edges[1][1:], strict=True):
            region = (top, bottom, left, right)
            write_block(levels, (1,), region, values[top:bottom, left:right])
    for number, level in enumerate(levels):
        np.testing.assert_array_equal(level[1], values[:: 4**number, :: 4**number])
        assert not level[0].any()


def test_a_whole_result_becomes_a_pyramid(monkeypatch):
    monkeypatch.setattr(pyramid, "_SMALLEST", 4)
    ids = np.arange(2 * 33 * 18).reshape(2, 33, 18)
    finest, middle, coarsest = pyramid_of(ids)
    assert finest is ids
    np.testing.assert_array_equal(middle, ids[:, ::4, ::4])
    np.testing.assert_array_equal(coarsest, ids[:, ::16, ::16])
