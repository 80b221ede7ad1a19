"""A project folder is closed and opened: everything is there, whatever was painted."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import model_file
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.objects.kinds import Example, Kinds, packed
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput, UnreadableFile, UnwritableOutput
from napari_unet.project.changes import Changes, PlaneStrokes, next_key
from napari_unet.project.copy import copy_project
from napari_unet.project.files import INDEX_NAME, model_path
from napari_unet.project.index import ImageEntry
from napari_unet.project.open_project import open_project, read_version
from napari_unet.project.store import ProjectStore
from projects import a_version, facts, layer, small_project, stroke

DTYPES = st.sampled_from(["uint8", "uint16", "int32", "int64"])


def files(folder: Path) -> set[str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix() for path in found}


def times(folder: Path) -> dict[Path, int]:
    """When each file of strokes was written."""
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*.npz")}


@pytest.fixture
def project(tmp_path) -> ProjectStore:
    return small_project(tmp_path / "project")


@st.composite
def annotations(draw):
    """A whole layer of strokes, some of its planes empty."""
    lead = draw(st.lists(st.integers(1, 3), max_size=2))
    plane = draw(st.tuples(st.integers(1, 6), st.integers(1, 6)))
    dtype = draw(DTYPES)
    values = st.integers(0, 100) | st.just(0)
    return draw(arrays.arrays(dtype, (*lead, *plane), elements=values, fill=st.just(0)))


@given(annotations(), annotations())
def test_any_strokes_come_back_as_they_were(first, second):
    with tempfile.TemporaryDirectory() as name:
        store = ProjectStore.create(Path(name))
        for labels in (first, second):  # the second replaces the first
            entry = layer("a1", labels.shape, str(labels.dtype))
            planes = (PlaneStrokes("a1", i, labels[i]) for i in np.ndindex(*labels.shape[:-2]))
            store.commit(Changes(facts(entry), tuple(planes)))
        opened = open_project(Path(name))
        (found,) = opened.layers
        assert np.array_equal(found.data(), second)
        assert found.data().dtype == second.dtype
        assert [p.index for p in found.planes] == [
            i for i in np.ndindex(*second.shape[:-2]) if second[i].any()
        ]


def test_a_large_plane_is_saved_in_parts_of_which_only_those_that_changed(tmp_path):
    shape = (2, 3000, 2100)
    store = ProjectStore.create(tmp_path / "p")
    labels = np.zeros(shape[1:], np.uint8)
    labels[1000:1100, 5], labels[2999, 2099] = 1, 2

    def parts(*places):
        return tuple(
            PlaneStrokes("a1", (1,), labels[r : r + 1024, c : c + 1024], (r, c)) for r, c in places
        )

    everywhere = [(r, c) for r in (0, 1024, 2048) for c in (0, 1024, 2048)]
    versions = (a_version(planes=parts((0, 0), (1024, 0))),)
    store.commit(Changes(facts(layer("a1", shape)), parts(*everywhere), versions))
    assert [plane.at for plane in store.index.annotations[0].planes] == [
        (0, 0),
        (1024, 0),
        (2048, 2048),
    ]
    before = times(store.folder)
    labels[1024:1100, 5] = 0
    store.commit(Changes(planes=parts((1024, 0))))
    opened = open_project(store.folder)
    assert np.array_equal(opened.layers[0].data(), [np.zeros(shape[1:]), labels])
    assert times(store.folder).items() <= before.items()  # the version's part is still there
    assert [used.at for used in opened.index.versions[0].planes] == [(0, 0), (1024, 0)]
    for path in store.folder.glob("project*.json"):
        path.unlink()
    found = open_project(store.folder).layers[0].data()
    labels[1024:1100, 5] = 1  # without the index, the newest that there is
    assert np.array_equal(found[1], labels)


def test_everything_comes_back(project):
    settings = TrainSettings(seconds=30, seed=7)
    project.commit(Changes(facts(settings=settings, in_use=1)))
    opened = open_project(project.folder)
    index = opened.index
    assert index == project.index
    assert [entry.name for entry in index.classes] == ["background", "class 2"]
    assert (index.settings, index.in_use) == (settings, 1)
    (entry,) = index.versions
    assert (entry.score, entry.kind, entry.ended, entry.parent) == (0.8, "train", True, None)
    assert [used.index for used in entry.planes] == [(0,), (2,)]
    assert read_version(project.folder, index, 1) == model_file()
    assert opened.attached


def test_what_did_not_change_is_not_written_again(project):
    before = times(project.folder)
    index = (project.folder / INDEX_NAME).stat().st_mtime_ns
    project.commit(Changes(planes=(stroke((0,), 1),)))
    assert (project.folder / INDEX_NAME).stat().st_mtime_ns == index
    project.commit(Changes(planes=(stroke((1,), 2),)))
    assert (
        before.items() <= {p: p.stat().st_mtime_ns for p in project.folder.rglob("*.npz")}.items()
    )
    assert (project.folder / INDEX_NAME).stat().st_mtime_ns > index


def test_strokes_of_a_version_stay_as_they_were(project):
    project.commit(Changes(planes=(stroke((0,), 2),)))
    project.commit(Changes(planes=(stroke((0,), 3),)))
    project.commit(Changes(planes=(stroke((0,), 4),)))
    names = {name for name in files(project.folder) if name.startswith("annotations/a1/0_")}
    used = {used.digest for used in project.index.versions[0].planes}
    kept = {name for name in names if name.partition("_")[2].removesuffix(".npz") in used}
    assert len(kept) == 1
    assert len(names) == 3  # the version's, the present one, and that of the save before


def test_what_was_erased_is_not_there_again(project):
    project.commit(Changes(planes=(PlaneStrokes("a1", (0,), np.zeros((4, 5), np.uint8)),)))
    (opened,) = open_project(project.folder).layers
    assert [plane.index for plane in opened.planes] == [(2,)]


def test_a_better_model_of_the_same_training_replaces_the_one_before(project):
    for score in (0.5, 0.6, 0.7):
        project.commit(Changes(versions=(a_version(2, score=score, ended=False, parent=1),)))
    project.commit(Changes(versions=(a_version(2, score=0.9, parent=1),)))
    first, second = project.index.versions
    assert (first.score, second.score, second.ended, second.parent) == (0.8, 0.9, True, 1)
    assert len([name for name in files(project.folder) if name.endswith(".unet")]) == 3


def test_a_layer_that_was_taken_out_of_the_window_stays_in_the_folder(project):
    project.commit(Changes(facts(removed=frozenset({"a1"}))))
    assert open_project(project.folder).layers == ()
    assert len(project.index.annotations[0].planes) == 2
    assert len(list((project.folder / "annotations" / "a1").iterdir())) == 2


def test_a_layer_that_is_not_told_of_any_more_stays(project):
    project.commit(Changes(facts(layer("a2"))))
    assert [entry.key for entry in project.index.annotations] == ["a1", "a2"]


def test_keys_are_the_first_free_ones():
    assert next_key(["a1", "a3"], "a") == "a2"


class TestImages:
    def make(self, tmp_path, name="cells.tif"):
        path = tmp_path / name
        path.write_bytes(b"pixels")
        return path

    def entry(self, path):
        return ImageEntry(key="i1", name="cells", shape=(4, 5), path=str(path))

    def test_are_found_by_path_and_checksum(self, tmp_path):
        path = self.make(tmp_path)
        store = ProjectStore.create(tmp_path / "p")
        store.commit(Changes(facts(images=(self.entry(path),))))
        opened = open_project(store.folder)
        assert opened.images[0].path is not None
        assert opened.images[0].path.samefile(path)
        assert opened.problems == ()

    def test_that_were_moved_together_with_the_project_are_found(self, tmp_path):
        (tmp_path / "here").mkdir()
        path = self.make(tmp_path / "here")
        store = ProjectStore.create(tmp_path / "here" / "p")
        store.commit(Changes(facts(images=(self.entry(path),))))
        (tmp_path / "here").rename(tmp_path / "there")
        opened = open_project(tmp_path / "there" / "p")
        assert opened.images[0].path.samefile(tmp_path / "there" / "cells.tif")

    def test_of_a_project_that_was_moved_alone_are_found(self, tmp_path):
        path = self.make(tmp_path)
        store = ProjectStore.create(tmp_path / "p")
        store.commit(Changes(facts(images=(self.entry(path),))))
        (tmp_path / "far" / "away").mkdir(parents=True)
        store.folder.rename(tmp_path / "far" / "away" / "p")
        assert open_project(tmp_path / "far" / "away" / "p").images[0].path == path

    def test_that_changed_are_opened_with_a_word(self, tmp_path):
        path = self.make(tmp_path)
        store = ProjectStore.create(tmp_path / "p")
        store.commit(Changes(facts(images=(self.entry(path),))))
        path.write_bytes(b"PIXELS")
        opened = open_project(store.folder)
        assert "is not as it was" in opened.problems[0]
        assert opened.images[0].path is not None

    def test_that_are_gone_are_told_and_keep_their_checksum(self, tmp_path):
        path = self.make(tmp_path)
        store = ProjectStore.create(tmp_path / "p")
        store.commit(Changes(facts(images=(self.entry(path),))))
        checksum = store.index.images[0].checksum
        path.unlink()
        store.commit(Changes(facts(layer("a2"), images=(self.entry(path),))))
        opened = open_project(store.folder)
        assert opened.index.images[0].checksum == checksum is not None
        assert "cells.tif is not there" in opened.problems[0]

    def test_in_memory_are_said_to_be_so(self, tmp_path):
        store = ProjectStore.create(tmp_path / "p")
        store.commit(Changes(facts(arrays={"i1": np.ones((3, 4, 5))})))
        assert store.index.images[0].checksum is not None
        assert "only in memory" in open_project(store.folder).problems[0]


class TestCopy:
    def test_has_everything(self, project, tmp_path):
        store = copy_project(project.folder, project.index, tmp_path / "copy")
        store.commit(Changes(planes=(stroke((1,), 2),)))
        opened = open_project(tmp_path / "copy")
        assert [plane.index for plane in opened.layers[0].planes] == [(0,), (1,), (2,)]
        assert read_version(tmp_path / "copy", opened.index, 1) == model_file()
        assert [p.index for p in open_project(project.folder).layers[0].planes] == [(0,), (2,)]

    def test_never_goes_over_other_files(self, project, tmp_path):
        (tmp_path / "taken").mkdir()
        (tmp_path / "taken" / "thesis.txt").write_text("mine")
        with pytest.raises(UnwritableOutput, match="holds other files; choose an empty one"):
            copy_project(project.folder, project.index, tmp_path / "taken")
        assert files(tmp_path / "taken") == {"thesis.txt"}

    def test_to_a_file_is_refused(self, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(UnwritableOutput, match="cannot be made"):
            ProjectStore.create(tmp_path / "file")


def test_a_project_that_somebody_else_changed_is_not_written_over(project):
    other = ProjectStore.of(open_project(project.folder))
    other.commit(Changes(planes=(stroke((1,), 2),)))
    with pytest.raises(UnwritableOutput, match="was changed by somebody else"):
        project.commit(Changes(planes=(stroke((1,), 3),)))
    assert open_project(project.folder).index == other.index


def test_a_folder_that_is_gone_is_told(project):
    project.folder.rename(project.folder.with_name("elsewhere"))
    with pytest.raises(UnwritableOutput, match="is gone; choose Save as"):
        project.commit(Changes(planes=(stroke((1,), 3),)))
    assert not project.folder.exists()


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_nothing_is_written_through_a_link_out_of_the_folder(tmp_path):
    store = ProjectStore.create(tmp_path / "p")
    (tmp_path / "outside").mkdir()
    (tmp_path / "p" / "annotations").symlink_to(tmp_path / "outside")
    with pytest.raises(UnwritableOutput, match="leads out of the project folder"):
        store.commit(Changes(facts(), (stroke(),)))
    assert files(tmp_path / "outside") == set()


def test_a_save_that_fails_changes_nothing(project, monkeypatch):
    before = open_project(project.folder).index

    def fail(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(UnwritableOutput, match="No space left"):
        project.commit(Changes(planes=(stroke((1,), 3),)))
    monkeypatch.undo()
    assert open_project(project.folder).index == before
    project.commit(Changes(planes=(stroke((1,), 3),)))
    assert len(open_project(project.folder).layers[0].planes) == 3


class TestVersions:
    def test_that_are_not_there_are_refused(self, project):
        with pytest.raises(InvalidInput, match="no version 7"):
            read_version(project.folder, project.index, 7)

    def test_whose_file_was_changed_are_refused(self, project):
        path = model_path(project.folder, project.index.versions[0])
        path.write_bytes(b"something else")
        with pytest.raises(UnreadableFile, match="version 1 is not the one that was saved"):
            read_version(project.folder, project.index, 1)


def test_kinds_of_cells_come_back_and_go_when_they_are_taken_away(project):
    two = describe_classes((1, 2), "scribbles")
    example = Example(kind=2, image="a" * 32, place=(None, 3), pixel=(1, 2), values=packed([0.5]))
    kinds = Kinds(kinds=two, examples=(example,), columns=("area (px²)",))
    project.commit(Changes(facts(kinds=kinds)))
    assert open_project(project.folder).index.kinds == kinds
    project.commit(Changes(facts()))
    assert open_project(project.folder).index.kinds == Kinds()
