"""Instances of whole files, and measurements of them."""

from __future__ import annotations

import csv
import os
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io import scratch
from napari_unet.core.io.open_image import open_image, read_labels
from napari_unet.core.io.result import Result
from napari_unet.core.io.write_result import holds_objects, read_label_kind
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.metrics.objects import average_precision
from napari_unet.core.objects.label_instances import label_instances
from napari_unet.core.objects.predict_instances import predict_instances, stack_instances
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.core.segmentation import instance_writer
from napari_unet.core.segmentation.instance_writer import ObjectsInto
from napari_unet.core.segmentation.segment import segment
from napari_unet.errors import UnwritableOutput
from scenes import discs, random_model, small_network, volume_network

CPU = torch.device("cpu")


def run(model, source, outputs, **options) -> None:
    for _ in segment(model, source, outputs, device=CPU, **options):
        pass


def result(shape: tuple[int, ...], axes: str, **known) -> Result:
    sizes = dict(zip(axes, shape, strict=True))
    return Result(sizes, np.dtype(np.int32), "instances", (), values="instances", **known)


def blobs(rng, shape: tuple[int, ...]) -> np.ndarray:
    """Probabilities of background and of bumps that touch here and there, (2, *axes)."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.normal(size=shape), 3)
    p = (1 / (1 + np.exp(-4 * noise / noise.std()))).astype(np.float32)
    return np.stack([1 - p, p])


class TestObjectsInto:
    @pytest.mark.parametrize("on_disk", [False, True])
    def test_are_those_of_the_whole_plane_whatever_the_tiles(self, rng, monkeypatch, on_disk):
        if on_disk:
            monkeypatch.setattr(instance_writer, "MOST_IN_MEMORY", 0)
            monkeypatch.setattr(instance_writer, "_SIDES", {2: 37})
        model = random_model(small_network())
        planes = [blobs(rng, (90, 110)) for _ in range(3)]
        out = np.full((3, 90, 110), -1, np.int32)
        with ObjectsInto(out, result(out.shape, "ZYX"), model.header) as pieces:
            for number, plane in enumerate(planes):
                for top in range(0, 90, 40):
                    for left in range(0, 110, 64):
                        box = slice(top, top + 40), slice(left, left + 64)
                        pieces[(number, *box)] = plane[(slice(None), *box)]
        expected = stack_instances(model, planes)
        if on_disk:  # other chunks give the same objects other ids
            np.testing.assert_array_equal(out > 0, expected > 0)
            for found, truth in zip(out, expected, strict=True):
                (score,) = average_precision(found, truth, thresholds=(0.999,))
                assert score.average_precision == 1
        else:
            np.testing.assert_array_equal(out, expected)
        ids = np.unique(out)
        np.testing.assert_array_equal(ids, np.arange(len(ids)))

    def test_of_volumes_are_pieces_in_three_dimensions(self, rng):
        model = random_model(volume_network((4.0, 1.0, 1.0)))
        volume = blobs(rng, (8, 30, 30))
        out = np.zeros((1, 8, 30, 30), np.int32)
        sizes = {"Z": 4.0, "Y": 1.0, "X": 1.0}
        with ObjectsInto(out, result(out.shape, "TZYX", pixel_size=sizes), model.header) as pieces:
            pieces[0, 0:8, 0:30, 0:20] = volume[..., :20]
            pieces[0, 0:8, 0:30, 20:30] = volume[..., 20:]
        np.testing.assert_array_equal(out[0], label_instances(volume, 0, spacing=(4.0, 1.0, 1.0)))

    def test_nothing_is_written_of_a_piece_that_is_given_up(self, rng):
        model = random_model(small_network())
        out = np.full((40, 40), -1, np.int32)
        with (
            pytest.raises(KeyboardInterrupt),
            ObjectsInto(out, result(out.shape, "YX"), model.header) as pieces,
        ):
            pieces[0:40, 0:40] = blobs(rng, (40, 40))
            raise KeyboardInterrupt
        assert (out == -1).all()

    def test_may_be_more_than_16_bits_count(self):
        """70,000 single pixels, on every second row and column."""
        p = np.zeros((2, 560, 520), np.float32)
        p[1, ::2, ::2] = 1
        p[0] = 1 - p[1]
        model = random_model(small_network())
        out = np.zeros(p.shape[1:], np.int32)
        settings = InstanceSettings(smallest=1)
        with ObjectsInto(out, result(out.shape, "YX"), model.header, settings=settings) as pieces:
            pieces[0:560, 0:520] = p
        assert out.max() == 280 * 260 > 70_000

    def test_a_large_piece_leaves_no_file(self, tmp_path, monkeypatch, rng):
        monkeypatch.setattr(instance_writer, "MOST_IN_MEMORY", 0)
        model = random_model(small_network())
        out = np.zeros((40, 40), np.int32)
        with ExitStack() as stack:
            pieces = stack.enter_context(
                ObjectsInto(out, result(out.shape, "YX"), model.header, folder=tmp_path)
            )
            pieces[0:40, 0:40] = blobs(rng, (40, 40))
        assert not os.listdir(tmp_path)


class TestFiles:
    @pytest.mark.parametrize("name", ["a_instances.tif", "a_instances.ome.zarr"])
    def test_hold_the_ids_of_predict_instances_and_say_so(self, tmp_path, trained, name):
        image = np.stack([discs(seed).image for seed in (4, 5)])
        source = ImageSource.from_array(image, "ZYX", name="a")
        run(trained, source, {"instances": tmp_path / name}, tile=32)
        found = read_labels(tmp_path / name)
        assert found.dtype == np.int32
        np.testing.assert_array_equal(found, predict_instances(trained, image))
        assert holds_objects(tmp_path / name)
        assert read_label_kind(tmp_path / name) == "instances"
        with open_image(tmp_path / name) as written:
            assert written.axes == "ZYX"

    def test_of_classes_do_not_say_so(self, tmp_path, trained, discs):
        source = ImageSource.from_array(discs.image)
        run(trained, source, {"labels": tmp_path / "a_labels.tif"})
        assert not holds_objects(tmp_path / "a_labels.tif")

    def test_a_full_disk_is_told_and_nothing_is_left(self, tmp_path, monkeypatch, trained, discs):
        monkeypatch.setattr(instance_writer, "MOST_IN_MEMORY", 0)
        monkeypatch.setattr(scratch.shutil, "disk_usage", lambda _: SimpleNamespace(free=10))
        source = ImageSource.from_array(discs.image)
        with pytest.raises(UnwritableOutput, match="make room"):
            run(trained, source, {"instances": tmp_path / "a_instances.tif"})
        assert not os.listdir(tmp_path)


class TestMeasurements:
    def test_have_a_row_an_object_with_units_and_planes(self, tmp_path, trained):
        image = np.stack([discs(seed).image for seed in (4, 5)])
        source = ImageSource.from_array(
            image,
            "ZYX",
            name="a",
            pixel_size={"Z": 2.0, "Y": 0.5, "X": 0.5},
            units={"Z": "micrometer", "Y": "micrometer", "X": "micrometer"},
        )
        run(trained, source, {"instances": tmp_path / "a_instances.tif"}, measure=True)
        ids = read_labels(tmp_path / "a_instances.tif")
        with open(tmp_path / "a_instances.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["id"]) for row in rows] == list(range(1, ids.max() + 1))
        for row in rows:
            number = int(row["id"])
            inside = ids == number
            assert float(row["area (µm²)"]) == pytest.approx(0.25 * inside.sum())
            assert float(row["intensity mean"]) == pytest.approx(image[inside].mean(), abs=1e-4)
            assert inside[int(row["plane"])].any()
        assert "class" not in rows[0]

    def test_say_the_class_where_there_are_several_of_objects(self, tmp_path, rng):
        model = random_model(small_network(in_channels=2, n_classes=3), ids=(1, 2, 5))
        image = rng.normal(size=(2, 60, 60)).astype(np.float32)
        source = ImageSource.from_array(image, "CYX")
        outputs = {w: tmp_path / f"a_{w}.tif" for w in ("instances", "labels")}
        run(model, source, outputs, measure=True)
        ids, classes = (read_labels(outputs[w]) for w in ("instances", "labels"))
        assert model.classes == describe_classes((1, 2, 5), "scribbles")
        with open(tmp_path / "a_instances.csv", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert rows
        for row in rows:
            inside = classes[ids == int(row["id"])]
            assert int(row["class"]) in inside
            assert {"area (px²)", "intensity 2 mean"} <= set(row)

    def test_are_not_there_for_an_image_that_failed(self, tmp_path, trained):
        source = ImageSource.from_array(np.zeros((32, 32), np.uint8))
        with pytest.raises(ValueError, match="nothing to find"):
            run(trained, source, {"instances": tmp_path / "a_instances.tif"}, measure=True)
        assert not os.listdir(tmp_path)
