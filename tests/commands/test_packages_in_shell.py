"""Models of other programs from the shell, from Python, and in pieces as the window has them."""

from __future__ import annotations

import threading

import numpy as np
import pytest
import tifffile

import napari_unet as nu
import packages
from napari_unet.cli import main
from napari_unet.core.models.header import header_of
from napari_unet.core.sharing.bioimageio_reader import model_bytes
from napari_unet.learner.child.predicting import Models, predictions
from napari_unet.learner.remote_predictor import RemotePredictor

pytestmark = packages.needs_bioimageio


@pytest.fixture
def folder(tmp_path, monkeypatch, rng):
    """A folder with ``bright.zip``, a model of what is bright, and ``image.tif``."""
    monkeypatch.chdir(tmp_path)
    before = [{"id": "scale_range", "kwargs": {"axes": ["y", "x"]}}]
    described = packages.description(
        found=("background", "bright"), before=before, after=[{"id": "softmax"}]
    )
    packages.write_zip(tmp_path / "bright.zip", described, weights=packages.opposites())
    image = (100 + 50 * rng.random((60, 80))).astype(np.uint8)
    image[0, :2] = 100, 150
    tifffile.imwrite("image.tif", image)
    return tmp_path


@pytest.fixture
def truth(folder):
    image = tifffile.imread("image.tif").astype(float)
    return ((image - image.min()) / (np.ptp(image) + 1e-6) > 0.5).astype(np.uint8)


def test_predict_and_batch_write_the_classes(folder, truth):
    assert main(["predict", "bright.zip", "image.tif", "--output", "out", "--device", "cpu"]) == 0
    assert np.array_equal(tifffile.imread("out/image_labels.tif"), truth)
    words = ["batch", "bright.zip", "image.tif", "--output", "more", "--save", "labels"]
    assert main([*words, "instances", "--measure", "--device", "cpu"]) == 0
    assert np.array_equal(nu.read_image("more/image_labels.tif"), truth)
    assert nu.read_image("more/image_instances.tif").max() > 0


def test_instances_from_python(folder):
    rows, columns = np.mgrid[:60, :80]
    discs = [np.hypot(rows - 30, columns - column) < 12 for column in (20, 60)]
    objects = nu.predict_instances(nu.load_model("bright.zip"), np.any(discs, axis=0) * 50 + 100)
    assert objects.dtype == np.int32
    assert sorted(np.unique(objects[disc])[0] for disc in discs) == [1, 2]


def test_info_says_what_it_is(folder, capsys):
    assert main(["info", "bright.zip"]) == 0
    said = capsys.readouterr().out
    assert "of another program; it cannot be trained" in said
    assert "bright" in said


def test_what_it_cannot_do_is_said_in_one_sentence(folder, capsys):
    strokes = np.zeros((60, 80), np.uint8)
    strokes[:5], strokes[9:12] = 1, 2
    tifffile.imwrite("strokes.tif", strokes)
    train = ["train", "image.tif", "--labels", "strokes.tif", "--model", "bright.zip"]
    for words in (
        [*train, "--steps", "1", "--output", "new.unet", "--device", "cpu"],
        ["export", "bright.zip", "--format", "onnx", "--output", "new.onnx"],
    ):
        assert main(words) == 2
        assert "this model is of another program" in capsys.readouterr().err
    assert sorted(path.name for path in folder.iterdir()) == [
        "bright.zip",
        "image.tif",
        "strokes.tif",
    ]


def test_the_pieces_of_a_plane_are_answered_as_the_whole(folder, rng):
    """As the batch dock has them: each piece is normalised by the whole plane."""
    data = model_bytes("bright.zip")
    plane = (rng.random((1, 700, 1500)) + np.linspace(0, 4, 1500)).astype(np.float32)
    models, never, jobs = Models(), threading.Event(), []

    class InThisProcess:
        def ask(self, prepare, answer):
            jobs.append(prepare(len(jobs)))
            for content in predictions(jobs[-1], models, never):
                answer(content)
            return len(jobs)

        def drop(self, job):
            pass

    predict = RemotePredictor(InThisProcess(), header_of(data), data, device="cpu")
    found = np.zeros((2, 700, 1500), np.float32)
    for part in predict(plane, 200):
        found[:, *part.tile.slices] = part.probabilities
    assert len(jobs) > 1
    expected = nu.predict_probabilities(nu.load_model("bright.zip"), plane[0])
    np.testing.assert_allclose(found, expected, atol=1e-5)
