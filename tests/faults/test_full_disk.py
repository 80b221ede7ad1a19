"""A full disk, or a process that is killed, at any operation of anything that is written.

Each of these writes over what is there from before, so there is something to lose.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from disk import at_operation, contents, died, files_end_at, no_room

from counting import injected
from napari_unet.core.io import atomic
from napari_unet.core.io.result import Result
from napari_unet.core.io.write_result import open_result
from napari_unet.core.objects.measure import write_csv
from napari_unet.core.sharing.export import export_model
from napari_unet.errors import UserError
from napari_unet.project.changes import Changes
from napari_unet.project.open_project import open_project
from napari_unet.project.store import ProjectStore
from projects import a_version, small_project, stroke
from scenes import random_model, small_network

MODEL = random_model(small_network(depth=1))
OTHER = random_model(small_network(depth=1), seed=1)
MOST = 200  # operations; a save that takes more is not looked at to its end


def a_model(folder: Path, new: bool):
    (OTHER if new else MODEL).save(folder / "a.unet")


def a_result(suffix: str):
    def save(folder: Path, new: bool):
        described = Result({"Y": 40, "X": 50}, np.dtype(np.uint8), "scribbles", MODEL.classes)
        with open_result(folder / f"a.{suffix}", described) as array:
            array[...] = np.random.default_rng(new).integers(0, 255, (40, 50))

    return save


def a_table(folder: Path, new: bool):
    write_csv(folder / "a.csv", {"id": np.arange(300 + new)})


def an_export(kind: str, suffix: str):
    def save(folder: Path, new: bool):
        pytest.importorskip("onnx")
        export_model(OTHER if new else MODEL, folder / f"a.{suffix}", format=kind)

    return save


FILES = {
    "model": a_model,
    "OME-TIFF": a_result("tif"),
    "OME-Zarr": a_result("zarr"),
    "table": a_table,
    "ONNX": an_export("onnx", "onnx"),
    "bioimage.io": an_export("bioimageio", "zip"),
}
LIMITS = (0, 1, 100, 1000, 10_000)


@pytest.fixture(params=FILES)
def saved(request, tmp_path):
    """What saves something into a folder where it was saved before, and that folder."""
    folder = tmp_path / "out"
    folder.mkdir()
    save = FILES[request.param]
    save(folder, False)
    return save, folder


def check_whole(folder: Path, old: dict[str, bytes], new: dict[str, bytes]) -> None:
    """Each thing is as it was or as it should be, and nothing else is there."""
    found = contents(folder)
    hidden = [name for name in found if any(part.startswith(".") for part in name.split("/"))]
    assert not hidden
    for top in {name.split("/")[0] for name in found}:
        parts = [
            {name: data for name, data in state.items() if name.split("/")[0] == top}
            for state in (found, old, new)
        ]
        assert parts[0] in parts[1:], top
    assert {name.split("/")[0] for name in old} <= {name.split("/")[0] for name in found}


def check_sentence(error: UserError) -> None:
    text = str(error)
    assert "\n" not in text
    assert any(way in text for way in ("; choose", "; make room", "; set TMPDIR", "; take"))


def states(save, folder: Path) -> tuple[dict[str, bytes], dict[str, bytes]]:
    """Return the content before, and after a save that nothing disturbs, which is undone."""
    old = contents(folder)
    shutil.copytree(folder, folder.with_name("before"))
    save(folder, True)
    new = contents(folder)
    shutil.rmtree(folder)
    os.replace(folder.with_name("before"), folder)
    return old, new


@pytest.mark.fault("full disk")
def test_at_any_operation(saved):
    save, folder = saved
    old, new = states(save, folder)
    for number in range(MOST):
        with at_operation(number, folder, no_room) as disk:
            try:
                save(folder, True)
            except UserError as error:
                check_sentence(error)
            if not disk.happened:
                break
        check_whole(folder, old, new)
    assert number > 1
    injected(number)
    save(folder, True)
    check_whole(folder, new, new)


@pytest.mark.fault("full disk")
@pytest.mark.skipif(os.name == "nt", reason="limits are POSIX's")
def test_after_some_bytes(saved):
    save, folder = saved
    old, new = states(save, folder)
    failed = 0
    for size in LIMITS:
        try:
            with files_end_at(size):
                save(folder, True)
        except UserError as error:
            check_sentence(error)
            failed += 1
        check_whole(folder, old, new)
    assert failed > 1
    injected(failed)
    save(folder, True)
    check_whole(folder, new, new)


@pytest.mark.fault("killed while saving")
@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked")
@pytest.mark.filterwarnings("ignore:.*fork.*")
@pytest.mark.parametrize("kind", ["model", "OME-TIFF", "table"])
def test_a_process_that_dies_at_any_operation(kind, tmp_path):
    """What it left hidden is removed by the next save."""
    save, folder = FILES[kind], tmp_path / "out"
    folder.mkdir()
    save(folder, False)
    old, new = states(save, folder)
    for number in range(MOST):
        if child := os.fork():
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        else:
            with at_operation(number, folder, died):
                save(folder, True)
            os._exit(0)
        seen = {n: data for n, data in contents(folder).items() if not n.startswith(".")}
        assert seen in (old, new)
        if code == 0:
            break
    assert number > 1
    injected(number)
    atomic._sweep_once.cache_clear()  # as in another process
    save(folder, True)
    check_whole(folder, new, new)


@pytest.mark.fault("full disk")
def test_a_project_at_any_operation(tmp_path):
    store = small_project(tmp_path / "project")
    for number in range(MOST):
        value = 3 + number
        planes = (stroke((0,), value), stroke((1,), value))
        with at_operation(number, store.folder, no_room) as disk:
            try:
                store.commit(Changes(planes=planes, versions=(a_version(2 + number),)))
            except UserError as error:
                check_sentence(error)
            if not disk.happened:
                break
        opened = open_project(store.folder)
        assert opened.problems == ()
        values = {
            int(plane.labels.max()) for plane in opened.layers[0].planes if plane.index != (2,)
        }
        assert values in ({value}, {value - 1}) or number == 0
        store = ProjectStore.of(opened)
        store.commit(Changes(planes=planes))  # tried again, as the window does
        again = open_project(store.folder)
        assert {int(plane.labels.max()) for plane in again.layers[0].planes} == {2, value}
    assert number > 1
    injected(number)
