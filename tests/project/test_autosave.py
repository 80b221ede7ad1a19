"""Changes are saved soon, in a thread, and tried again when that fails."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.errors import UnwritableOutput
from napari_unet.project.autosave import (
    LONGEST_SECONDS,
    PAUSE_SECONDS,
    Autosave,
    NotSaved,
    Saved,
    when_due,
)
from napari_unet.project.open_project import open_project
from napari_unet.project.store import ProjectStore
from projects import a_version, facts, stroke


class Listener:
    """What an autosave tells; :meth:`wait` returns the next of it."""

    def __init__(self) -> None:
        self.said: list[Saved | NotSaved] = []
        self._came = threading.Semaphore(0)

    def __call__(self, said: Saved | NotSaved) -> None:
        assert threading.current_thread().name == "project-save"
        self.said.append(said)
        self._came.release()

    def wait(self) -> Saved | NotSaved:
        assert self._came.acquire(timeout=30)
        return self.said[-1]


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def autosave(tmp_path, listener):
    made = Autosave(lambda: ProjectStore.create(tmp_path / "p"), listener)
    yield made
    made.close()


def paint(autosave, value=1, index=(0,)):
    autosave.know(facts())
    autosave.paint("a1", index, lambda: stroke(value=value).labels)


@given(st.floats(0, 1e6), st.floats(0, 100))
def test_is_due_after_a_pause_and_never_late(first, painting):
    due = when_due(first, first + painting)
    assert due <= first + LONGEST_SECONDS < first + 10
    assert due <= first + painting + PAUSE_SECONDS
    assert due >= first


def test_nothing_is_made_before_something_is_painted(autosave, tmp_path):
    assert autosave.save()
    assert not (tmp_path / "p").exists()


def test_what_is_painted_is_saved_after_a_pause(autosave, listener, tmp_path):
    paint(autosave)
    assert isinstance(listener.wait(), Saved)
    assert open_project(tmp_path / "p").layers[0].data()[0, 1, 0] == 1


def test_a_version_is_saved_at_once_with_what_waits(autosave, listener, monkeypatch, tmp_path):
    monkeypatch.setattr("napari_unet.project.autosave.PAUSE_SECONDS", 1000.0)
    monkeypatch.setattr("napari_unet.project.autosave.LONGEST_SECONDS", 1000.0)
    paint(autosave)
    autosave.keep(a_version(planes=(stroke(),)))
    said = listener.wait()
    assert isinstance(said, Saved)
    assert len(said.index.versions) == 1
    assert len(open_project(tmp_path / "p").layers[0].planes) == 1


def test_closing_saves_what_waits(autosave, tmp_path):
    paint(autosave, value=2)
    assert autosave.close()
    assert open_project(tmp_path / "p").layers[0].data()[0, 1, 0] == 2


def test_strokes_are_read_when_they_are_saved(autosave, tmp_path):
    labels = np.zeros((4, 5), np.uint8)
    autosave.know(facts())
    autosave.paint("a1", (0,), lambda: labels)
    labels[2] = 3
    autosave.save()
    assert open_project(tmp_path / "p").layers[0].data()[0, 2, 0] == 3


class Failing:
    """Fails until it is told not to."""

    def __init__(self, folder) -> None:
        self.folder = folder
        self.fails = True

    def __call__(self) -> ProjectStore:
        if self.fails:
            raise UnwritableOutput("the disk is full; choose another folder.")
        return ProjectStore.create(self.folder)


@pytest.mark.fault("full disk")
def test_what_could_not_be_saved_is_told_and_tried_again(tmp_path, listener, monkeypatch):
    monkeypatch.setattr("napari_unet.project.autosave.RETRY_SECONDS", 0.01)
    disk = Failing(tmp_path / "p")
    autosave = Autosave(disk, listener)
    paint(autosave, 1, (0,))
    autosave.keep(a_version())
    assert listener.wait() == NotSaved("the disk is full; choose another folder.")
    assert not autosave.save()
    assert [version.number for version in autosave.unsaved_versions] == [1]
    paint(autosave, 2, (1,))
    disk.fails = False
    assert autosave.save()
    autosave.close()
    opened = open_project(tmp_path / "p")
    assert [plane.index for plane in opened.layers[0].planes] == [(0,), (1,)]
    assert len(opened.index.versions) == 1


def test_newer_strokes_count_when_older_ones_could_not_be_saved(tmp_path, listener):
    disk = Failing(tmp_path / "p")
    autosave = Autosave(disk, listener)
    paint(autosave, 1)
    assert not autosave.save()
    paint(autosave, 2)
    disk.fails = False
    assert autosave.save()
    autosave.close()
    assert open_project(tmp_path / "p").layers[0].data()[0, 1, 0] == 2


def fail():
    raise RuntimeError("a layer was deleted")


def test_strokes_that_cannot_be_read_hold_up_nothing_else(autosave, listener, tmp_path):
    autosave.know(facts())
    autosave.paint("a1", (0,), fail)
    autosave.paint("a1", (1,), lambda: stroke(value=2).labels)
    autosave.keep(a_version())
    assert not autosave.save()
    said = listener.wait()
    assert isinstance(said, NotSaved)
    assert "could not be saved (a layer was deleted)" in said.text
    opened = open_project(tmp_path / "p")
    assert [plane.index for plane in opened.layers[0].planes] == [(1,)]
    assert len(opened.index.versions) == 1
    assert autosave.unsaved_versions == ()
    paint(autosave)
    assert autosave.save()
