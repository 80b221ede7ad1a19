"""The methods of the paper's benchmark learn, and predict what they say they do."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from benchmarks.crossval import unet
from benchmarks.crossval.checkpoints import Checkpoint
from benchmarks.crossval.data import IGNORED, load_folder
from benchmarks.crossval.fcn import ContractingNetwork
from benchmarks.crossval.forest import FilterForest
from benchmarks.crossval.methods import build
from benchmarks.crossval.patch_classifier import WINDOW, PatchClassifier, PatchNetwork
from benchmarks.crossval.results import Settings
from benchmarks.crossval.tiles import Tiles, target_classes
from benchmarks.crossval.variations import ABLATIONS, UNET, VARIATIONS

import napari_unet
from napari_unet.core.network.config import PRESETS


class FakeClock:
    """A clock by which a second passes at each look at it."""

    def __init__(self) -> None:
        self.looks = 0

    def __call__(self) -> float:
        self.looks += 1
        return float(self.looks)


@pytest.mark.parametrize("channels", [1, 3])
def test_the_dense_network_gives_what_each_patch_gives(channels):
    torch.manual_seed(0)
    network = PatchNetwork(channels, 3).eval()
    image = torch.rand(1, channels, WINDOW + 9, WINDOW + 6)
    with torch.inference_mode():
        dense = network(image)[0]
        patches = image[0].unfold(1, WINDOW, 1).unfold(2, WINDOW, 1)  # (C, 10, 7, 65, 65)
        one_by_one = network(patches.permute(1, 2, 0, 3, 4).flatten(0, 1), dense=False)
    assert dense.shape == (3, 10, 7)
    assert dense.std() > 0.1
    expected = one_by_one[:, :, 0, 0].T.reshape(3, 10, 7)
    torch.testing.assert_close(dense, expected, atol=1e-4, rtol=0)


def test_the_whole_image_is_classified_as_patches_around_each_pixel(blobs):
    folder = load_folder(blobs)
    method = PatchClassifier(folder, Settings(minutes=0.02), FakeClock(), seed=0)
    method.train(folder.samples[:2])
    item = folder.samples[2]
    found = method.predict(item)
    assert found.shape == (2, 48, 64)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    padded = np.pad(item.plane, ((0, 0), (32, 32), (32, 32)), mode="reflect")
    for row, column in ((0, 0), (47, 63), (20, 33)):
        patch = torch.from_numpy(padded[None, :, row : row + WINDOW, column : column + WINDOW])
        with torch.inference_mode():
            balanced = method._network(patch, dense=False)[0, :, 0, 0].softmax(dim=0)
        joint = (balanced * method._frequencies).numpy()
        np.testing.assert_allclose(found[:, row, column], joint / joint.sum(), atol=1e-4)


def test_a_sliding_window_takes_as_long_as_its_pixels_do(blobs):
    folder = load_folder(blobs)
    method = PatchClassifier(folder, Settings(minutes=0.02), FakeClock(), seed=0)
    method.train(folder.samples[:2])
    assert method.seconds_to_predict(folder.samples[2], 5.0) == 48 * 64 / 64  # a second for 64


@pytest.mark.parametrize("preset", ["compact", "unet2015"])
def test_the_net_without_expanding_path_has_the_presets_contracting_path(preset):
    with torch.device("meta"):
        network = ContractingNetwork(PRESETS[preset], 1, 2)
        whole = napari_unet.core.network.unet.UNet(PRESETS[preset].network(1, 2))
    ours = [tuple(p.shape) for p in network.blocks.parameters()]
    assert ours == [tuple(p.shape) for p in whole.contracting.parameters()]
    assert len(list(network.parameters())) == len(ours) + 2


@pytest.mark.parametrize("name", ["patches", "fcn", "forest"])
def test_baselines_learn_bright_discs(blobs, tmp_path, name, monkeypatch):
    monkeypatch.setattr("benchmarks.crossval.methods.CLOCKS", {"wall": FakeClock()})
    folder = load_folder(blobs)
    minutes = {"patches": 0.2, "fcn": 1.0, "forest": 0.1}[name]  # a second a step
    method = build(name, folder, Settings(minutes=minutes), seed=0, kept=tmp_path / "w")
    training = method.train(folder.samples[:5])
    item = folder.samples[6]
    probabilities = method.predict(item)
    assert probabilities.shape == (2, 48, 64)
    of_disc = probabilities[1]
    assert of_disc[item.classes == 1].mean() > of_disc[item.classes == 0].mean() + 0.1
    assert training.parameters > 1000
    if name != "forest":
        assert training.steps > 5 and training.curve[-1].loss < training.curve[0].loss


def test_the_forest_learns_from_no_more_pixels_than_it_says(blobs, monkeypatch):
    monkeypatch.setattr("benchmarks.crossval.forest.MOST_PIXELS", 100)
    seen = []
    monkeypatch.setattr(
        "benchmarks.crossval.forest.fit_forest",
        lambda values, classes, n, **options: seen.append(len(values)) or Nodes(),
    )
    folder = load_folder(blobs)
    FilterForest(folder, FakeClock(), seed=0).train(folder.samples[:5])
    assert seen == [100]


class Nodes:
    """A forest of which nothing is asked but its size."""

    children = np.zeros((3, 2))


def test_tiles_hold_image_and_classes_at_the_same_place(blobs):
    folder = load_folder(blobs)
    generator = torch.Generator().manual_seed(0)
    tiles = Tiles(folder.samples, folder, generator, torch.device("cpu"))
    images, classes = tiles.draw(8, 48, 32)
    assert images.shape == (8, 1, 48, 48) and classes.shape == (8, 32, 32)
    assert set(classes.unique().tolist()) <= {IGNORED, 0, 1}
    middle = images[:, 0, 8:40, 8:40]
    assert middle[classes == 1].mean() > middle[classes == 0].mean() + 0.3


def test_touching_objects_are_parted_for_learning(blobs):
    for path in (blobs / "labels").iterdir():
        tifffile.imwrite(path, np.repeat([3, 9], 32)[None].repeat(48, axis=0).astype(np.uint8))
    (blobs / "info.json").write_text('{"kind": "instance"}')
    folder = load_folder(blobs)
    target = target_classes(folder.samples[0], folder)
    assert (target == 0).any() and (target[:, :28] == 1).all() and (target[:, 36:] == 1).all()


@pytest.fixture
def trained(blobs, tmp_path):
    """A function that trains a variation for so many minutes of a fake clock."""
    folder = load_folder(blobs)

    def train(name="unet", minutes=0.1, **settings):
        chosen = Settings(minutes=minutes, device="cpu", **settings)
        kept = tmp_path / VARIATIONS[name].trained_as
        method = unet.PaperUNet(folder, chosen, VARIATIONS[name], FakeClock(), seed=0, kept=kept)
        return method, method.train(folder.samples[:3])

    return folder, train, tmp_path


def test_the_unet_is_trained_and_asked_through_the_public_api(trained, monkeypatch):
    folder, train, _ = trained
    asked = []
    events = napari_unet.train_events

    def spy(*arguments, **settings):
        asked.append(settings)
        return events(*arguments, **settings)

    monkeypatch.setitem(vars(napari_unet), "train_events", spy)
    method, training = train("unet-no-elastic")
    (settings,) = asked
    assert settings["label_kind"] == "instances" and settings["preset"] == "compact"
    assert settings["elastic"] == 0 and settings["seconds"] == 6.0
    assert training.steps >= 1 and training.parameters > 10**6 and training.restarts == 0
    assert training.curve and training.curve[-1].step == training.steps
    expected = unet.probabilities(method._model, folder.samples[4].image, "cpu")
    np.testing.assert_array_equal(method.predict(folder.samples[4]), expected)


def test_a_training_that_has_ended_is_not_made_again(trained, monkeypatch):
    _, train, _ = trained
    first, training = train()
    monkeypatch.setitem(vars(napari_unet), "train_events", None)
    again, same = train()
    assert same == training
    assert again._model.to_bytes() == first._model.to_bytes()


def test_a_training_that_was_interrupted_goes_on_for_the_rest_of_its_time(trained, monkeypatch):
    _, train, tmp_path = trained
    monkeypatch.setattr(unet, "_SECONDS_BETWEEN_SAVES", 0.0)
    interrupted = unet.Recorder.take

    def interrupt(self, event):
        interrupted(self, event)
        if isinstance(event, unet.Best):
            raise KeyboardInterrupt

    monkeypatch.setattr(unet.Recorder, "take", interrupt)
    with pytest.raises(KeyboardInterrupt):
        train(minutes=0.5)
    monkeypatch.setattr(unet.Recorder, "take", interrupted)
    made_with = (*Settings(minutes=0.5, device="cpu").of("unet"), "t000", "t001", "t002")
    kept = Checkpoint(tmp_path / "unet").read(made_with)
    assert kept is not None and not kept.finished
    asked = []
    events = napari_unet.train_events
    monkeypatch.setitem(
        vars(napari_unet), "train_events", lambda *a, **s: asked.append(s) or events(*a, **s)
    )
    _, training = train(minutes=0.5)
    assert asked[0]["seconds"] == pytest.approx(max(30 - kept.training.seconds, 1))
    assert asked[0]["model"].to_bytes() == kept.model.to_bytes()
    assert training.restarts == 1
    assert training.steps > kept.training.steps
    assert training.curve[: len(kept.training.curve)] == kept.training.curve


def test_weights_of_other_settings_are_not_taken(trained):
    _, train, tmp_path = trained
    train(minutes=0.1)
    made_with = Settings(minutes=0.2, device="cpu").of("unet")
    assert Checkpoint(tmp_path / "unet").read((*made_with, "t000", "t001", "t002")) is None


def test_zero_padding_is_another_prediction_of_the_same_weights(trained, monkeypatch):
    folder, train, _ = trained
    mirrored, training = train()
    monkeypatch.setitem(vars(napari_unet), "train_events", None)
    padded, same = train("unet-zero-padding")
    assert same == training
    item = folder.samples[5]
    ours, theirs = padded.predict(item), mirrored.predict(item)
    assert ours.shape == theirs.shape == (2, 48, 64)
    np.testing.assert_allclose(ours.sum(axis=0), 1, atol=1e-5)
    assert np.abs(ours - theirs).max() > 1e-3


def test_a_variation_can_begin_with_the_weights_of_a_model(trained, monkeypatch):
    _, train, tmp_path = trained
    train()
    asked = []
    events = napari_unet.train_events
    monkeypatch.setitem(
        vars(napari_unet), "train_events", lambda *a, **s: asked.append(s) or events(*a, **s)
    )
    train("unet-pretrained", pretrained=str(tmp_path / "unet.unet"))
    assert asked[0]["model"] is not None


def test_what_cannot_be_varied_says_why():
    reasons = {v.name: v.why_not("classes", 10, False) for v in (UNET, *ABLATIONS)}
    assert reasons["unet"] is reasons["unet-no-elastic"] is reasons["unet-5-images"] is None
    assert "border weights" in reasons["unet-no-border-weights"]
    assert "--pretrained" in reasons["unet-pretrained"]
    assert "same as the first row" in reasons["unet-10-images"]
    assert "only 10" in reasons["unet-24-images"]
    assert VARIATIONS["unet-no-border-weights"].why_not("instances", 10, True) is None
