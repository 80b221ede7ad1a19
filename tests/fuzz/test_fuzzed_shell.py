"""Any words after ``napari-unet``: an exit status and one sentence, no file outside the output."""

from __future__ import annotations

import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from counting import tried
from napari_unet.cli import main
from projects import small_project
from scenes import random_model, small_network

MODEL = random_model(small_network(depth=1))
OPTIONS = {
    "train": ["--labels", "--output", "--label-kind", "--preset", "--dimensions", "--voxel-size"],
    "predict": ["--output", "--save", "--measure", "--tile", "--average-rotations"],
    "batch": ["--output", "--save", "--measure", "--channels", "--axes", "--level", "--resample"],
    "evaluate": ["--truth", "--label-kind", "--membrane"],
    "export": ["--format", "--output"],
    "reproduce": ["--output"],
    "info": [],
}
FILES = (
    "image.tif",
    "labels.tif",
    "stack.npy",
    "objects.npy",
    "a.unet",
    "broken.unet",
    "empty.tif",
    "project",
    "project/project.json",
    "missing.tif",
    "*.tif",
    ".",
)
VALUES = ("0", "-1", "2", "1,1,1", "0,0", "nan", "TCYX", "YX", "labels", "instances", "classes", "")


class Evil:
    def __reduce__(self):
        return os.system, ("touch code-was-run",)


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A folder with files of every kind, some of which are not what they are called."""
    desk = tmp_path_factory.mktemp("desk") / "inside"
    desk.mkdir()
    rng = np.random.default_rng(0)
    image = rng.integers(0, 255, (24, 30)).astype(np.uint8)
    tifffile.imwrite(desk / "image.tif", image)
    tifffile.imwrite(desk / "labels.tif", np.where(image < 40, 1 + image % 2, 0).astype(np.uint8))
    np.save(desk / "stack.npy", np.stack([image] * 3))
    np.save(desk / "objects.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    MODEL.save(desk / "a.unet")
    (desk / "broken.unet").write_bytes(pickle.dumps(Evil()))
    (desk / "empty.tif").write_bytes(b"")
    small_project(desk / "project")
    return desk


@st.composite
def words(draw) -> list[str]:
    """Draw a command that is nearly right: often its own options, sometimes anything."""
    command = draw(st.sampled_from(list(OPTIONS)))
    said = [command, *draw(st.lists(st.sampled_from(FILES), min_size=0, max_size=2))]
    if command == "train":
        said += ["--steps", "1", "--device", "cpu"]
    for option in draw(st.lists(st.sampled_from(OPTIONS[command] or ["--help"]), max_size=4)):
        said.append(option)
        if option == "--output":
            said.append(draw(st.sampled_from(["out", "out/new.unet", "out/a.zip", "out/a.onnx"])))
        elif draw(st.booleans()):
            said.append(draw(st.sampled_from([*FILES, *VALUES])))
    return said


def all_files(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


RIGHT = [
    "train image.tif --labels labels.tif --steps 1 --device cpu --output out/new.unet",
    "predict a.unet image.tif --output out --save labels instances --measure",
    "batch a.unet image.tif empty.tif --output out",
    "evaluate labels.tif --truth labels.tif",
    "export a.unet --format onnx --output out/a.onnx",
    "info a.unet",
]


def run(said: list[str]) -> int:
    """Run a command; return its exit status."""
    try:
        return main(said)
    except SystemExit as error:  # how argparse ends
        return int(error.code or 0)


@examples(120)
@given(words())
def test_any_command(desk, said):
    folder = desk.parent
    before = Path.cwd()
    os.chdir(desk)
    os.makedirs("out", exist_ok=True)
    kept = {name: what for name, what in all_files(folder).items() if "/out/" not in name}
    tried("shell commands")
    try:
        assert run(said) in (0, 1, 2)
    finally:
        os.chdir(before)
    after = {name: what for name, what in all_files(folder).items() if "/out/" not in name}
    if said[0] == "reproduce" and "--output" not in said:
        for name in ("reproduce.py", "methods.md"):
            after.pop(f"inside/{name}", None)
            kept.pop(f"inside/{name}", None)
    assert after == kept


@pytest.mark.parametrize("line", RIGHT)
def test_the_right_ones_work(desk, monkeypatch, line):
    """So the fuzzer's words are near to what works."""
    monkeypatch.chdir(desk)
    shutil.rmtree("out", ignore_errors=True)  # the fuzzer may have made folders with these names
    os.makedirs("out")
    assert run(line.split()) == (1 if "empty" in line else 0)
