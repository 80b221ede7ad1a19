"""Projects that were edited, half deleted, moved or made by a newer version.

One sentence each; what can be read is opened, and nothing in the folder changes.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_unet.errors import UnreadableFile, UnwritableOutput
from napari_unet.project.changes import Changes
from napari_unet.project.open_project import open_project
from napari_unet.project.store import ProjectStore
from projects import small_project, stroke

INDEX, BEFORE = "project.json", "project.previous.json"


@pytest.fixture
def folder(tmp_path) -> Path:
    return small_project(tmp_path / "project").folder


def edited(**changes: object) -> Callable[[Path], None]:
    """Change entries of both indexes by hand."""

    def edit(folder: Path) -> None:
        for name in (INDEX, BEFORE):
            content = json.loads((folder / name).read_text()) | changes
            (folder / name).write_text(json.dumps(content))

    return edit


def edited_layer(**changes: object) -> Callable[[Path], None]:
    def edit(folder: Path) -> None:
        for name in (INDEX, BEFORE):
            content = json.loads((folder / name).read_text())
            content["annotations"][0] |= changes
            (folder / name).write_text(json.dumps(content))

    return edit


def written(data: bytes) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name in (INDEX, BEFORE):
            (folder / name).write_bytes(data)

    return write


def without(*names: str) -> Callable[[Path], None]:
    def remove(folder: Path) -> None:
        for name in names:
            path = folder / name
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    return remove


def planes_become(data: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        first = min((folder / "annotations" / "a1").iterdir())
        first.write_bytes(data)

    return change


def pickled() -> bytes:
    stream = io.BytesIO()
    np.savez(
        stream,
        labels=np.array([{}], object),
        index=np.array([0]),
        shape=np.array([3, 4, 5]),
        at=np.array([0, 0]),
    )
    return stream.getvalue()


def other_strokes() -> bytes:
    stream = io.BytesIO()
    labels = np.full((4, 5), 7, np.uint8)
    np.savez(
        stream, labels=labels, index=np.array([0]), shape=np.array([3, 4, 5]), at=np.array([0, 0])
    )
    return stream.getvalue()


def enormous() -> bytes:
    """A file of some bytes that says it holds a plane of 10^18 pixels."""
    stream = io.BytesIO()
    np.savez(stream, labels=np.zeros((4, 5), np.uint8), index=[0], shape=[3, 4, 5], at=[0, 0])
    said = stream.getvalue().replace(b"(4, 5), }" + b" " * 20, b"(1000000000, 1000000000), }  ")
    assert said != stream.getvalue()
    return said


# What happened; what is said; how many planes of strokes and versions are opened; as a copy?
TABLE = {
    "index gone": (without(INDEX), "project.json is missing", 2, 0, True),
    "both indexes gone": (without(INDEX, BEFORE), "project.json is missing", 2, 0, True),
    "not JSON": (written(b"{ not json"), "project.json is damaged", 2, 0, True),
    "cut off": (written(b'{"format_version": 1, "clas'), "project.json is damaged", 2, 0, True),
    "empty": (written(b""), "project.json is damaged", 2, 0, True),
    "a list": (written(b"[1, 2]"), "project.json is damaged", 2, 0, True),
    "binary": (written(b"\xff\xfe\x00"), "project.json is damaged", 2, 0, True),
    "deeply nested": (written(b"[" * 100_000), "project.json is damaged", 2, 0, True),
    "newer": (edited(format_version=99), "saved by a newer version of napari-unet", 2, 0, True),
    "no version": (edited(format_version=None), "project.json is damaged", 2, 0, True),
    "unknown entry": (edited(colour="red"), "project.json is damaged (colour", 2, 0, True),
    "key leads out": (edited_layer(key="../../x"), "project.json is damaged", 2, 0, True),
    "key with newline": (edited_layer(key="a1\n"), "project.json is damaged", 2, 0, True),
    "part between others": (
        edited_layer(planes=[{"index": [0], "at": [5, 0], "digest": "0" * 32}]),
        "project.json is damaged",
        2,
        0,
        True,
    ),
    "no such plane": (edited_layer(shape=[1, 4, 5]), "there is no plane [2]", 2, 0, True),
    "another shape": (edited_layer(shape=[4, 4, 5]), "are of another layer", 0, 1, False),
    "strokes gone": (without("annotations"), "cannot be read", 0, 1, False),
    "strokes cut off": (planes_become(b"PK\x03\x04"), "are damaged", 1, 1, False),
    "strokes emptied": (planes_become(b""), "are damaged", 1, 1, False),
    "strokes pickled": (planes_become(pickled()), "are damaged", 1, 1, False),
    "strokes enormous": (planes_become(enormous()), "are damaged", 1, 1, False),
    "other strokes": (planes_become(other_strokes()), "not those that were saved", 1, 1, False),
    "models gone": (without("models"), "the model of version 1 is missing", 2, 1, False),
}


@pytest.mark.parametrize("case", TABLE)
def test_what_can_be_read_is_opened_and_the_rest_told(folder, case):
    damage, said, planes, versions, as_a_copy = TABLE[case]
    damage(folder)
    before = snapshot(folder)
    opened = open_project(folder)
    assert any(said in problem for problem in opened.problems), opened.problems
    assert all(problem.rstrip().endswith(".") for problem in opened.problems)
    assert sum(len(layer.planes) for layer in opened.layers) == planes
    assert len(opened.index.versions) == versions
    assert opened.attached is not as_a_copy
    assert snapshot(folder) == before


@pytest.mark.parametrize("case", [name for name, row in TABLE.items() if row[4]])
def test_a_project_whose_index_is_lost_is_not_written_to(folder, case):
    TABLE[case][0](folder)
    opened = open_project(folder)
    assert any("Save as… and another folder" in problem for problem in opened.problems)
    with pytest.raises(UnwritableOutput, match="opened as a copy"):
        ProjectStore.of(opened)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_damaged_index_falls_back_to_the_save_before_with_all_its_files(folder):
    store = ProjectStore.of(open_project(folder))
    store.commit(Changes(planes=(stroke((0,), 3),)))
    store.commit(Changes(planes=(stroke((0,), 4),)))
    (folder / INDEX).write_text("damaged")
    opened = open_project(folder)
    (layer,) = opened.layers
    assert layer.data()[0, 1, 0] == 3
    assert len(opened.index.versions) == 1
    assert not any("strokes in" in problem for problem in opened.problems)


def test_of_several_files_of_one_plane_the_newest_counts(folder):
    store = ProjectStore.of(open_project(folder))
    store.commit(Changes(planes=(stroke((0,), 3),)))
    for path in (folder / "annotations" / "a1").iterdir():
        if path.name.startswith("0_"):
            age = 0 if path.stem.endswith(store.index.annotations[0].planes[0].digest) else 60
            os.utime(path, (10**9 - age, 10**9 - age))
    without(INDEX, BEFORE)(folder)
    (layer,) = open_project(folder).layers
    assert layer.data()[0, 1, 0] == 3
    assert layer.data()[2, 1, 0] == 2


def test_damaged_strokes_stay_where_they_are_while_the_rest_goes_on(folder):
    planes_become(b"damaged")(folder)
    damaged = min((folder / "annotations" / "a1").iterdir())
    store = ProjectStore.of(open_project(folder))
    for value in (3, 4, 5, 6):
        store.commit(Changes(planes=(stroke((0,), value),)))
    assert damaged.read_bytes() == b"damaged"


def test_a_link_out_of_the_folder_is_not_followed(folder, tmp_path):
    path = min((folder / "annotations" / "a1").iterdir())
    path.rename(tmp_path / path.name)
    path.symlink_to(tmp_path / path.name)
    opened = open_project(folder)
    assert any("leads out of the project folder" in problem for problem in opened.problems)
    assert len(opened.layers[0].planes) == 1


@pytest.mark.parametrize("name", ["missing", "empty", "other"])
def test_what_is_no_project_is_refused(tmp_path, name):
    (tmp_path / "empty").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "notes.txt").write_text("")
    with pytest.raises(UnreadableFile, match=r"there is no folder|is no project"):
        open_project(tmp_path / name)


def test_a_layer_for_which_memory_does_not_suffice_is_told(folder):
    opened = open_project(folder)
    entry = opened.layers[0].entry.model_copy(update={"shape": (2**31, 2**31, 2**31)})
    with pytest.raises(UnreadableFile, match="memory does not suffice"):
        type(opened.layers[0])(entry, ()).data()
