"""A batch with one bad image of each kind: each is told in one sentence, all others are done."""

from __future__ import annotations

import csv
import errno
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from napari_unet.cli import main
from napari_unet.core.io import atomic, write_result
from napari_unet.core.io.open_image import open_image
from scenes import random_model, small_network

GOOD = {"plane.tif": (40, 50), "wide.tif": (30, 90), "stack.tif": (3, 40, 50)}


def noise(*shape: int, dtype=np.uint16) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 4000, shape).astype(dtype)


def cut_off(path: Path) -> None:
    tifffile.imwrite(path, noise(40, 50))
    path.write_bytes(path.read_bytes()[:-900])


def cut_off_inside_compressed_pixels(path: Path) -> None:
    tifffile.imwrite(path, noise(40, 50), compression="zlib")
    path.write_bytes(path.read_bytes()[:-900])


def sixteen_bits_that_say_eight(path: Path) -> None:
    """BitsPerSample, tag 258, is 8, and the pixels have 16."""
    tifffile.imwrite(path, noise(40, 50))
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[0].tags["BitsPerSample"].valueoffset
    data = bytearray(path.read_bytes())
    data[offset : offset + 2] = struct.pack("<H", 8)
    path.write_bytes(data)


def eight_bits_that_say_sixteen(path: Path) -> None:
    tifffile.imwrite(path, noise(40, 50, dtype=np.uint8))
    with tifffile.TiffFile(path) as tiff:
        offset = tiff.pages[0].tags["BitsPerSample"].valueoffset
    data = bytearray(path.read_bytes())
    data[offset : offset + 2] = struct.pack("<H", 16)
    path.write_bytes(data)


def corrupt_chunk(path: Path) -> None:
    zarr.save_array(path, noise(40, 50))
    (path / "c" / "0" / "0").write_bytes(b"garbage")


def axis_of_length_0(path: Path) -> None:
    np.save(path, noise(0, 50))


def chunk_of_length_0(path: Path) -> None:
    zarr.create_array(path, shape=(0, 50), chunks=(1, 50), dtype="uint8")


def two_channels(path: Path) -> None:
    tifffile.imwrite(path, noise(2, 40, 50), metadata={"axes": "CYX"}, ome=True)


def one_value(path: Path) -> None:
    tifffile.imwrite(path, np.full((40, 50), 7, np.uint8))


def not_finite(path: Path) -> None:
    tifffile.imwrite(path, np.full((40, 50), np.nan, np.float32))


BAD = {
    "cut.tif": (cut_off, "not complete"),
    "cut_zlib.tif": (cut_off_inside_compressed_pixels, "not complete"),
    "bits8.tif": (sixteen_bits_that_say_eight, "says that a value has 8 bits and holds 16"),
    "bits16.tif": (eight_bits_that_say_sixteen, "not complete"),
    "chunk.zarr": (corrupt_chunk, "cannot be read"),
    "empty.npy": (axis_of_length_0, "is empty"),
    "empty.zarr": (chunk_of_length_0, "is empty"),
    "two.ome.tif": (two_channels, "2 channels"),
    "flat.tif": (one_value, "every pixel of the image is 7"),
    "nan.tif": (not_finite, "NaN or infinite"),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The good images in ``in``, and a model of one channel; the current folder."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    random_model(small_network()).save("model.unet")
    for name, shape in GOOD.items():
        tifffile.imwrite(f"in/{name}", noise(*shape), photometric="minisblack")
    return tmp_path


def batch(*words: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Run it; return its status and the report by the images' names."""
    status = main(["batch", "model.unet", "in", *words, "--output", "out", "--device", "cpu"])
    with open("out/batch_report.csv", newline="", encoding="utf-8") as file:
        return status, {Path(row["item"]).name: row for row in csv.DictReader(file)}


def check_the_others(rows: dict[str, dict[str, str]]) -> None:
    for name, shape in GOOD.items():
        assert rows[name]["status"] == "done"
        with open_image(rows[name]["output"]) as source:
            assert source.levels[0].shape == shape


def test_each_is_told_in_one_sentence_and_the_others_are_done(folder):
    for name, (write, _) in BAD.items():
        write(folder / "in" / name)
    status, rows = batch()
    assert status == 1
    check_the_others(rows)
    for name, (_, said) in BAD.items():
        assert rows[name]["status"] == "failed", name
        assert said in rows[name]["sentence"], name
        assert rows[name]["sentence"].endswith(".")
        assert "\n" not in rows[name]["sentence"]
        assert rows[name]["output"] == ""
    left = {
        name for name in os.listdir("out") if not name.startswith(tuple(Path(n).stem for n in GOOD))
    }
    assert left == {"batch_report.csv"}


def test_a_channel_that_is_missing(folder):
    two_channels(folder / "in" / "two.ome.tif")
    status, rows = batch("--channels", "1")
    assert status == 1
    assert rows["two.ome.tif"]["status"] == "done"
    for name in ("plane.tif", "wide.tif"):
        assert "there is no channel 1; the image has 1, counted from 0." in rows[name]["sentence"]


def test_a_disk_that_becomes_full(folder, monkeypatch):
    write = tifffile.imwrite

    def full(path, data, **options):
        if data.ndim == 2 and data.shape[1] == 50:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(path, data, **options)

    monkeypatch.setattr(write_result.tifffile, "imwrite", full)
    status, rows = batch()
    assert status == 1
    assert "No space left" in rows["plane.tif"]["sentence"]
    assert {rows[name]["status"] for name in ("wide.tif", "stack.tif")} == {"done"}
    assert sorted(os.listdir("out")) == ["batch_report.csv", "stack_labels.tif", "wide_labels.tif"]


def test_a_folder_that_can_only_be_read_is_told_before_anything(folder, monkeypatch, capsys):
    def refused(*_, **__):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(atomic.tempfile, "TemporaryFile", refused)
    words = ["batch", "model.unet", "in", "--output", "out", "--device", "cpu"]
    assert main(words) == 2
    said = capsys.readouterr().err
    assert "the folder out cannot be written (Read-only file system); choose another" in said
    assert os.listdir("out") == []
