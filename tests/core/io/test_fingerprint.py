from __future__ import annotations

import os

import dask.array
import numpy as np
import pytest
import zarr

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.stacked_channels import stack_channels
from napari_unet.core.io import fingerprint as fingerprints
from napari_unet.core.io.fingerprint import fingerprint, identify_array, identify_file
from napari_unet.core.io.open_image import open_image
from napari_unet.errors import UnreadableFile


def zarr_array(data):
    return zarr.array(data)


def test_a_changed_byte_of_a_small_file_is_noticed(tmp_path):
    path = tmp_path / "a.tif"
    path.write_bytes(b"abc")
    first = identify_file(path)
    path.write_bytes(b"abd")
    assert identify_file(path).checksum != first.checksum
    assert first.size == 3


def test_little_is_read_of_a_large_file(tmp_path, monkeypatch):
    path = tmp_path / "a.tif"
    monkeypatch.setattr(fingerprints, "_WHOLE_BYTES", 1000)
    monkeypatch.setattr(fingerprints, "_BLOCK_BYTES", 10)
    data = bytearray(np.random.default_rng(0).bytes(5000))
    path.write_bytes(data)
    first = identify_file(path)
    for place in (0, 4999):
        changed = data.copy()
        changed[place] ^= 1
        path.write_bytes(changed)
        assert identify_file(path).checksum != first.checksum
    path.write_bytes(data + b"x")
    assert identify_file(path) != first


def test_of_a_folder_names_sizes_and_descriptions_count(tmp_path):
    (tmp_path / "z.zarr" / "0").mkdir(parents=True)
    (tmp_path / "z.zarr" / "zarr.json").write_text("{}")
    (tmp_path / "z.zarr" / "0" / "chunk").write_bytes(b"12")
    first = identify_file(tmp_path / "z.zarr")
    assert first.size == 4
    (tmp_path / "z.zarr" / "zarr.json").write_text("[]")
    assert identify_file(tmp_path / "z.zarr") != first


@pytest.mark.parametrize("name", ["\0", "a\0.tif", "\ud800.tif"])
def test_a_name_that_no_file_can_have_is_told(tmp_path, name):
    with pytest.raises(UnreadableFile, match="cannot be read"):
        identify_file(tmp_path / name)


def test_a_file_that_is_not_there_is_told(tmp_path):
    with pytest.raises(UnreadableFile, match=r"gone\.tif cannot be read"):
        identify_file(tmp_path / "gone.tif")


def test_arrays_differ_by_shape_type_and_content():
    image = np.arange(600).reshape(3, 10, 20)
    others = (image.reshape(3, 20, 10), image.astype(np.int32), image + 1)
    assert len({identify_array(x).checksum for x in (image, *others)}) == 4
    assert identify_array(image.copy()) == identify_array(image)


def test_what_is_not_in_memory_is_not_computed():
    class Lazy:
        shape = (2, 3)

    assert identify_array(Lazy()) is None


class TestFingerprint:
    @pytest.fixture(params=["whole", "sample"])
    def bounds(self, request, monkeypatch):
        if request.param == "sample":
            monkeypatch.setattr(fingerprints, "_WHOLE_BYTES", 100)
            monkeypatch.setattr(fingerprints, "_BLOCK_BYTES", 10)

    @pytest.mark.parametrize("kind", [np.asarray, zarr_array, dask.array.from_array])
    def test_arrays_of_any_kind_are_told_apart(self, bounds, kind, rng):
        image = rng.integers(0, 99, (3, 20, 30))
        first = fingerprint(ImageSource.from_array(kind(image), "ZYX"))
        assert fingerprint(ImageSource.from_array(kind(image.copy()), "ZYX")) == first
        image[0, 0, 3] += 1
        assert fingerprint(ImageSource.from_array(kind(image), "ZYX")) != first

    def test_stacked_channels_are_known_by_each(self, bounds, rng):
        one, two = (ImageSource.from_array(rng.random((20, 30)), "YX") for _ in range(2))
        stacks = (stack_channels([one, two]), stack_channels([two, one]), one)
        assert len({fingerprint(stack) for stack in stacks}) == 3
        assert fingerprint(stack_channels([one, two])) == fingerprint(stacks[0])

    def test_of_a_large_file_its_time_counts_too(self, bounds, tmp_path, rng, request):
        path = tmp_path / "a.npy"
        np.save(path, rng.random((20, 30)))
        with open_image(path) as source:
            first = fingerprint(source)
        os.utime(path, (1, 1))
        with open_image(path) as source:
            same = fingerprint(source) == first
        assert same == ("whole" in request.node.name)
