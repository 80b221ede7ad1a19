"""Volumes from the shell: ``train --dimensions 3``, ``predict``, ``batch`` and ``info``."""

from __future__ import annotations

import csv
import os

import numpy as np
import pytest
import tifffile
import torch
import zarr

import napari_unet as nu
from napari_unet.cli import main
from napari_unet.core.io.open_image import open_image
from napari_unet.core.network.pooling import pooling_for
from scenes import BALLS_VOXEL, balls

SIZES = {"PhysicalSizeZ": 2.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with ``a.ome.tif``, balls in voxels of 2 x 0.5 x 0.5 µm, and ``strokes.tif``."""
    monkeypatch.chdir(tmp_path)
    scene = balls(0)
    tifffile.imwrite("a.ome.tif", scene.image, metadata={"axes": "ZYX", **SIZES})
    tifffile.imwrite("strokes.tif", scene.strokes)
    return tmp_path


def train(*words: str, images=("a.ome.tif",), labels=("strokes.tif",)) -> int:
    given = ["train", *images, "--labels", *labels, "--output", "m.unet", "--device", "cpu"]
    return main([*given, "--dimensions", "3", *(words or ("--steps", "1"))])


@pytest.fixture
def model(folder) -> nu.Model:
    """A model of one step, also in ``m.unet``."""
    assert train() == 0
    return nu.load_model("m.unet")


def test_trains_and_predicts_as_from_python(model):
    scene = balls(0)
    options = {"dimensions": 3, "voxel_size": (2.0, 0.5, 0.5), "steps": 1, "device": "cpu"}
    same = nu.train(scene.image, scene.strokes, **options)
    assert all(torch.equal(model.weights[name], same.weights[name]) for name in model.weights)
    other = balls(1).image
    tifffile.imwrite("b.ome.tif", other, metadata={"axes": "ZYX", **SIZES})
    assert main(["predict", "m.unet", "b.ome.tif", "--output", "out", "--device", "cpu"]) == 0
    expected = nu.predict(model, other, device="cpu")
    np.testing.assert_array_equal(tifffile.imread("out/b_labels.tif"), expected)
    with open_image("out/b_labels.tif") as result:
        assert (result.axes, result.pixel_size) == ("ZYX", {"Z": 2.0, "Y": 0.5, "X": 0.5})


class TestVoxelSize:
    def test_is_that_of_the_files(self, model, capsys):
        assert model.header.network.pooling == pooling_for((4, 1, 1), 3)
        assert (model.header.pixel_size, model.header.pixel_unit) == ((2.0, 0.5, 0.5), "micrometer")

    def test_is_said(self, folder, capsys):
        assert train() == 0
        assert "the images' voxels are 2 x 0.5 x 0.5 µm" in capsys.readouterr().out

    def test_can_be_given(self, folder):
        assert train("--voxel-size", "1,1,1", "--steps", "1") == 0
        header = nu.load_model("m.unet").header
        assert header.pixel_size == (1.0, 1.0, 1.0)
        assert header.network.poolings == ((2, 2, 2),) * 3

    def test_that_nobody_knows_is_taken_for_cubes_and_said(self, folder, capsys):
        tifffile.imwrite("plain.tif", balls(0).image)
        assert train(images=["plain.tif"]) == 0
        assert "taken for cubes" in capsys.readouterr().out
        assert nu.load_model("m.unet").header.pixel_size is None

    @pytest.mark.parametrize(
        ("sizes", "said"), [({**SIZES, "PhysicalSizeZ": 1.0}, "1 x 0.5 x 0.5 µm"), ({}, "unknown")]
    )
    def test_images_that_disagree_are_refused(self, folder, capsys, sizes, said):
        tifffile.imwrite("c.ome.tif", balls(1).image, metadata={"axes": "ZYX", **sizes})
        images, labels = ["a.ome.tif", "c.ome.tif"], ["strokes.tif"] * 2
        assert train(images=images, labels=labels) == 2
        error = capsys.readouterr().err
        assert "a.ome.tif are 2 x 0.5 x 0.5 µm" in error
        assert said in error
        assert "--voxel-size" in error
        words = ("--voxel-size", "4,1,1", "--steps", "1")
        assert train(*words, images=images, labels=labels) == 0

    def test_the_same_in_other_units_agrees(self, folder):
        nanometres = {name: 1000 * size for name, size in SIZES.items()}
        units = {f"{name}Unit": "nm" for name in SIZES}
        metadata = {"axes": "ZYX", **nanometres, **units}
        tifffile.imwrite("c.ome.tif", balls(1).image, metadata=metadata)
        assert train(images=["a.ome.tif", "c.ome.tif"], labels=["strokes.tif"] * 2) == 0
        assert nu.load_model("m.unet").header.pixel_size == (2.0, 0.5, 0.5)

    @pytest.mark.parametrize("words", [["--voxel-size", "4,1"], ["--voxel-size", "a,b,c"]])
    def test_that_is_none_is_refused(self, folder, capsys, words):
        with pytest.raises(SystemExit):
            train(*words)
        assert "three numbers" in capsys.readouterr().err

    def test_is_for_volumes(self, folder, capsys):
        words = ["train", "a.ome.tif", "--labels", "strokes.tif", "--output", "m.unet"]
        assert main([*words, "--voxel-size", "4,1,1"]) == 2
        assert "voxel size is for volumes" in capsys.readouterr().err


def test_a_model_of_volumes_is_trained_further_without_saying_so_again(model):
    words = ["train", "a.ome.tif", "--labels", "strokes.tif", "--output", "n.unet", "--steps", "1"]
    assert main([*words, "--model", "m.unet", "--device", "cpu"]) == 0
    header = nu.load_model("n.unet").header
    assert len(header.history) == 2
    assert header.network == model.header.network
    assert (header.pixel_size, header.pixel_unit) == ((2.0, 0.5, 0.5), "micrometer")


def test_channels_may_lie_between_slices_and_rows(folder):
    """As ImageJ stores them; the labels have no such axis."""
    image = balls(0).image
    both = np.stack([image, -image], axis=1)
    tifffile.imwrite("ij.tif", both.astype(np.float32), imagej=True, metadata={"axes": "ZCYX"})
    assert train(images=["ij.tif"]) == 0
    assert nu.load_model("m.unet").header.network.in_channels == 2
    assert main(["predict", "m.unet", "ij.tif", "--output", "out", "--device", "cpu"]) == 0
    expected = nu.predict(nu.load_model("m.unet"), np.stack([image, -image]), device="cpu")
    np.testing.assert_array_equal(tifffile.imread("out/ij_labels.tif"), expected)


def test_objects_of_a_volume_are_found_and_measured_in_space(model):
    words = ["predict", "m.unet", "a.ome.tif", "--output", "out", "--device", "cpu"]
    assert main([*words, "--save", "instances", "--measure", "--tile", "16"]) == 0
    found = tifffile.imread("out/a_instances.tif")
    assert found.shape == balls(0).image.shape
    with open("out/a_instances.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["id"]) for row in rows] == [i for i in np.unique(found) if i]
    assert any(name.startswith("volume") for name in rows[0])


def test_predict_says_what_the_model_is_and_what_it_guesses(model, capsys):
    np.save("b.npy", balls(1).image)
    assert main(["predict", "m.unet", "b.npy", "--output", "out", "--device", "cpu"]) == 0
    said = capsys.readouterr().out
    assert "3: volumes" in said
    assert "12 long, is taken as slices (Z)" in said


def test_predict_refuses_a_plane(model, capsys):
    np.save("plane.npy", balls(1).image[0])
    assert main(["predict", "m.unet", "plane.npy", "--output", "out"]) == 2
    assert "plane.npy: the model is one for volumes" in capsys.readouterr().err


def test_a_batch_segments_stacks_and_reports_planes(model, capsys):
    os.mkdir("in")
    image = balls(1).image
    tifffile.imwrite("in/deep.ome.tif", image, metadata={"axes": "ZYX", "PhysicalSizeZ": 4.0})
    tifffile.imwrite("in/flat.ome.tif", image[0], metadata={"axes": "YX"})
    zarr.create_array("in/b.zarr", data=image, chunks=(4, 16, 16))
    words = ["batch", "m.unet", "in", "--output", "out", "--tile", "16", "--device", "cpu"]
    assert main(words) == 1
    said = capsys.readouterr().out
    assert "3: volumes" in said
    assert "2 of 3 will run, 1 has no slices." in said
    assert "slices are 4 µm apart" in said
    with open("out/batch_report.csv", newline="", encoding="utf-8") as file:
        status = {os.path.basename(row["item"]): row["status"] for row in csv.DictReader(file)}
    assert status == {"b.zarr": "done", "deep.ome.tif": "done", "flat.ome.tif": "failed"}
    with open_image("out/b_labels.ome.zarr") as result:
        expected = nu.predict(model, image, device="cpu")
        np.testing.assert_array_equal(np.asarray(result.levels[0][...]), expected)


def test_info_tells_volumes_and_the_size_of_voxels(model, capsys):
    assert main(["info", "m.unet"]) == 0
    said = capsys.readouterr().out
    assert "3: volumes" in said
    assert "voxel size   2.0 x 0.5 x 0.5 micrometer" in said
    assert BALLS_VOXEL == (4.0, 1.0, 1.0), "the same proportions, so the same network"
