"""Listing the images of a folder without opening them."""

from __future__ import annotations

import os

import numpy as np
import pytest
import tifffile

from napari_unet.core.batch.find_images import list_images
from napari_unet.core.io import open_image
from napari_unet.errors import UnreadableFile


def names(folder) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in list_images(folder).images]


def test_images_are_listed_as_people_count_them_with_those_below(tmp_path):
    (tmp_path / "day 2").mkdir()
    for name in ("c10.tif", "c2.png", "notes.txt", ".hidden.tif", "day 2/c1.npy"):
        (tmp_path / name).touch()
    assert names(tmp_path) == ["c2.png", "c10.tif", "day 2/c1.npy"]


def test_nothing_is_opened(tmp_path, monkeypatch):
    for number in range(3):
        (tmp_path / f"{number}.tif").write_bytes(b"no image at all")
    monkeypatch.setattr(open_image, "_stored", lambda _path: pytest.fail("opened"))
    assert len(names(tmp_path)) == 3


def test_an_empty_folder_and_one_that_is_not_there(tmp_path):
    with pytest.raises(UnreadableFile, match=r"there is no image in .*; choose a folder with TIFF"):
        list_images(tmp_path)
    with pytest.raises(UnreadableFile, match=r"gone cannot be read \(No such file"):
        list_images(tmp_path / "gone")


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may read everything")
def test_folders_without_permission(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((4, 4), np.uint8))
    (tmp_path / "secret").mkdir(mode=0)
    try:
        assert [path.name for path in list_images(tmp_path).unread] == ["secret"]
        with pytest.raises(UnreadableFile, match=r"cannot be read .*whether you may read it"):
            list_images(tmp_path / "secret")
    finally:
        (tmp_path / "secret").chmod(0o700)


def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch):
    """The same where the tests run as root."""

    def refuse(path="."):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(UnreadableFile, match=r"cannot be read \(Permission denied\)"):
        list_images(tmp_path)
