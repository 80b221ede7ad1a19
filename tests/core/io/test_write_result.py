from __future__ import annotations

import errno
import json
import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
import torch
import zarr
from imageio.v3 import imwrite

import napari_unet as nu
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.io import write_result, write_zarr
from napari_unet.core.io.open_image import open_image, read_labels
from napari_unet.core.io.read_tiff import map_annotations
from napari_unet.core.io.result import Result
from napari_unet.core.io.write_result import open_result, read_label_kind
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.segmentation.provenance import Choices
from napari_unet.core.segmentation.result_paths import is_result, result_path, stem_of
from napari_unet.core.segmentation.segment import Segmented, segment
from napari_unet.errors import InvalidInput, Stopped, UnreadableFile, UnwritableOutput
from scenes import random_model, small_network

CPU = torch.device("cpu")
CLASSES = describe_classes((1, 2), "scribbles")
SIZES = {"T": 2.0, "Z": 3.0, "Y": 0.5, "X": 0.25}
UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}


def described(sizes, dtype="u1", **changes) -> Result:
    known = {"pixel_size": SIZES, "units": UNITS, "chunk": (8, 8), "name": "a.tif"} | changes
    axes = {letter: size for letter, size in SIZES.items() if letter in sizes}
    known["pixel_size"] = axes if "pixel_size" not in changes else known["pixel_size"]
    return Result(sizes, np.dtype(dtype), "scribbles", CLASSES, **known)


class TestRoundTrip:
    @pytest.mark.parametrize("suffix", ["tif", "ome.zarr"])
    @pytest.mark.parametrize("dtype", ["u1", "u2", "f4"])
    @pytest.mark.parametrize("axes", ["YX", "ZYX", "TZYX", "CYX", "TCZYX"])
    def test_keeps_values_axes_pixel_sizes_and_units(self, tmp_path, rng, axes, dtype, suffix):
        lengths = {"T": 2, "C": 2, "Z": 4, "Y": 17, "X": 12}
        result = described({letter: lengths[letter] for letter in axes}, dtype)
        data = (100 * rng.random(result.shape)).astype(dtype)
        path = tmp_path / f"a.{suffix}"
        with open_result(path, result) as array:
            array[...] = data
        with open_image(path) as source:
            assert (source.axes, source.guesses, source.dtype) == (axes, (), np.dtype(dtype))
            assert source.pixel_size == {a: SIZES[a] for a in axes if a != "C"}
            assert source.units == {a: UNITS[a] for a in axes if a != "C"}
            np.testing.assert_array_equal(source.levels[0][...], data)
        assert os.listdir(tmp_path) == [path.name]
        assert read_label_kind(path) == "scribbles"

    def test_axes_are_stored_in_one_order(self):
        result = described({"Z": 3, "T": 2, "C": 4, "Y": 5, "X": 6})
        assert (result.axes, result.shape) == ("TCZYX", (2, 4, 3, 5, 6))
        assert result.place({"Z": 1, "T": 0, "Y": slice(2), "X": slice(3)}) == (
            0,
            slice(None),
            1,
            slice(2),
            slice(3),
        )

    def test_tiff_says_what_its_values_mean(self, tmp_path):
        with open_result(tmp_path / "a.tif", described({"C": 2, "Y": 4, "X": 5}, "f4")):
            pass
        with tifffile.TiffFile(tmp_path / "a.tif") as tiff:
            xml = tiff.ome_metadata
        meaning = map_annotations(xml, "napari-unet")
        assert [entry["name"] for entry in json.loads(meaning["classes"])] == [
            "background",
            "class 2",
        ]
        assert 'Name="class 2"' in xml

    def test_zarr_says_what_its_values_mean_in_colour(self, tmp_path):
        with open_result(tmp_path / "a.zarr", described({"Y": 4, "X": 5})):
            pass
        attributes = zarr.open_group(tmp_path / "a.zarr", mode="r").attrs
        colours = attributes["ome"]["image-label"]["colors"]
        assert colours[0] == {"label-value": 1, "rgba": [0x56, 0xB4, 0xE9, 255]}
        assert attributes["napari-unet"]["classes"][1]["name"] == "class 2"


class TestPyramid:
    @pytest.fixture(autouse=True)
    def small(self, monkeypatch):
        monkeypatch.setattr("napari_unet.core.io.write_zarr._COARSEST", 10)

    def test_of_ids_takes_every_second_one(self, tmp_path, rng):
        data = rng.integers(1, 5, (3, 37, 22)).astype(np.uint8)
        with open_result(tmp_path / "a.zarr", described({"Z": 3, "Y": 37, "X": 22})) as array:
            array[...] = data
        with open_image(tmp_path / "a.zarr") as source:
            assert [level.shape[-2:] for level in source.levels] == [
                (37, 22),
                (19, 11),
                (10, 6),
            ]
            np.testing.assert_array_equal(source.levels[1][...], data[:, ::2, ::2])
            np.testing.assert_array_equal(source.levels[2][...], data[:, ::4, ::4])
            assert source.pixel_size_at(2) == {"Z": 3.0, "Y": 2.0, "X": 1.0}

    def test_of_probabilities_takes_the_mean(self, tmp_path, rng):
        data = rng.random((2, 36, 20)).astype(np.float32)
        result = described({"C": 2, "Y": 36, "X": 20}, "f4")
        with open_result(tmp_path / "a.zarr", result) as array:
            array[...] = data
        found = zarr.open_array(tmp_path / "a.zarr" / "1", mode="r")[...]
        plain = data.reshape(2, 18, 2, 10, 2).mean(axis=(2, 4))
        np.testing.assert_allclose(found, plain, rtol=1e-6)


class TestNothingHalf:
    @pytest.mark.parametrize("suffix", ["tif", "zarr"])
    @pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, GeneratorExit])
    def test_is_left_when_something_goes_wrong(self, tmp_path, suffix, error):
        with (
            pytest.raises(error),
            open_result(tmp_path / f"a.{suffix}", described({"Y": 4, "X": 5})) as array,
        ):
            array[0] = 1
            raise error
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("answers", [[True], [False, True]], ids=["before", "after"])
    @pytest.mark.parametrize("suffix", ["tif", "zarr"])
    def test_is_left_by_a_stop_while_it_is_written(self, tmp_path, suffix, answers, monkeypatch):
        monkeypatch.setattr(write_zarr, "_COARSEST", 4)
        asked = iter(answers)
        result, path = described({"Y": 16, "X": 16}), tmp_path / f"a.{suffix}"
        with pytest.raises(Stopped), open_result(path, result, lambda: next(asked)) as array:
            array[...] = 1
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("suffix", ["tif", "zarr"])
    def test_an_earlier_result_stays_until_the_new_one_is_complete(self, tmp_path, suffix):
        path, result = tmp_path / f"a.{suffix}", described({"Y": 4, "X": 5})
        with open_result(path, result) as array:
            array[...] = 1
        with pytest.raises(RuntimeError), open_result(path, result) as array:
            array[...] = 2
            raise RuntimeError
        assert (read_labels(path) == 1).all()
        with open_result(path, result) as array:
            array[...] = 2
        assert (read_labels(path) == 2).all()
        assert os.listdir(tmp_path) == [path.name]

    @pytest.mark.parametrize("suffix", ["tif", "zarr"])
    @pytest.mark.fault("killed while saving")
    def test_a_process_that_is_killed_leaves_nothing_at_the_path(self, tmp_path, suffix):
        program = (
            "import os, signal, sys; import numpy as np; from pathlib import Path\n"
            "from napari_unet.core.io.write_result import Result, open_result\n"
            "from napari_unet.core.labels.classes import describe_classes\n"
            "result = Result({'Y': 40, 'X': 50}, np.dtype('u1'), 'scribbles',"
            " describe_classes((1, 2), 'scribbles'))\n"
            "with open_result(Path(sys.argv[1]), result) as array:\n"
            "    array[...] = 1\n"
            "    os._exit(9)\n"
        )
        path = tmp_path / f"a.{suffix}"
        ended = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
        assert ended.returncode == 9
        assert not path.exists()
        with open_result(path, described({"Y": 4, "X": 5})):
            pass
        if os.name != "nt":
            assert os.listdir(tmp_path) == [path.name]

    @pytest.mark.parametrize("suffix", ["tif", "zarr"])
    @pytest.mark.fault("full disk")
    def test_a_full_disk_is_told(self, tmp_path, suffix, monkeypatch):
        def full(*_, **__):
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(tifffile, "imwrite", full)
        monkeypatch.setattr(zarr.storage.LocalStore, "set", full)
        with (
            pytest.raises(UnwritableOutput, match=r"a\.\w+ cannot be written \(No space left"),
            open_result(tmp_path / f"a.{suffix}", described({"Y": 4, "X": 5})) as array,
        ):
            array[...] = 1
        assert os.listdir(tmp_path) == []

    @pytest.mark.parametrize("suffix", ["tif", "zarr"])
    @pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may write")
    def test_a_read_only_folder_is_told(self, tmp_path, suffix):
        tmp_path.chmod(0o500)
        with (
            pytest.raises(UnwritableOutput, match="cannot be written"),
            open_result(tmp_path / f"a.{suffix}", described({"Y": 4, "X": 5})) as array,
        ):
            array[...] = 1
        tmp_path.chmod(0o700)


class TestKind:
    def test_of_other_files_is_unknown(self, tmp_path):
        imwrite(tmp_path / "a.png", np.zeros((9, 8), np.uint8))
        tifffile.imwrite(tmp_path / "b.tif", np.zeros((9, 8), np.uint8))
        tifffile.imwrite(
            tmp_path / "d.ome.tif", np.zeros((9, 8), np.uint8), metadata={"axes": "YX"}
        )
        (tmp_path / "c.tif").write_bytes(b"II*\0\0\0\0\0")
        zarr.save_array(tmp_path / "e.zarr", np.zeros((9, 8)))
        (tmp_path / "f.zarr").mkdir()
        (tmp_path / "f.zarr" / "zarr.json").write_text("[1]")
        for name in ("a.png", "b.tif", "c.tif", "d.ome.tif", "e.zarr", "f.zarr", "missing.tif"):
            assert read_label_kind(tmp_path / name) is None

    @pytest.mark.parametrize(
        ("name", "stem"),
        [
            ("a.tif", "a"),
            ("a.ome.tif", "a"),
            ("a.OME.zarr", "a"),
            ("a.b.png", "a.b"),
            ("a", "a"),
            ("x.ome", "x"),
        ],
    )
    def test_names_without_their_endings(self, tmp_path, name, stem):
        assert stem_of(tmp_path / name) == stem

    def test_results_are_told_from_images(self, tmp_path):
        result = described({"Y": 4, "X": 5})
        for name in ("a_labels.tif", "a_labels.ome.zarr", "b.tif"):
            with open_result(tmp_path / name, result):
                pass
        imwrite(tmp_path / "c_labels.png", np.zeros((9, 8), np.uint8))
        found = {path.name for path in tmp_path.iterdir() if is_result(path)}
        assert found == {"a_labels.tif", "a_labels.ome.zarr"}

    def test_the_format_follows_size_and_kind(self, tmp_path, monkeypatch, trained):
        def name(**known):
            source = ImageSource.from_array(np.ones((50, 60)), **known)
            return result_path(tmp_path, "a", trained, source, "labels").name

        assert name() == "a_labels.tif"
        assert name(kind="zarr") == "a_labels.ome.zarr"
        monkeypatch.setattr("napari_unet.core.segmentation.result_paths.MOST_TIFF_BYTES", 1000)
        assert name() == "a_labels.ome.zarr"


class TestSegment:
    """From an image to files."""

    def run(self, model, source, outputs, choices=None, **options):
        return list(segment(model, source, outputs, choices or Choices(), device=CPU, **options))

    def test_a_zarr_gives_what_the_array_gives(self, tmp_path, rng, trained):
        data = rng.integers(0, 255, (2, 90, 75)).astype(np.uint8)
        array = zarr.create_array(
            tmp_path / "in.zarr", shape=data.shape, chunks=(1, 32, 32), dtype="u1"
        )
        array[...] = data
        outputs = {"labels": tmp_path / "l.zarr", "probabilities": tmp_path / "p.zarr"}
        with open_image(tmp_path / "in.zarr", "ZYX") as source:
            events = self.run(trained, source, outputs, tile=32)
        assert events[-1] == Segmented(1.0)
        with open_image(outputs["labels"]) as labels, open_image(outputs["probabilities"]) as p:
            assert (labels.axes, p.axes) == ("ZYX", "CZYX")
            np.testing.assert_array_equal(
                labels.levels[0][...], nu.predict(trained, data, device="cpu")
            )
            expected = nu.predict_probabilities(trained, data, device="cpu")
            np.testing.assert_allclose(p.levels[0][...], expected, atol=1e-5)

    def test_chosen_channels_in_their_order(self, tmp_path, rng):
        model = random_model(small_network(in_channels=2))
        data = rng.normal(size=(4, 40, 50)).astype(np.float32)
        source = ImageSource.from_array(data, "CYX")
        self.run(model, source, {"labels": tmp_path / "a.tif"}, Choices((3, 1)))
        expected = nu.predict(model, data[[3, 1]], device="cpu")
        np.testing.assert_array_equal(read_labels(tmp_path / "a.tif"), expected)

    def test_a_coarser_level_has_its_own_size_and_pixel_size(self, tmp_path, rng, trained):
        data = rng.normal(size=(80, 64)).astype(np.float32)
        source = ImageSource.from_array(
            [data, data[::2, ::2]], pixel_size={"Y": 1, "X": 1}, units={"Y": "nanometer"}
        )
        self.run(trained, source, {"labels": tmp_path / "a.tif"}, Choices(level=1))
        with open_image(tmp_path / "a.tif") as found:
            assert found.plane_shape() == (40, 32)
            assert found.pixel_size == {"Y": 2}

    @pytest.mark.parametrize(
        ("data", "options", "message"),
        [
            (np.ones((20, 20)), {}, "every pixel of the image is 1"),
            (np.zeros((3, 20, 20)), {}, "every pixel of the image is 0"),
            (np.full((20, 20), np.nan), {}, "NaN or infinite"),
            (np.ones((20, 20, 3), np.uint8), {}, r"has 3 channels \(RGB\)"),
            (np.ones((20, 20)), {"channels": (0, 0)}, "you chose 2 channels"),
            (np.ones((20, 20)), {"channels": (4,)}, "no channel 4"),
            (np.ones((20, 20)), {"level": 1}, "no level 1"),
        ],
    )
    def test_what_cannot_be_segmented_leaves_nothing(
        self, tmp_path, trained, data, options, message
    ):
        source = ImageSource.from_array(data, channels=1)
        with pytest.raises(InvalidInput, match=message):
            self.run(trained, source, {"labels": tmp_path / "a.tif"}, Choices(**options))
        assert os.listdir(tmp_path) == []

    def test_a_chunk_that_is_damaged_leaves_nothing(self, tmp_path, rng, trained):
        zarr.save_array(tmp_path / "in.zarr", rng.random((40, 40)))
        (chunk,) = (tmp_path / "in.zarr" / "c").rglob("0/0")
        chunk.write_bytes(b"garbage")
        with open_image(tmp_path / "in.zarr") as source, pytest.raises(UnreadableFile):
            self.run(trained, source, {"labels": tmp_path / "a.ome.zarr"})
        assert os.listdir(tmp_path) == ["in.zarr"]

    @pytest.mark.parametrize("suffix", ["tif", "ome.zarr"])
    def test_closing_it_leaves_nothing(self, tmp_path, rng, trained, suffix):
        source = ImageSource.from_array(rng.normal(size=(90, 90)))
        parts = segment(trained, source, {"labels": tmp_path / f"a.{suffix}"}, device=CPU, tile=32)
        next(parts)
        parts.close()
        assert os.listdir(tmp_path) == []


def test_bigtiff_is_taken_by_size():
    """A result beyond what classic TIFF holds never becomes a TIFF."""
    assert write_result.MOST_TIFF_BYTES < 2**32
