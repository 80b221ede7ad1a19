"""Instances, measurements and exports from the shell."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile

import napari_unet as nu
from napari_unet.cli import main
from napari_unet.core.io.open_image import read_labels
from napari_unet.core.io.result import Result
from napari_unet.core.io.write_result import open_result


@pytest.fixture
def folder(tmp_path, monkeypatch, trained, discs):
    """A folder with ``image.tif`` and ``model.unet``, which is the current one."""
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("image.tif", discs.image)
    trained.save(tmp_path / "model.unet")
    return tmp_path


def fails(capsys, *words: str) -> str:
    """Run a command that must fail; return the one sentence that it says."""
    assert main(list(words)) == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert said.startswith("napari-unet: ") and said.endswith(".")
    return said


class TestPredict:
    def test_writes_ids_and_measurements(self, folder, trained, discs):
        words = "predict model.unet image.tif --output out --save instances --measure"
        assert main(words.split()) == 0
        found = read_labels("out/image_instances.tif")
        np.testing.assert_array_equal(found, nu.predict_instances(trained, discs.image))
        with open("out/image_instances.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert len(rows) == found.max() >= 4
        assert "area (px²)" in rows[0]

    def test_makes_both_anew(self, folder):
        words = [
            "predict",
            "model.unet",
            "image.tif",
            "--output",
            "out",
            "--save",
            "instances",
            "--measure",
        ]
        assert main(words) == main(words) == 0

    def test_measures_planes_where_no_instances_are_saved(self, folder, capsys):
        words = "predict model.unet image.tif --output out --measure"
        assert main(words.split()) == 0
        with open("out/image_fields.csv", encoding="utf-8") as file:
            (row,) = csv.DictReader(file)
        ids = read_labels("out/image_labels.tif")
        assert float(row["background fraction"]) == pytest.approx((ids == 1).mean())
        assert not (folder / "out" / "image_instances.csv").exists()

    def test_does_not_overwrite_the_table_of_somebody_else(self, folder, capsys):
        (folder / "image_instances.csv").write_text("mine")
        words = "predict model.unet image.tif --output . --save instances --measure"
        assert "is there already" in fails(capsys, *words.split())
        assert (folder / "image_instances.csv").read_text() == "mine"


def test_a_batch_writes_them_too_and_then_leaves_them(folder, capsys):
    words = [
        "batch",
        "model.unet",
        "image.tif",
        "--output",
        "out",
        "--save",
        "labels",
        "instances",
        "--measure",
    ]
    assert main(words) == 0
    assert {path.name for path in (folder / "out").iterdir()} == {
        "batch_fields.csv",
        "batch_report.csv",
        "image_fields.csv",
        "image_instances.csv",
        "image_instances.tif",
        "image_labels.tif",
    }
    (folder / "out" / "image_instances.csv").unlink()
    assert main(words) == 0
    assert (folder / "out" / "image_instances.csv").exists()
    capsys.readouterr()
    assert main(words) == 0
    assert "there already" in capsys.readouterr().out


class TestEvaluate:
    @pytest.fixture
    def touching(self, tmp_path, monkeypatch):
        """True ids of two squares that touch, and a prediction of the same two, ids swapped."""
        monkeypatch.chdir(tmp_path)
        truth = np.zeros((40, 40), np.uint16)
        truth[10:30, 5:20], truth[10:30, 20:35] = 1, 2
        tifffile.imwrite("truth.tif", truth)
        return (3 - truth.astype(np.int32)) * (truth > 0)

    def test_scores_the_ids_of_a_file_of_objects(self, touching, capsys):
        for name, values in (("objects", "instances"), ("mask", "labels")):
            sizes = {"Y": 40, "X": 40}
            made = Result(sizes, np.dtype(np.int32), "instances", (), values=values)
            with open_result(Path(f"{name}.tif"), made) as array:
                array[...] = touching if values == "instances" else touching > 0
        assert (
            main(["evaluate", "objects.tif", "mask.tif", "--truth", "truth.tif", "truth.tif"]) == 0
        )
        header, objects, mask, *_ = capsys.readouterr().out.splitlines()
        column = header.replace("AP 0.5", "AP_0.5").replace("F1 0.5", "F1_0.5").split()
        at = column.index("AP_0.5") - len(column)
        assert float(objects.split()[at]) == 1
        assert float(mask.split()[at]) == 0


class TestExport:
    def test_writes_a_package_and_says_where(self, folder, capsys):
        words = "export model.unet --format bioimageio --output cells.zip"
        assert main(words.split()) == 0
        assert capsys.readouterr().out.strip() == "cells.zip"
        assert "rdf.yaml" in zipfile.ZipFile("cells.zip").namelist()

    def test_writes_onnx(self, folder):
        assert main(["export", "model.unet", "--format", "onnx", "--output", "cells.onnx"]) == 0
        assert (folder / "cells.onnx").stat().st_size > 1000

    def test_refuses_another_ending(self, folder, capsys):
        before = (folder / "model.unet").read_bytes()
        words = "export model.unet --format onnx --output model.unet"
        assert "should end with .onnx" in fails(capsys, *words.split())
        assert (folder / "model.unet").read_bytes() == before
