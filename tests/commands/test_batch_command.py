"""``napari-unet batch``, as typed."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
import tifffile
import zarr
from imageio.v3 import imwrite

from napari_unet.cli import main
from napari_unet.core.io.open_image import open_image
from scenes import random_model, small_network


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    """Two good images in ``in``, and a model; the current folder."""
    monkeypatch.chdir(tmp_path)
    os.mkdir("in")
    random_model(small_network()).save("model.unet")
    grey = rng.integers(0, 255, (40, 50)).astype(np.uint8)
    metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
    tifffile.imwrite("in/a.ome.tif", grey, metadata=metadata)
    imwrite("in/b.png", grey)
    return tmp_path


def batch(*words: str) -> int:
    return main(["batch", "model.unet", *words, "--output", "out", "--device", "cpu"])


def report() -> list[dict[str, str]]:
    with open("out/batch_report.csv", newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_segments_a_folder_and_reports(folder, capsys):
    assert batch("in") == 0
    said = capsys.readouterr().out
    assert "2 of 2 will run." in said
    assert "2 images: 2 done." in said
    first, second = report()
    assert (first["status"], first["axes"], first["shape"]) == ("done", "YX", "40x50")
    assert first["pixel_size"] == "Y 0.5 µm, X 0.5 µm"
    assert (second["item"], second["pixel_size"]) == (os.path.join("in", "b.png"), "")
    assert first["output"] == os.path.join("out", "a_labels.tif")
    with open_image("out/a_labels.tif") as source:
        assert source.pixel_size == {"Y": 0.5, "X": 0.5}
    assert sorted(os.listdir("out")) == ["a_labels.tif", "b_labels.tif", "batch_report.csv"]


def test_three_broken_files_are_reported_and_all_others_done(folder, capsys, rng):
    """A TIFF that is cut off, a corrupt chunk, and a text that is called .png."""
    tifffile.imwrite("in/cut.tif", rng.random((40, 50)))
    whole = (folder / "in" / "cut.tif").read_bytes()
    (folder / "in" / "cut.tif").write_bytes(whole[:3000])
    zarr.save_array("in/chunk.zarr", rng.random((40, 50)))
    (folder / "in" / "chunk.zarr" / "c" / "0" / "0").write_bytes(b"garbage")
    (folder / "in" / "text.png").write_text("no image")
    assert batch("in") == 1
    rows = {os.path.basename(row["item"]): row for row in report()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "a.ome.tif": "done",
        "b.png": "done",
        "chunk.zarr": "failed",
        "cut.tif": "failed",
        "text.png": "failed",
    }
    assert "not complete" in rows["cut.tif"]["sentence"]
    assert "cannot be read" in rows["chunk.zarr"]["sentence"]
    assert rows["chunk.zarr"]["output"] == ""
    assert "2 done, 3 failed." in capsys.readouterr().out
    assert sorted(os.listdir("out")) == ["a_labels.tif", "b_labels.tif", "batch_report.csv"]


def test_a_second_run_does_only_what_is_left(folder, capsys):
    assert batch("in/*.png") == 0
    capsys.readouterr()
    assert batch("in") == 0
    assert "1 of 2 will run, 1 done already." in capsys.readouterr().out
    assert batch("in", "--overwrite") == 0
    assert "2 of 2 will run." in capsys.readouterr().out


def test_channels_axes_level_and_probabilities(folder, rng):
    data = rng.integers(0, 255, (3, 2, 40, 50)).astype(np.uint16)
    np.save("in/stack.npy", data)
    words = ["--axes", "TCYX", "--channels", "1", "--level", "0", "--save", "probabilities"]
    assert batch("in/stack.npy", *words) == 0
    with open_image("out/stack_probabilities.tif") as source:
        assert source.sizes() == {"T": 3, "C": 2, "Y": 40, "X": 50}


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (["missing.tif"], 1, "there is no file missing.tif"),
        (["nothing/*.tif"], 1, "there is no file"),
        (["in", "--axes", "QQ"], 1, "the axes QQ"),
        (["in", "--level", "3"], 1, "there is no level 3"),
        (["in", "--tile", "0"], 1, "a tile of 0 px"),
        (["empty"], 2, "no image in empty"),
    ],
)
def test_bad_input(folder, capsys, words, status, message):
    os.mkdir("empty")
    assert batch(*words) == status
    captured = capsys.readouterr()
    assert message in captured.out + captured.err
    assert "Traceback" not in captured.out + captured.err


def test_a_model_that_is_none_is_told_first(folder, capsys):
    words = ["batch", "in/b.png", "in", "--output", "out"]
    assert main(words) == 2
    assert "not a napari-unet model" in capsys.readouterr().err
    assert not os.path.exists("out")


def test_channels_must_be_numbers(folder, capsys):
    with pytest.raises(SystemExit):
        batch("in", "--channels", "red")
    assert "no list of numbers" in capsys.readouterr().err
