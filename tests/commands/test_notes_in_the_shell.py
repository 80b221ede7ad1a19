"""`train`, `predict` and `info` print what was noticed, and go on."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

import napari_unet as nu
from napari_unet.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch, discs):
    monkeypatch.chdir(tmp_path)
    np.save("image.npy", discs.image)
    tifffile.imwrite("strokes.tif", discs.strokes)
    return tmp_path


def train(*images: str, labels: tuple[str, ...]) -> int:
    words = ["train", *images, "--labels", *labels, "--output", "new.unet", "--steps", "1"]
    return main([*words, "--device", "cpu"])


def test_of_strokes_that_are_fine_there_is_none(folder, capsys):
    assert train("image.npy", labels=("strokes.tif",)) == 0
    assert "note" not in capsys.readouterr().out


def test_of_missing_background_before_a_training_and_of_its_model(folder, capsys, discs):
    tifffile.imwrite("moved.tif", np.where(discs.strokes > 0, discs.strokes + 1, 0))
    assert train("image.npy", labels=("moved.tif",)) == 0
    said = capsys.readouterr().out
    assert "note: Nothing is painted as background, class 1; " in said
    assert "docs/troubleshooting.md#no-background-strokes" in said
    assert main(["info", "new.unet"]) == 0
    assert "note         Nothing is painted as background" in capsys.readouterr().out


def test_of_labels_that_disagree(folder, capsys, discs):
    other = discs.strokes.copy()
    rows, columns = np.nonzero(other == 1)
    other[rows[:9], columns[:9]] = 2
    tifffile.imwrite("other.tif", other)
    assert train("image.npy", "image.npy", labels=("strokes.tif", "other.tif")) == 0
    assert "9 pixels have one class in the labels of image 1" in capsys.readouterr().out


def test_of_an_image_that_shows_nothing(folder, capsys, discs):
    noise = np.random.default_rng(0).normal(100, 5, (2, *discs.truth.shape))
    full = noise[0] + 300 * (discs.truth == 2)
    np.save("image.npy", full)
    np.save("bright.npy", 50 * full)
    np.save("empty.npy", 3 * noise[1])
    train("image.npy", labels=("strokes.tif",))
    images = ("image.npy", "bright.npy", "empty.npy")
    main(["predict", "new.unet", *images, "--output", "out", "--device", "cpu"])
    said = capsys.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if "nothing but noise" in line]
    assert len(lines) == 1 and lines[0].startswith("empty.npy: ")


def test_of_grey_values_far_from_those_of_the_training(folder, capsys, discs):
    train("image.npy", labels=("strokes.tif",))
    (record,) = nu.load_model("new.unet").header.history
    ((low, high),) = record.intensity_range
    assert np.allclose([low, high], np.percentile(discs.image, (1, 99.8)))
    np.save("bright.npy", 50 * discs.image)
    words = ["predict", "new.unet", "image.npy", "bright.npy", "--output", "out"]
    main([*words, "--device", "cpu", "--intensities", "training"])
    said = capsys.readouterr()
    lines = [line for line in (said.out + said.err).splitlines() if "much brighter" in line]
    assert len(lines) == 1
    assert "bright.npy: The image is much brighter" in lines[0]
    assert main(["info", "new.unet"]) == 0
    assert f"grey values  {low:.4g} to {high:.4g}" in capsys.readouterr().out
