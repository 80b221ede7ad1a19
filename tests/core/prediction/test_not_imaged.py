"""NaN is not imaged: no class, no doubt, and nothing of it in what is around it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

import napari_unet as nu
from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.prediction.tile_probabilities import ids_of
from napari_unet.core.prediction.uncertainty import uncertainty
from napari_unet.core.segmentation.provenance import Choices
from napari_unet.core.segmentation.segment import segment
from scenes import random_model, small_network, volume_network

CPU = torch.device("cpu")
NOT_FINITE = [np.nan, np.inf, -np.inf]


@pytest.fixture
def model():
    return random_model(small_network())


@pytest.fixture
def plane(rng) -> np.ndarray:
    return rng.normal(size=(90, 100))


@pytest.mark.parametrize("value", NOT_FINITE)
def test_there_is_0_and_all_else_is_as_if_ground_were_there(model, plane, value):
    plane[20:40, 30:] = value
    found = nu.predict(model, plane, device="cpu")
    assert (found[20:40, 30:] == 0).all()
    ground = np.median(plane[np.isfinite(plane)])
    filled = np.where(np.isfinite(plane), plane, ground)
    known = Answers(model, plane[None], device=CPU, dtype=torch.float32)
    other = Answers(model, filled[None], device=CPU, dtype=torch.float32)
    other._scaled = known._scaled  # of the pixels that were imaged
    whole = Tile.whole(plane.shape)
    imaged = np.isfinite(plane)
    np.testing.assert_allclose(
        known.probabilities(whole)[:, imaged], other.probabilities(whole)[:, imaged], atol=1e-6
    )


def test_probabilities_there_are_0_and_nothing_is_unsure(model, plane):
    plane[:30] = np.nan
    found = nu.predict_probabilities(model, plane, device="cpu")
    assert (found[:, :30] == 0).all()
    np.testing.assert_allclose(found[:, 30:].sum(axis=0), 1, atol=1e-5)
    assert (uncertainty(found)[:30] == 0).all()


@pytest.mark.parametrize("average_rotations", [False, True])
def test_in_every_tile_and_orientation(model, plane, average_rotations):
    plane[rows := slice(0, 50), 41] = np.nan
    found = nu.predict(model, plane, 16, device="cpu", average_rotations=average_rotations)
    expected = np.ones(plane.shape, bool)
    expected[rows, 41] = False
    np.testing.assert_array_equal(found > 0, expected)


def test_of_volumes(rng):
    volume = rng.normal(size=(6, 40, 44))
    volume[2:4, :20] = np.nan
    model = random_model(volume_network((1.0, 1.0, 1.0), depth=1))
    found = nu.predict(model, volume, device="cpu")
    np.testing.assert_array_equal(found == 0, np.isnan(volume))


def test_of_a_forest(plane):
    """Its widest filters reach over 64 pixels and must not carry anything."""
    strokes = np.zeros(plane.shape, np.uint8)
    plane[50:] += 5
    plane[:, 90:] = np.nan
    strokes[10, 10:60], strokes[70, 10:60] = 1, 2
    strokes[5, 80:] = 2  # half of it where nothing was imaged
    live = nu.LiveTrainer([plane], device="cpu")
    live.set_labels(0, strokes)
    live.run(0)
    found = live.predict(plane)
    assert live.model().header.history[-1].labelled_pixels == {1: 50, 2: 60}
    live.close()
    np.testing.assert_array_equal(found == 0, np.isnan(plane))
    assert (found[:15, :70] == 1).mean() > 0.9 and (found[60:, :90] == 2).mean() > 0.9


@pytest.mark.parametrize("factors", [None, (0.5, 0.5)])
def test_in_files(model, plane, tmp_path, factors):
    stack = np.stack([plane, np.full_like(plane, np.nan)])
    stack[0, :, :40] = np.nan
    outputs = {"labels": tmp_path / "a.tif", "probabilities": tmp_path / "b.tif"}
    source = ImageSource.from_array(stack, "ZYX")
    for _ in segment(model, source, outputs, Choices(factors=factors), device=CPU):
        pass
    np.testing.assert_array_equal(tifffile.imread(outputs["labels"]) == 0, np.isnan(stack))
    assert np.isfinite(tifffile.imread(outputs["probabilities"])).all()


def test_training_never_learns_from_it(plane):
    strokes = np.zeros(plane.shape, np.uint8)
    strokes[10], strokes[60] = 1, 2
    plane[:, 50:] = np.nan
    model = nu.train(plane, strokes, steps=2, device="cpu")
    assert model.header.history[-1].labelled_pixels == {1: 50, 2: 50}
    assert all(torch.isfinite(value).all() for value in model.weights.values())


def test_a_class_of_0_of_all_is_not_the_first():
    probabilities = np.array([[[0.6, 0.0, 0.2]], [[0.4, 0.0, 0.8]]], np.float32)
    assert ids_of(probabilities, np.array([3, 7], np.uint8)).tolist() == [[3, 0, 7]]


def test_an_empty_field_is_the_same_in_an_array_and_a_file(model, rng, tmp_path):
    """What decides on the range holds wherever the image comes from, and plane by plane."""
    full = rng.normal(300, 10, (1, 64, 64))
    full[:, :20, :20] += 300
    stack = np.concatenate([full, rng.normal(300, 10, (2, 64, 64))]).astype(np.float32)
    strokes = np.zeros((64, 64), np.uint8)
    strokes[5, 2:18], strokes[40, 5:60] = 2, 1
    scaling = nu.train(full[0], strokes, steps=1, device="cpu").header.scaling
    model = replace(model, header=model.header.model_copy(update={"scaling": scaling}))
    for way in ("automatic", "stack", "training", "image"):
        chosen = model.scaled(way)
        expected = nu.predict(chosen, stack, device="cpu")
        source = ImageSource.from_array(stack, "TYX")
        out = {"labels": tmp_path / f"{way}.tif"}
        for _ in segment(chosen, source, out, device=CPU):
            pass
        np.testing.assert_array_equal(tifffile.imread(out["labels"]), expected)
