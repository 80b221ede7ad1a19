"""Model files, projects and images that lie: refused in one sentence, before memory is taken."""

from __future__ import annotations

import io
import json
import os
import shutil
import struct
import tracemalloc
import zipfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tifffile
from examples import examples
from hypothesis import given
from hypothesis import strategies as st

from counting import tried
from napari_unet.core.io.open_image import read_image
from napari_unet.core.io.result import Result
from napari_unet.core.io.write_result import open_result
from napari_unet.core.models.header import METADATA_KEY
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import UserError
from napari_unet.project.files import INDEX_NAME, PREVIOUS_NAME
from napari_unet.project.open_project import open_project, read_version
from napari_unet.project.store import ProjectStore
from projects import small_project
from scenes import random_model, small_network

MODEL = random_model(small_network(depth=1))
DATA = MODEL.to_bytes()
(LENGTH,) = struct.unpack("<Q", DATA[:8])
ENTRIES = json.loads(DATA[8 : 8 + LENGTH])
DESCRIPTION = json.loads(ENTRIES["__metadata__"][METADATA_KEY])
HUGE = 2**62
ODD = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 2),
    st.sampled_from([HUGE, -HUGE, 10**400, 65536, 1024, 1e308, "", "..", "/etc/passwd", "\x00"]),
    st.lists(st.integers(0, 3), max_size=3),
    st.just({}),
    st.just([[[[]]]]),
)
MOST_MEMORY = 64 * 2**20


@contextmanager
def little_memory():
    """Fail if much more memory is taken than the small files here need."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < MOST_MEMORY
    finally:
        tracemalloc.stop()


def places(value, path=()):
    """Iterate over the paths of everything in nested JSON."""
    yield path
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(item, (*path, key))


def changed(value, path, new):
    """Return nested JSON with another value at a path."""
    if not path:
        return new
    copy = value.copy()
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def model_file(entries, weights=DATA[8 + LENGTH :]) -> bytes:
    head = json.dumps(entries).encode()
    return struct.pack("<Q", len(head)) + head + weights


def works_or_says_why_not(call) -> None:
    """Call something; an error has to be ours, one sentence."""
    try:
        with little_memory():
            call()
    except UserError as error:
        assert "\n" not in str(error)


class TestModels:
    @examples(60)
    @given(st.sampled_from(sorted(places(DESCRIPTION), key=str)), ODD)
    def test_any_description(self, tmp_path, path, value):
        entries = json.loads(json.dumps(ENTRIES))
        entries["__metadata__"][METADATA_KEY] = json.dumps(changed(DESCRIPTION, path, value))
        (tmp_path / "a.unet").write_bytes(model_file(entries))
        tried("model files")
        works_or_says_why_not(lambda: load_model(tmp_path / "a.unet"))

    @examples(100)
    @given(st.sampled_from(sorted(places(ENTRIES), key=str)), ODD)
    def test_any_table_of_weights(self, tmp_path, path, value):
        (tmp_path / "a.unet").write_bytes(model_file(changed(ENTRIES, path, value)))
        tried("model files")
        works_or_says_why_not(lambda: load_model(tmp_path / "a.unet"))

    @pytest.mark.parametrize("start", [b"", bytes(8), struct.pack("<Q", HUGE), DATA[: 8 + LENGTH]])
    def test_what_follows_is_not_read_unless_it_is_described(self, tmp_path, start):
        """The file says that it is a terabyte long; nothing of that is on the disk."""
        path = tmp_path / "a.unet"
        with path.open("wb") as file:
            file.write(start)
            file.truncate(2**40)
        tried("model files")
        with little_memory(), pytest.raises(UserError):
            load_model(path)

    def test_a_device_that_never_ends(self):
        if Path("/dev/zero").exists():
            tried("model files")
            with pytest.raises(UserError):
                load_model("/dev/zero")


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Path:
    return small_project(tmp_path_factory.mktemp("a") / "project").folder


@pytest.fixture
def copy(project, tmp_path):
    """Make a copy of the project anew for each example."""
    numbers = iter(range(10**6))

    def make() -> Path:
        folder = tmp_path / f"copy {next(numbers)}"
        return Path(shutil.copytree(project, folder))

    return make


def opened_and_saved(folder: Path) -> None:
    opened = open_project(folder)
    for layer in opened.layers:
        layer.data()
    for entry in opened.index.versions:
        read_version(folder, opened.index, entry.number)
    if opened.attached:
        ProjectStore.of(opened)


class TestProjects:
    @examples(100)
    @given(st.data())
    def test_any_index(self, copy, project, tmp_path, data):
        index = json.loads((project / INDEX_NAME).read_text())
        path = data.draw(st.sampled_from(sorted(places(index), key=str)))
        value = data.draw(ODD)
        folder = copy()
        before = {other.name for other in tmp_path.iterdir()}
        (folder / INDEX_NAME).write_text(json.dumps(changed(index, path, value)))
        if data.draw(st.booleans()):
            (folder / PREVIOUS_NAME).write_text(json.dumps(changed(index, path, value)))
        tried("projects")
        works_or_says_why_not(lambda: opened_and_saved(folder))
        assert {other.name for other in tmp_path.iterdir()} == before
        shutil.rmtree(folder)

    @examples(60)
    @given(st.data())
    def test_any_damage_to_any_file(self, copy, data):
        folder = copy()
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        path = data.draw(st.sampled_from(files))
        content = bytearray(path.read_bytes())
        if data.draw(st.booleans()):
            content = content[: data.draw(st.integers(0, len(content)))]
        else:
            for _ in range(data.draw(st.integers(1, 4))):
                content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(
                    st.integers(1, 255)
                )
        path.write_bytes(content)
        tried("projects")
        works_or_says_why_not(lambda: opened_and_saved(folder))
        shutil.rmtree(folder)

    @pytest.mark.parametrize("place", ["annotations", "models"])
    def test_a_folder_that_leads_out_is_not_followed(self, copy, tmp_path, place):
        folder = copy()
        shutil.move(folder / place, tmp_path / "outside")
        os.symlink(tmp_path / "outside", folder / place)
        tried("projects")
        opened = open_project(folder)
        assert not any(layer.planes for layer in opened.layers) or place == "models"
        with pytest.raises(UserError, match="out of the project folder"):
            read_version(folder, opened.index, 1) if place == "models" else _first(folder, opened)

    @pytest.mark.parametrize(
        ("shape", "dtype"), [((2**16, 2**16), "<i8"), ((HUGE, HUGE), "|u1"), ((-1, 5), "|u1")]
    )
    def test_strokes_that_say_they_are_huge_take_no_memory(self, copy, shape, dtype):
        folder = copy()
        for path in folder.rglob("*.npz"):
            with zipfile.ZipFile(path) as archive:
                members = {name: archive.read(name) for name in archive.namelist()}
            header = io.BytesIO()
            described = {"descr": dtype, "fortran_order": False, "shape": shape}
            np.lib.format.write_array_header_1_0(header, described)
            members["labels.npy"] = header.getvalue() + bytes(100)
            with zipfile.ZipFile(path, "w") as archive:
                for name, content in members.items():
                    archive.writestr(name, content)
            tried("projects")
        with little_memory():
            opened = open_project(folder)
        assert len(opened.problems) >= 2


def _first(folder, opened):
    from napari_unet.project.files import plane_path, read_plane

    layer = opened.index.annotations[0]
    plane = layer.planes[0]
    read_plane(folder, plane_path(folder, layer.key, plane.index, plane.digest, plane.at))


XML = st.sampled_from(["-1", "0", "1e308", "NaN", "", "99999999999", "µ", "../../x.tif", "&#0;"])


class TestImages:
    @examples(60)
    @given(st.data())
    def test_any_ome_xml(self, tmp_path, data):
        path = tmp_path / "a.ome.tif"
        described = Result({"Z": 2, "Y": 5, "X": 6}, np.dtype(np.uint8), "classes", MODEL.classes)
        with open_result(path, described) as array:
            array[...] = 1
        content = path.read_bytes()
        quotes = [at for at, byte in enumerate(content) if byte == ord('"')]
        at = data.draw(st.integers(0, len(quotes) // 2 - 1)) * 2
        new = data.draw(XML).encode()
        room = quotes[at + 1] - quotes[at] - 1
        content = bytearray(content)
        content[quotes[at] + 1 : quotes[at + 1]] = new[:room].ljust(room)
        path.write_bytes(content)
        tried("images")
        works_or_says_why_not(lambda: read_image(path))

    @examples(60)
    @given(st.sampled_from(["tif", "npy", "png", "zarr"]), st.data())
    def test_any_damage(self, tmp_path, suffix, data):
        path = _image(tmp_path, suffix)
        files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
        file = data.draw(st.sampled_from(files))
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 3))):
            content[data.draw(st.integers(0, min(len(content) - 1, 400)))] = data.draw(
                st.sampled_from([0, 1, 127, 255])
            )
        file.write_bytes(content)
        tried("images")
        works_or_says_why_not(lambda: read_image(path))


def _image(folder: Path, suffix: str) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (20, 30)).astype(np.uint8)
    path = folder / f"a.{suffix}"
    if suffix == "tif":
        tifffile.imwrite(path, pixels, compression="zlib")
    elif suffix == "npy":
        np.save(path, pixels)
    elif suffix == "png":
        from imageio.v3 import imwrite

        imwrite(path, pixels)
    else:
        described = Result({"Y": 20, "X": 30}, pixels.dtype, "classes", MODEL.classes)
        with open_result(path, described) as array:
            array[...] = pixels
    return path
