"""``napari-unet predict``: pixel sizes, channels, small objects and the bar."""

from __future__ import annotations

import re

import numpy as np
import pytest
import tifffile

import napari_unet as nu
from napari_unet.cli import main
from napari_unet.core.io.open_image import read_labels
from napari_unet.core.models.model import Model
from napari_unet.core.network.device import describe
from scenes import random_model, small_network


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def save(model, path, **header):
    Model(model.header.model_copy(update=header), model.weights).save(path)


class TestPixelSize:
    @pytest.fixture
    def sized(self, folder, trained, discs):
        """A model of 1 µm, and the same discs with twice as many pixels, 0.5 µm wide."""
        save(trained, "model.unet", pixel_size=(1.0, 1.0), pixel_unit="µm")
        fine = np.kron(discs.image, np.ones((2, 2), np.float32))
        metadata = {"axes": "YX", "PhysicalSizeX": 0.5, "PhysicalSizeY": 0.5}
        tifffile.imwrite("fine.ome.tif", fine, metadata=metadata)
        return np.kron(discs.truth, np.ones((2, 2), np.uint8))

    def test_is_undone_and_said(self, sized, trained, discs, capsys):
        words = ["predict", "model.unet", "fine.ome.tif", "--output", "out"]
        assert main([*words, "--intensities", "image"]) == 0
        found = read_labels("out/fine_labels.tif")
        assert found.shape == sized.shape
        coarse = nu.predict(trained.scaled("image"), discs.image)
        own = np.kron(coarse, np.ones((2, 2), np.uint8))
        assert (found == own).mean() > 0.97
        assert "it is resampled to that" in "".join(capsys.readouterr())

    def test_is_left_where_that_is_asked_for(self, sized, capsys):
        assert (
            main(["predict", "model.unet", "fine.ome.tif", "--output", "out", "--no-resample"]) == 0
        )
        assert "they are used as they are" in "".join(capsys.readouterr())


class TestChannels:
    def test_are_those_of_the_training(self, folder, rng, capsys):
        model = random_model(small_network(in_channels=2))
        save(model, "model.unet", channels=(1, 7))
        image = rng.integers(0, 255, (9, 40, 50)).astype(np.uint8)
        tifffile.imwrite("nine.ome.tif", image, metadata={"axes": "CYX"})
        assert main(["predict", "model.unet", "nine.ome.tif", "--output", "out"]) == 0
        expected = nu.predict(model, image[[1, 7]])
        np.testing.assert_array_equal(read_labels("out/nine_labels.tif"), expected)
        assert "of its 9 channels 1 and 7 are taken" in "".join(capsys.readouterr())

    def test_that_the_image_does_not_have_are_not_guessed(self, folder, rng, capsys):
        save(random_model(small_network(in_channels=2)), "model.unet", channels=(1, 7))
        image = rng.integers(0, 255, (4, 40, 50)).astype(np.uint8)
        tifffile.imwrite("four.ome.tif", image, metadata={"axes": "CYX"})
        assert main(["predict", "model.unet", "four.ome.tif", "--output", "out"]) == 2
        assert "trained on 2 channels and this image has 4" in "".join(capsys.readouterr())


class TestSmallObjects:
    @pytest.fixture
    def specks(self, folder, trained, discs):
        trained.save("model.unet")
        tifffile.imwrite("image.tif", discs.image)

    @pytest.mark.parametrize("command", ["predict", "batch"])
    def test_that_vanish_are_told_and_come_back(self, specks, capsys, command):
        words = f"{command} model.unet image.tif --output out --save instances".split()
        assert main([*words, "--min-size", "3000"]) == 0
        assert not read_labels("out/image_instances.tif").any()
        said = "".join(capsys.readouterr())
        assert re.search(r"0 cells; \d+ pieces are smaller than 3000 px: lower .*--min-size", said)
        assert main(words) == 0
        assert read_labels("out/image_instances.tif").max() >= 4
        assert "0 cells" not in "".join(capsys.readouterr())


def test_the_bar_counts_percents(folder, trained, discs, capsys):
    trained.save("model.unet")
    tifffile.imwrite("image.tif", discs.image)
    assert main(["predict", "model.unet", "image.tif", "--output", "out", "--tile", "16"]) == 0
    said = capsys.readouterr().err
    assert "100%" in said
    assert not re.search(r"\d\.\d{4}", said)


def test_a_single_thread_is_one(monkeypatch):
    import torch

    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert describe(torch.device("cpu")) == "CPU, 1 thread"
