"""The script of a project gives the model's predictions again; the paragraph says what was done."""

from __future__ import annotations

import ast
import json
import os
import subprocess
import sys
from datetime import UTC, datetime

import numpy as np
import pytest
import tifffile

from napari_unet.cli import main
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.model import Model
from napari_unet.core.prediction.predict import predict
from napari_unet.core.sharing.load_model import load_model
from napari_unet.core.training.train import train
from napari_unet.errors import InvalidInput
from napari_unet.project.changes import Changes, Facts, NewVersion, PlaneStrokes
from napari_unet.project.index import AnnotationEntry, ImageEntry
from napari_unet.project.open_project import read_version
from napari_unet.project.reproduce import lineage, write_reproduction
from napari_unet.project.store import ProjectStore

NAMES = (
    ClassInfo(id=1, name="ground", color="#000000"),
    ClassInfo(id=2, name='"discs" \' \\', color="#FFFFFF"),
)


def strokes(image: np.ndarray, index: tuple[int, ...]) -> PlaneStrokes:
    return PlaneStrokes("a1", index, image)


def as_version(number, model: Model, planes, *, parent=None, kind="train") -> NewVersion:
    now = datetime.now(UTC)
    return NewVersion(number, now, kind, True, model.to_bytes(), parent, tuple(planes))


@pytest.fixture
def project(tmp_path, discs):
    """Trained twice: on the first plane of a stack, then on from there on both."""
    stack = np.stack([discs.image, discs.image[::-1]])
    tifffile.imwrite(tmp_path / "stack.tif", stack, metadata={"axes": "ZYX"})
    layers = AnnotationEntry(key="a1", name="strokes", image="i1", shape=stack.shape, dtype="uint8")
    path = str(tmp_path / "stack.tif")
    image = ImageEntry(key="i1", name="stack\nimport os", shape=stack.shape, path=path)
    first, second = strokes(discs.strokes, (0,)), strokes(discs.strokes[::-1].copy(), (1,))
    settings = {"steps": 4, "device": "cpu", "seed": 3, "classes": NAMES}
    painted = [discs.strokes != 0]
    one = train(stack[:1], discs.strokes[None], newest=[painted[0][None]], **settings)
    both = [first.labels, second.labels]
    newest = [np.zeros_like(painted[0]), second.labels != 0]
    places = [("a1", (0,)), ("a1", (1,))]
    two = train(list(stack), both, model=one, newest=newest, places=places, elastic=0.0, **settings)
    store = ProjectStore.create(tmp_path / "project")
    versions = (
        as_version(1, one, [first]),
        as_version(2, two, [first, second], parent=1),
    )
    facts = Facts(NAMES, None, 2, (image,), annotations=(layers,))
    store.commit(Changes(facts, (first, second), versions))
    return store


def run_script(folder) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(folder / "reproduce.py")]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_the_script_gives_the_same_predictions(project, tmp_path, capsys):
    assert main(["reproduce", str(project.folder), "--output", str(tmp_path / "out")]) == 0
    assert "Ronneberger O, Fischer P, Brox T (2015)" in capsys.readouterr().out
    done = run_script(tmp_path / "out")
    assert done.returncode == 0, done.stderr
    kept = Model.from_bytes(read_version(project.folder, project.index, 2))
    again = load_model(tmp_path / "out" / "model.unet")
    assert "precision=" in (tmp_path / "out" / "reproduce.py").read_text()
    assert again.header.history[-1].score == kept.header.history[-1].score
    for name, value in kept.weights.items():
        assert np.allclose(value, again.weights[name], atol=1e-6), name
    stack = tifffile.imread(tmp_path / "stack.tif")
    found = tifffile.imread(tmp_path / "out" / "i1_stack_labels.tif")
    assert np.array_equal(found, predict(kept, stack, device="cpu"))
    assert [entry.name for entry in again.classes] == [entry.name for entry in NAMES]


def test_axes_and_channels_are_taken_as_they_were(tmp_path, rng):
    """Two of the channels of one image, and the red of another, of planes of a time-lapse."""
    grey = rng.integers(0, 255, (2, 3, 24, 20), dtype=np.uint8)  # time, channel, row, column
    colours = rng.integers(0, 255, (2, 24, 20, 3), dtype=np.uint8)
    np.save(tmp_path / "grey.npy", grey)
    np.save(tmp_path / "colours.npy", colours)
    chosen = (("i1", 2), ("i2", 0), ("i1", 0))
    images = (
        ImageEntry(
            key="i1",
            name="grey",
            path=str(tmp_path / "grey.npy"),
            shape=grey.shape,
            axes="TCYX",
            channels=chosen,
        ),
        ImageEntry(
            key="i2",
            name="colours",
            path=str(tmp_path / "colours.npy"),
            shape=colours.shape,
            rgb=True,
            axes="TYXS",
        ),
    )
    # A painting on it has one pixel along the channels, which lie behind the time points.
    layer = AnnotationEntry(key="a1", name="x", image="i1", shape=(2, 1, 24, 20), dtype="uint8")
    labels = np.zeros((24, 20), np.uint8)
    labels[4], labels[12] = 1, 2
    stack = np.stack([grey[:, 2], colours[..., 0], grey[:, 0]], axis=1)
    settings = {"steps": 1, "device": "cpu"}
    model = train([stack[1]], [labels], newest=[labels != 0], **settings)
    version = as_version(1, model, [strokes(labels, (1, 0))])
    store = ProjectStore.create(tmp_path / "p")
    store.commit(Changes(Facts(NAMES, None, 1, images, {}, (layer,)), (), (version,)))
    assert len(store.index.images) == 2
    write_reproduction(store.folder, tmp_path / "out")
    done = run_script(tmp_path / "out")
    assert done.returncode == 0, done.stderr
    found = tifffile.imread(tmp_path / "out" / "i1_grey_labels.tif")
    assert np.array_equal(found, predict(model, stack, device="cpu"))


def test_volumes_are_trained_and_segmented_as_volumes(tmp_path, rng):
    """Two time points of volumes, of which the second has strokes on two slices."""
    film = rng.normal(size=(2, 6, 24, 20)).astype(np.float32)
    np.save(tmp_path / "film.npy", film)
    path = str(tmp_path / "film.npy")
    image = ImageEntry(key="i1", name="film", path=path, shape=film.shape, axes="TZYX")
    layer = AnnotationEntry(key="a1", name="x", image="i1", shape=film.shape, dtype="uint8")
    labels = np.zeros((6, 24, 20), np.uint8)
    labels[2, 4], labels[4, 12] = 1, 2
    settings = {"steps": 1, "device": "cpu", "dimensions": 3, "voxel_size": (2.0, 1.0, 1.0)}
    model = train([film[1]], [labels], newest=[labels != 0], pixel_unit="micrometer", **settings)
    used = [strokes(labels[z], (1, z)) for z in (2, 4)]
    store = ProjectStore.create(tmp_path / "p")
    facts = Facts(NAMES, None, 1, (image,), {}, (layer,))
    store.commit(Changes(facts, (), (as_version(1, model, used),)))
    written = write_reproduction(store.folder, tmp_path / "out")
    assert "3D U-Net (Çiçek et al. 2016)" in written.methods
    done = run_script(tmp_path / "out")
    assert done.returncode == 0, done.stderr
    again = load_model(tmp_path / "out" / "model.unet")
    assert again.header.pixel_size == model.header.pixel_size
    assert again.header.pixel_unit == model.header.pixel_unit
    found = tifffile.imread(tmp_path / "out" / "i1_film_labels.tif")
    assert np.array_equal(found, predict(model, film, device="cpu"))


def test_the_script_holds_nothing_but_what_it_says(project, tmp_path):
    """Names from a project, which may come from somebody else, stay data."""
    written = write_reproduction(project.folder, tmp_path / "out")
    tree = ast.parse(written.script.read_text())
    imported = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    }
    assert imported == {"numpy", "tifffile", "napari_unet"}


def test_the_paragraph_says_what_was_done(project, tmp_path):
    written = write_reproduction(project.folder, tmp_path / "out")
    text = written.paragraph.read_text()
    for said in (
        "U-Net (Ronneberger et al. 2015)",
        "2 planes of 1 image",
        "Training took 4 steps",
        "It was then trained on for 4 steps",
        "seed 3",
        "AdamW (Loshchilov and Hutter 2019)",
        "torch ",
        "doi:10.1007/978-3-319-24574-4_28",
    ):
        assert said in text
    assert written.notes == ()
    assert written.methods + "\n" == text


def test_an_image_that_was_in_memory_is_told_and_asked_for(project, tmp_path):
    index = project.index
    image = index.images[0].model_copy(update={"path": None, "beside": None})
    project.adopt(index.model_copy(update={"images": (image,)}))
    written = write_reproduction(project.folder, tmp_path / "out")
    assert any("only in memory; save it as TIFF" in note for note in written.notes)
    done = run_script(tmp_path / "out")
    assert done.returncode == 1
    assert "Save image i1 as TIFF and enter its path in IMAGES." in done.stderr


def test_a_training_by_time_is_told_to_come_out_alike(project, tmp_path, discs):
    model = train(discs.image, discs.strokes, seconds=0.01, device="cpu")
    project.commit(Changes(versions=(as_version(2, model, [strokes(discs.strokes, (0,))]),)))
    written = write_reproduction(project.folder, tmp_path / "out")
    assert any("alike, not the same" in note for note in written.notes)


def test_a_model_that_was_opened_is_loaded(project, tmp_path):
    opened = as_version(1, Model.from_bytes(project_model(project)), [], kind="opened")
    project.commit(Changes(versions=(opened,)))
    written = write_reproduction(project.folder, tmp_path / "out")
    assert "model = nu.load_model(PROJECT / 'models/0001_" in written.script.read_text()
    assert "began with a model that had been trained before" in written.methods


def project_model(project) -> bytes:
    return read_version(project.folder, project.index, 1)


def test_live_versions_are_given_all_strokes_at_once(project, tmp_path):
    live = as_version(
        2,
        Model.from_bytes(project_model(project)),
        [strokes(np.ones((64, 64), np.uint8), (0,))],
        kind="live",
    )
    project.commit(Changes(versions=(live,)))
    written = write_reproduction(project.folder, tmp_path / "out")
    script = written.script.read_text()
    compile(script, "reproduce.py", "exec")
    assert "model = live(planes, seconds=" in script
    assert any("order of painting" in note for note in written.notes)
    assert "Breiman" in written.methods


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"in_use": None}, "no model is in use"),
        ({"in_use": 9}, "no version 9"),
        ({"annotations": []}, "not known which image"),
    ],
)
def test_what_is_missing_is_told(project, tmp_path, change, said):
    path = project.folder / "project.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(InvalidInput, match=said):
        write_reproduction(project.folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_versions_that_come_from_each_other_are_refused(project):
    first = project.index.versions[0].model_copy(update={"parent": 2})
    index = project.index.model_copy(update={"versions": (first, project.index.versions[1])})
    with pytest.raises(InvalidInput, match="come from itself"):
        lineage(index, 2)


def test_the_shell_tells_what_is_no_project(tmp_path, capsys):
    assert main(["reproduce", str(tmp_path)]) == 2
    assert "is no project that can be opened" in capsys.readouterr().err
