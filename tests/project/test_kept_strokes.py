"""Strokes of images that are not open: what was done to each, and what a training reads of them."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_unet.core.images.source_piece import SourcePlane
from napari_unet.errors import InvalidInput, UnreadableFile
from napari_unet.project.changes import Changes, PlaneStrokes
from napari_unet.project.copy import copy_project
from napari_unet.project.entries import FolderEntry
from napari_unet.project.index import AnnotationEntry, ImageEntry
from napari_unet.project.kept_strokes import (
    KeptStrokes,
    image_at,
    marks_of,
    only_away,
    segmented,
    used_away,
)
from napari_unet.project.open_project import open_project
from napari_unet.project.store import ProjectStore
from napari_unet.session.working_set import Mark
from projects import a_version, facts

SHAPE = (600, 700)
REACH = 40


def write(path: Path, shape=SHAPE, axes="YX") -> np.ndarray:
    pixels = np.random.default_rng(0).integers(0, 1000, shape).astype(np.uint16)
    tifffile.imwrite(path, pixels, metadata={"axes": axes}, photometric="minisblack")
    return pixels


@pytest.fixture
def plate(tmp_path):
    folder = tmp_path / "plate"
    folder.mkdir()
    for name in ("a.tif", "b.tif", "c.tif"):
        write(folder / name)
    return folder


def strokes(shape=SHAPE) -> np.ndarray:
    labels = np.zeros(shape[-2:], np.uint8)
    labels[100, 50:90], labels[500, 600:640] = 1, 2
    return labels


def project_of(folder: Path, image: ImageEntry, planes=(), **layer) -> ProjectStore:
    """A project in which an image was painted on and put away."""
    spatial = image.shape if (image.axes or "YX")[0] != "C" else image.shape[1:]
    entry = AnnotationEntry(
        key="a1", name="strokes", image="i1", shape=spatial, dtype="uint8", away=True
    ).model_copy(update=layer)
    store = ProjectStore.create(folder)
    planes = planes or (PlaneStrokes("a1", (), strokes()),)
    store.commit(Changes(facts(entry, images=(image,)), tuple(planes)))
    return store


def entry_of(path: Path, shape=SHAPE, axes="YX", **others) -> ImageEntry:
    return ImageEntry(key="i1", name="a", path=str(path), shape=shape, axes=axes, **others)


def kept(store: ProjectStore) -> KeptStrokes:
    image, layer = store.index.images[0], store.index.annotations[0]
    return KeptStrokes(store.folder, Path(image.path), image, layer)


def test_only_the_surroundings_of_strokes_are_read(plate, tmp_path, monkeypatch):
    pixels = tifffile.imread(plate / "a.tif")
    one = kept(project_of(tmp_path / "p", entry_of(plate / "a.tif")))
    first = one.read(REACH)
    read, whole = [], SourcePlane.read

    def counted(self, *indices):
        read.append(indices[0].size * indices[1].size)
        return whole(self, *indices)

    monkeypatch.setattr(SourcePlane, "read", counted)
    again = one.read(REACH)  # the range of grey values is known now
    assert sum(read) < 0.4 * pixels.size
    assert len(again.images) == 2
    for cutout, labels in zip(again.images, again.labels, strict=True):
        np.testing.assert_array_equal(cutout.pixels[0], pixels[cutout.box.slices])
        np.testing.assert_array_equal(labels[labels > 0], strokes()[cutout.box.slices][labels > 0])
    assert sum(int((labels > 0).sum()) for labels in again.labels) == 80
    assert [x.known for x in again.images] == [x.known for x in first.images]


def test_channels_and_planes_are_those_that_were_chosen(tmp_path):
    shape = (3, 2, 80, 90)
    pixels = write(tmp_path / "a.tif", shape, "CZYX")
    image = entry_of(tmp_path / "a.tif", shape, "CZYX", channels=(("i1", 2), ("i1", 0)))
    labels = np.zeros(shape[-2:], np.uint8)
    labels[5:8, 5:30] = 1
    one = kept(project_of(tmp_path / "p", image, [PlaneStrokes("a1", (1,), labels)]))
    found = one.read(REACH)
    (cutout,) = found.images
    where = (slice(None), *cutout.box.slices)
    np.testing.assert_array_equal(cutout.pixels, pixels[[2, 0], 1][where])
    assert one.channels == 2
    assert found.channels == (2, 0)
    assert found.places == (("a1", (1,)),)


def test_volumes_are_read_as_a_whole_with_the_strokes_of_all_their_slices(tmp_path):
    shape = (2, 3, 2, 40, 50)
    pixels = write(tmp_path / "a.tif", shape, "TZCYX")
    image = entry_of(tmp_path / "a.tif", shape, "TZCYX", channels=(("i1", 1),))
    planes = []
    for number, index in enumerate([(1, 0, 0), (1, 2, 0), (0, 1, 0)], start=1):
        labels = np.zeros((40, 50), np.uint8)
        labels[5:8, 5 : 5 + 4 * number] = number
        planes.append(PlaneStrokes("a1", index, labels))
    one = kept(project_of(tmp_path / "p", image, planes, shape=(2, 3, 1, 40, 50)))
    assert one.has_slices
    found = one.read_volumes()
    assert len(found.keys) == 2
    for key, volume, strokes in zip(found.keys, found.images, found.labels, strict=True):
        time = 1 if key.endswith("[1, 0]") else 0
        np.testing.assert_array_equal(volume, pixels[time, :, 1][None])
        expected = np.zeros_like(strokes)
        for plane in planes:
            if plane.index[0] == time:
                expected[plane.index[1]] = plane.labels
        np.testing.assert_array_equal(strokes, expected)
    assert found.channels == (1,)
    assert not kept(project_of(tmp_path / "q", entry_of(tmp_path / "a.tif"))).has_slices


def test_channels_that_were_brought_to_the_front(tmp_path):
    pixels = write(tmp_path / "a.npy", (4, 4))
    pixels = np.random.default_rng(1).random((80, 90, 5)).astype(np.float32)
    np.save(tmp_path / "a.npy", pixels)
    labels = np.zeros((80, 90), np.uint8)
    labels[5:8, 5:30] = 1
    image = entry_of(tmp_path / "a.npy", (5, 80, 90), "CYX")
    one = kept(project_of(tmp_path / "p", image, [PlaneStrokes("a1", (), labels)]))
    (cutout,) = one.read(REACH).images
    expected = np.moveaxis(pixels, -1, 0)[(slice(None), *cutout.box.slices)]
    np.testing.assert_array_equal(cutout.pixels, expected)
    assert one.channels == 5


def test_a_file_that_was_changed_or_is_gone_teaches_nothing(plate, tmp_path):
    one = kept(project_of(tmp_path / "p", entry_of(plate / "a.tif")))
    os.utime(plate / "a.tif")  # touched, but the same
    one.read(REACH)
    (plate / "a.tif").write_bytes((plate / "a.tif").read_bytes()[:-1] + b"x")
    with pytest.raises(InvalidInput, match="was changed since it was painted on"):
        one.read(REACH)
    (plate / "a.tif").unlink()
    with pytest.raises(UnreadableFile, match=r"is not there any more.*they stay in the project"):
        one.read(REACH)


def test_a_damaged_file_of_strokes_is_said(plate, tmp_path):
    store = project_of(tmp_path / "p", entry_of(plate / "a.tif"))
    next((tmp_path / "p").rglob("*.npz")).write_bytes(b"nothing")
    with pytest.raises(UnreadableFile, match="are damaged"):
        kept(store).read(REACH)


def test_marks_of_images_that_are_there_renamed_or_gone(plate, tmp_path):
    store = project_of(tmp_path / "p", entry_of(plate / "a.tif"))
    files = tuple(sorted(plate.iterdir()))
    assert marks_of(store.folder, store.index, files, plate) == {plate / "a.tif": Mark.PAINTED}
    (plate / "a.tif").rename(plate / "d.tif")
    files = tuple(sorted(plate.iterdir()))
    gone = {plate / "a.tif": Mark.PAINTED | Mark.GONE}
    assert marks_of(store.folder, store.index, files, plate) == gone
    image, (said,) = image_at(store.folder, store.index, plate / "d.tif")
    assert image == store.index.images[0]
    assert "d.tif is a.tif under another name" in said
    (plate / "d.tif").write_bytes((plate / "d.tif").read_bytes()[:-1] + b"x")
    assert image_at(store.folder, store.index, plate / "d.tif") == (None, ())


def test_a_project_that_was_moved_with_its_images_knows_them(plate, tmp_path):
    folder = FolderEntry(path=str(plate))
    store = ProjectStore.create(tmp_path / "p")
    layer = AnnotationEntry(key="a1", name="s", image="i1", shape=SHAPE, dtype="uint8", away=True)
    images = (entry_of(plate / "a.tif"),)
    planes = (PlaneStrokes("a1", (), strokes()),)
    store.commit(Changes(facts(layer, images=images, folder=folder), planes))
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    for name in ("plate", "p"):
        (tmp_path / name).rename(moved / name)
    opened = open_project(moved / "p")
    assert (opened.layers, opened.images, opened.problems) == ((), (), ())  # none is looked at
    files = tuple(sorted((moved / "plate").iterdir()))
    marks = marks_of(moved / "p", opened.index, files, moved / "plate")
    assert marks == {moved / "plate" / "a.tif": Mark.PAINTED}
    copy = copy_project(moved / "p", opened.index, tmp_path / "copy")
    assert copy.index.folder.beside == "../plate"


def test_a_version_knows_the_strokes_that_were_put_away(plate, tmp_path):
    store = project_of(tmp_path / "p", entry_of(plate / "a.tif"))
    used = used_away(store.index)
    store.commit(Changes(versions=(a_version(kept=used),)))
    assert store.index.versions[0].planes == used
    assert used[0].digest == store.index.annotations[0].planes[0].digest


def test_of_a_project_only_what_was_put_away(plate, tmp_path):
    store = project_of(tmp_path / "p", entry_of(plate / "a.tif"))
    store.commit(Changes(versions=(a_version(),)))
    index = only_away(store.index)
    assert (len(index.annotations), len(index.images), index.versions) == (1, 1, ())
    shown = store.index.annotations[0].model_copy(update={"away": False})
    without = store.index.model_copy(update={"annotations": (shown,)})
    assert only_away(without).images == ()


def test_results_are_known_by_their_names(plate, tmp_path):
    results = tmp_path / "results"
    (results / "below").mkdir(parents=True)
    (plate / "below").mkdir()
    files = (plate / "a.tif", plate / "b.ome.tif", plate / "c.tif", plate / "below" / "a.tif")
    for name in ("a_labels.tif", "b_probabilities.ome.zarr", "report.csv"):
        (results / name).touch()
    assert segmented(files, plate, results) == {files[0], files[1]}
    assert segmented(files, plate, None) == set()
