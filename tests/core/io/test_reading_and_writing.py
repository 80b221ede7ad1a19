from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile
from imageio.v3 import imwrite

from napari_unet.core.io.atomic import check_writable, make_folder
from napari_unet.core.io.open_image import read_image, read_labels
from napari_unet.errors import UnreadableFile, UnwritableOutput


class TestReadImage:
    @pytest.mark.parametrize("suffix", [".tif", ".TIFF", ".npy"])
    @pytest.mark.parametrize("dtype", ["bool", "u1", "i2", "u2", "i4", "u4", "f4", "f8"])
    def test_gives_back_what_was_written(self, tmp_path, rng, suffix, dtype):
        image = (100 * rng.normal(size=(3, 12, 14))).astype(dtype)
        path = tmp_path / f"image{suffix}"
        np.save(path, image) if suffix == ".npy" else tifffile.imwrite(path, image)
        found = read_image(path)
        np.testing.assert_array_equal(found, image)

    @pytest.mark.parametrize(
        ("shape", "dtype"), [((9, 8), "u1"), ((9, 8), "u2"), ((9, 8, 3), "u1")]
    )
    def test_reads_png(self, tmp_path, rng, shape, dtype):
        image = rng.integers(0, 200, shape).astype(dtype)
        imwrite(tmp_path / "image.png", image)
        found = read_image(str(tmp_path / "image.png"))
        np.testing.assert_array_equal(found, image)
        assert found.dtype == dtype

    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(UnreadableFile, match=r"there is no file .*nothing\.tif; check"):
            read_image(tmp_path / "nothing.tif")

    @pytest.mark.parametrize("name", ["a.tif", "a.png", "a.npy", "a.txt", "a"])
    @pytest.mark.parametrize("content", [b"", b"no image at all", bytes(range(256)) * 9])
    def test_what_is_no_image_is_refused_in_one_sentence(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(
            UnreadableFile, match=r"cannot be read as an image.*TIFF or PNG"
        ) as error:
            read_image(tmp_path / name)
        assert "\n" not in str(error.value)

    def test_a_damaged_image_is_refused(self, tmp_path, rng):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, rng.integers(0, 255, (50, 50), np.uint8), compression="zlib")
        path.write_bytes(path.read_bytes()[:300])
        with pytest.raises(UnreadableFile):
            read_image(path)

    def test_pickled_arrays_are_never_loaded(self, tmp_path):
        np.save(tmp_path / "a.npy", np.array([{"a": 1}], object), allow_pickle=True)
        with pytest.raises(UnreadableFile):
            read_image(tmp_path / "a.npy")

    def test_a_folder_is_no_image(self, tmp_path):
        with pytest.raises(UnreadableFile):
            read_image(tmp_path)


class TestReadLabels:
    def test_a_grey_picture_in_colour_is_taken_as_grey(self, tmp_path, rng):
        labels = rng.integers(0, 4, (9, 8)).astype(np.uint8)
        imwrite(tmp_path / "a.png", np.repeat(labels[..., None], 3, axis=-1))
        np.testing.assert_array_equal(read_labels(tmp_path / "a.png"), labels)

    def test_a_colour_picture_is_refused(self, tmp_path, rng):
        imwrite(tmp_path / "a.png", rng.integers(0, 255, (9, 8, 3)).astype(np.uint8))
        with pytest.raises(UnreadableFile, match="colour picture; save labels as"):
            read_labels(tmp_path / "a.png")


class TestFolders:
    def test_are_made_with_their_parents_and_left_empty(self, tmp_path):
        folder = make_folder(tmp_path / "a" / "b")
        assert folder.is_dir()
        assert os.listdir(make_folder(folder)) == []

    def test_may_be_made_by_two_threads_at_once(self, tmp_path, monkeypatch):
        """The second one is at it whenever the first one touches a file."""
        real = os.unlink

        def unlink(*arguments, **options):
            monkeypatch.setattr(os, "unlink", real)
            make_folder(tmp_path)
            real(*arguments, **options)

        monkeypatch.setattr(os, "unlink", unlink)
        make_folder(tmp_path)

    def test_a_file_is_no_folder(self, tmp_path):
        (tmp_path / "a").write_bytes(b"")
        for path in (tmp_path / "a", tmp_path / "a" / "b"):
            with pytest.raises(UnwritableOutput, match=r"the folder .* cannot be made"):
                make_folder(path)
        assert (tmp_path / "a").is_file()


class TestCheckWritable:
    def test_leaves_everything_as_it_was(self, tmp_path):
        (tmp_path / "a").write_bytes(b"old")
        check_writable(tmp_path / "a")
        check_writable(tmp_path / "b")
        assert os.listdir(tmp_path) == ["a"]
        assert (tmp_path / "a").read_bytes() == b"old"

    def test_a_folder_cannot_be_written_as_a_file(self, tmp_path):
        with pytest.raises(UnwritableOutput, match="is a folder; give the name of a file in it"):
            check_writable(tmp_path)

    def test_a_missing_folder_is_told_by_the_name_that_was_asked_for(self, tmp_path):
        with pytest.raises(UnwritableOutput, match=r"missing.model\.unet cannot be written"):
            check_writable(tmp_path / "missing" / "model.unet")
