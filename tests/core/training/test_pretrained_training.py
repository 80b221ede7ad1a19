"""The preset ``pretrained``: what it learns, what its model files hold, what it does in 3D."""

from __future__ import annotations

import json
import struct

import numpy as np
import pytest
import torch
from scipy import ndimage

import napari_unet as nu
import scenes
from napari_unet.core.events import Done, Notice
from napari_unet.core.models.header import METADATA_KEY
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import UNetConfig
from napari_unet.core.network.pretrained import pretrained_encoder, pretrained_refiner
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.errors import InvalidModel

QUICK = {"preset": "pretrained", "device": "cpu", "precision": "float32"}


@pytest.fixture(scope="module")
def scene():
    return scenes.discs(seed=3)


@pytest.fixture(scope="module")
def model(scene):
    return nu.train(scene.image, scene.strokes, steps=20, **QUICK)


class TestStrokes:
    def test_are_learnt_in_few_steps(self, model, scene):
        other = scenes.discs(seed=8)
        for seen in (scene, other):
            found = nu.predict(model, seen.image)
            assert scenes.iou(found, seen.truth, 2) > 0.5

    def test_begin_where_the_first_answer_is(self, scene):
        """Before anything was learned step by step, it knows the other image already."""
        model = nu.train(scene.image, scene.strokes, steps=1, **QUICK)
        other = scenes.discs(seed=8)
        assert scenes.iou(nu.predict(model, other.image), other.truth, 2) > 0.6

    def test_change_all_of_the_network(self, model):
        known = pretrained_encoder(1).state_dict()
        change = (model.weights["encoder.stem.weight"] - known["stem.weight"]).abs()
        assert 1e-5 < change.max() < 20 * 1e-4
        before = pretrained_refiner().state_dict()["last.weight"]
        assert not torch.equal(model.weights["refiner.last.weight"], before)

    def test_can_be_gone_on_from_with_a_new_class(self, model, scene):
        strokes = np.where(scene.strokes == 2, 5, scene.strokes)
        further = nu.train(scene.image, strokes, model=model, steps=2, device="cpu")
        assert further.header.preset == "pretrained"
        assert further.class_ids.tolist() == [1, 2, 5]


def test_cells_are_learnt_as_objects(scene):
    objects, count = ndimage.label(scene.truth == 2)
    model = nu.train(scene.image, objects, label_kind="instances", steps=10, **QUICK)
    found = nu.predict_instances(model, scene.image)
    assert scenes.iou(found > 0, objects > 0, True) > 0.4
    assert all(found[objects == number].any() for number in range(1, count + 1))


class TestFile:
    def test_comes_back_the_same(self, model, scene):
        again = Model.from_bytes(model.to_bytes())
        assert isinstance(again.header.network, PretrainedConfig)
        for name, value in model.weights.items():
            assert torch.equal(again.weights[name], value)
        np.testing.assert_array_equal(
            nu.predict_probabilities(again, scene.image),
            nu.predict_probabilities(model, scene.image),
        )

    @pytest.mark.parametrize("change", [{"kind": "resnet"}, {"widths": [64, 64]}])
    def test_of_another_architecture_is_refused_in_a_sentence(self, model, change):
        data = model.to_bytes()
        length = struct.unpack("<Q", data[:8])[0]
        entries = json.loads(data[8 : 8 + length])
        header = json.loads(entries["__metadata__"][METADATA_KEY])
        header["network"] |= change
        entries["__metadata__"][METADATA_KEY] = json.dumps(header)
        text = json.dumps(entries).encode()
        changed = struct.pack("<Q", len(text)) + text + data[8 + length :]
        with pytest.raises(InvalidModel, match="description is damaged"):
            Model.from_bytes(changed)

    def test_with_weights_of_another_network_is_refused(self, model):
        weights = dict(scenes.random_model(scenes.small_network()).weights)
        with pytest.raises(InvalidModel, match="do not fit"):
            Model.from_bytes(Model(model.header, weights).to_bytes())


def test_volumes_are_learnt_without_the_encoder_which_is_said():
    volume = np.random.default_rng(0).normal(size=(8, 24, 24)).astype(np.float32)
    labels = np.zeros(volume.shape, np.uint8)
    labels[2, 3:6], labels[5, 12:15] = 1, 2
    events = list(
        nu.train_events(
            volume, labels, preset="pretrained", dimensions=3, voxel_size=(1, 1, 1), steps=1
        )
    )
    notices = [event.text for event in events if isinstance(event, Notice)]
    assert any("planes" in text and "compact" in text for text in notices)
    done = next(event for event in events if isinstance(event, Done))
    assert isinstance(done.model.header.network, UNetConfig)
