from __future__ import annotations

import json
import os
import pickle
import struct

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save as save_tensors

import napari_unet as nu
from napari_unet.core.models.header import METADATA_KEY
from napari_unet.core.models.model import Model
from napari_unet.core.sharing.load_model import load_model
from napari_unet.errors import InvalidModel, UnreadableFile, UnwritableOutput, UserError
from scenes import random_model, small_network

MODEL = random_model(small_network(depth=1))
DATA = MODEL.to_bytes()


def file_with(weights: dict, model: Model = MODEL) -> bytes:
    return save_tensors(weights, metadata={METADATA_KEY: model.header.model_dump_json()})


def edited(**changes) -> bytes:
    """Return the file with other entries in its description."""
    (length,) = struct.unpack("<Q", DATA[:8])
    entries = json.loads(DATA[8 : 8 + length])
    header = json.loads(entries["__metadata__"][METADATA_KEY]) | changes
    entries["__metadata__"][METADATA_KEY] = json.dumps(header)
    head = json.dumps(entries).encode()
    return struct.pack("<Q", len(head)) + head + DATA[8 + length :]


class TestRoundTrip:
    def test_gives_back_the_same_model(self, tmp_path, trained):
        trained.save(tmp_path / "a.unet")
        loaded = load_model(tmp_path / "a.unet")
        assert loaded.header == trained.header
        assert loaded.weights.keys() == trained.weights.keys()
        for name, value in trained.weights.items():
            assert torch.equal(loaded.weights[name], value)

    def test_predicts_the_same(self, tmp_path, trained, discs):
        trained.save(str(tmp_path / "a.unet"))
        loaded = nu.load_model(str(tmp_path / "a.unet"))
        expected = nu.predict_probabilities(trained, discs.image, device="cpu")
        found = nu.predict_probabilities(loaded, discs.image, device="cpu")
        np.testing.assert_array_equal(found, expected)

    def test_the_file_tells_what_the_model_is(self, trained):
        header = Model.from_bytes(trained.to_bytes()).header
        (record,) = header.history
        assert header.scaling.way == "automatic"
        assert len(header.scaling.reference) == 1
        assert [entry.name for entry in header.classes] == ["background", "class 2"]
        assert record.steps == 80
        assert record.labelled_pixels.keys() == {1, 2}
        assert record.versions.keys() == {
            "python",
            "napari-unet-live",
            "torch",
            "numpy",
            "scikit-learn",
        }
        assert [point.step for point in record.curve] == [25, 50, 75, 80]

    def test_holds_no_pickle(self, trained):
        """Its length, JSON and the weights are all there is, to the last byte."""
        data = trained.to_bytes()
        (length,) = struct.unpack("<Q", data[:8])
        json.loads(data[8 : 8 + length])
        floats = sum(value.numel() for value in trained.weights.values())
        assert len(data) == 8 + length + 4 * floats

    def test_is_loaded_without_pickle(self, tmp_path, monkeypatch):
        def fail(*args, **kwargs):
            raise AssertionError("a pickle was loaded")

        for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler")):
            monkeypatch.setattr(module, name, fail)
        monkeypatch.setattr(torch, "load", fail)
        MODEL.save(tmp_path / "a.unet")
        load_model(tmp_path / "a.unet")


class TestNetwork:
    def test_is_a_new_one_each_time(self):
        one, other = MODEL.network(), MODEL.network()
        with torch.no_grad():
            one.head.weight.fill_(9)
        assert not torch.equal(one.head.weight, other.head.weight)
        assert not torch.equal(one.head.weight, MODEL.weights["head.weight"])

    def test_grows_the_last_layer_and_keeps_the_rest(self):
        grown = MODEL.network(5).state_dict()
        for name, value in MODEL.weights.items():
            assert torch.equal(grown[name][: len(value)], value)
        assert grown["head.weight"].shape[0] == 5
        assert (grown["head.weight"][2:] != 0).all()

    def test_for_prediction_is_made_once_a_device(self):
        cpu = torch.device("cpu")
        assert MODEL.prediction_network(cpu) is MODEL.prediction_network(cpu)

    @pytest.mark.parametrize(("ids", "dtype"), [((0, 1), "u1"), ((1, 255), "u1"), ((1, 256), "u2")])
    def test_class_ids_have_the_smallest_type_that_holds_them(self, ids, dtype):
        found = random_model(small_network(), ids=ids).class_ids
        assert found.dtype == dtype
        assert found.tolist() == list(ids)


class TestBadFiles:
    @pytest.mark.parametrize("content", [b"", b"hello", bytes(10_000), b"\x93NUMPY" + bytes(200)])
    def test_a_file_that_is_no_model_says_so_by_name(self, tmp_path, content):
        (tmp_path / "a.unet").write_bytes(content)
        with pytest.raises(InvalidModel, match=r"a\.unet: this is not a napari-unet model"):
            load_model(tmp_path / "a.unet")

    def test_the_safetensors_of_somebody_else_are_no_model(self):
        for metadata in (None, {"format": "pt"}):
            with pytest.raises(InvalidModel, match="not a napari-unet model"):
                Model.from_bytes(save_tensors(dict(MODEL.weights), metadata=metadata))

    def test_a_missing_file_and_a_folder_cannot_be_read(self, tmp_path):
        for path in (tmp_path / "no.unet", tmp_path):
            with pytest.raises(UnreadableFile, match="cannot be read"):
                load_model(path)

    @pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.999])
    def test_a_file_that_is_cut_off_is_refused(self, share):
        with pytest.raises(InvalidModel):
            Model.from_bytes(DATA[: int(share * len(DATA))])

    def test_a_newer_file_says_what_to_update(self):
        with pytest.raises(InvalidModel, match=r"newer version.*update napari-unet"):
            Model.from_bytes(edited(format_version=99))

    def test_a_description_of_another_network_is_found_out(self):
        network = MODEL.header.network.model_dump() | {"base_channels": 1024, "depth": 7}
        with pytest.raises(InvalidModel, match="do not fit its own description"):
            Model.from_bytes(edited(network=network))

    @pytest.mark.parametrize("change", ["missing", "extra", "shape", "half", "integer"])
    def test_weights_of_another_shape_or_kind_are_refused(self, change):
        weights = dict(MODEL.weights)
        if change == "missing":
            del weights["head.bias"]
        elif change == "extra":
            weights["more"] = torch.zeros(1)
        else:
            bias = weights["head.bias"]
            others = {"shape": bias[:1], "half": bias.half(), "integer": bias.int()}
            weights["head.bias"] = others[change]
        with pytest.raises(InvalidModel, match="do not fit its own description"):
            Model.from_bytes(file_with(weights))

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_not_finite_are_refused(self, value):
        weights = {name: tensor.clone() for name, tensor in MODEL.weights.items()}
        weights["head.bias"][0] = value
        with pytest.raises(InvalidModel, match="NaN or infinite weights"):
            Model.from_bytes(file_with(weights))

    @settings(deadline=None, max_examples=200)
    @given(st.lists(st.tuples(st.integers(0, 4000), st.integers(1, 255)), min_size=1, max_size=4))
    def test_flipped_bytes_load_or_are_refused_but_never_crash(self, flips):
        """The first 4000 bytes are lengths and descriptions; the rest are weights."""
        data = bytearray(DATA)
        for position, bits in flips:
            data[position] ^= bits
        try:
            model = Model.from_bytes(bytes(data))
        except UserError as error:
            assert "\n" not in str(error)
        else:
            assert model.weights.keys() == MODEL.weights.keys()

    @settings(deadline=None, max_examples=50)
    @given(st.integers(4000, len(DATA) - 1), st.integers(1, 255))
    def test_so_are_flipped_weights(self, position, bits):
        data = bytearray(DATA)
        data[position] ^= bits
        try:
            Model.from_bytes(bytes(data))
        except UserError:
            return

    @given(st.binary(max_size=300))
    def test_any_bytes_are_refused(self, data):
        with pytest.raises(InvalidModel):
            Model.from_bytes(data)


class TestSave:
    @pytest.mark.fault("full disk")
    def test_a_write_that_fails_leaves_the_old_model(self, tmp_path, monkeypatch):
        path = tmp_path / "a.unet"
        MODEL.save(path)

        def fail(*args):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(os, "replace", fail)
        with pytest.raises(UnwritableOutput, match="No space left"):
            random_model(small_network()).save(path)
        assert path.read_bytes() == DATA
        assert os.listdir(tmp_path) == ["a.unet"]

    def test_the_same_model_gives_the_same_bytes(self):
        assert MODEL.to_bytes() == DATA

    def test_models_can_be_compared_and_hashed(self):
        """By what they are, not by their weights: events that carry them are compared too."""
        assert MODEL == MODEL
        assert Model.from_bytes(DATA) != MODEL
        assert len({MODEL, MODEL}) == 1
