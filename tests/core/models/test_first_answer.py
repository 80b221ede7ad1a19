"""The answer before any training of a network, and a model that keeps it."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet import predict_probabilities
from napari_unet.core.forest.filter_blocks import FilterBlocks
from napari_unet.core.forest.random_forest import fit_forest
from napari_unet.core.images.box import Tile
from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.models.first_answer import FirstAnswer
from napari_unet.core.models.header import ModelHeader
from napari_unet.core.models.model import Model
from napari_unet.core.models.starter import starter_weights
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.unet import UNet
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.errors import InvalidModel

CPU = torch.device("cpu")


def image_of(channels: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    shape = (channels, 90, 110) if channels > 1 else (90, 110)
    return rng.integers(0, 200, shape).astype(np.uint16)


def model_of(channels: int, n_classes: int, share: float) -> Model:
    """A forest fitted on noise, the starter, and a network with random weights."""
    rng = np.random.default_rng(1)
    blocks = FilterBlocks(image_of(channels).reshape(channels, 90, 110))
    values = blocks.at(rng.integers(0, 90, 300), rng.integers(0, 110, 300))
    forest = fit_forest(values, rng.integers(0, n_classes, 300), n_classes, seed=0, trees=5)
    config = PRESETS["compact"].network(channels, n_classes)
    torch.manual_seed(0)
    state = UNet(config).state_dict().items()
    header = ModelHeader(
        network=config,
        preset="compact",
        label_kind="scribbles",
        classes=describe_classes(range(1, n_classes + 1), "scribbles"),
        network_share=share,
    )
    weights = {name: value for name, value in state if value.is_floating_point()}
    return Model(header, weights, FirstAnswer(forest, starter_weights(channels), channels))


@pytest.mark.parametrize(("channels", "n_classes"), [(1, 2), (3, 2), (1, 3)])
def test_tiles_agree_with_the_whole(channels, n_classes):
    model, image = model_of(channels, n_classes, 0.5), image_of(channels)
    whole = predict_probabilities(model, image, device="cpu")
    tiled = predict_probabilities(model, image, tile=32, device="cpu")
    np.testing.assert_allclose(tiled, whole, atol=1e-4)
    np.testing.assert_allclose(whole.sum(axis=0), 1, atol=1e-5)


def test_the_answer_lies_between_its_two_parts():
    model, image = model_of(1, 2, 0.25), image_of(1)
    tile = Tile((0, 90), (0, 110))
    first, network, mixed = (
        Answers(model, image[None], device=CPU, dtype=torch.float32, share=share).probabilities(
            tile
        )
        for share in (0.0, 1.0, None)
    )
    np.testing.assert_allclose(mixed, 0.75 * first + 0.25 * network, atol=1e-5)


def test_a_file_keeps_it():
    model, image = model_of(1, 3, 0.5), image_of(1)
    again = Model.from_bytes(model.to_bytes())
    assert again.header == model.header
    np.testing.assert_allclose(
        predict_probabilities(again, image, device="cpu"),
        predict_probabilities(model, image, device="cpu"),
        atol=1e-6,
    )


def test_a_model_without_it_needs_no_forest():
    assert FirstAnswer.taken_from({}, 1, 2) is None


def test_refuses_a_starter_that_does_not_fit():
    tensors = model_of(1, 2, 0.5).first.tensors()
    tensors["starter.head.bias"] = torch.full((2,), torch.nan).half()
    with pytest.raises(InvalidModel, match="starter"):
        FirstAnswer.taken_from(dict(tensors), 1, 2)
    del tensors["starter.head.bias"]
    with pytest.raises(InvalidModel, match="starter"):
        FirstAnswer.taken_from(dict(tensors), 1, 2)


def test_refuses_a_forest_of_other_classes():
    tensors = model_of(1, 2, 0.5).first.tensors()
    with pytest.raises(InvalidModel, match="forest"):
        FirstAnswer.taken_from(dict(tensors), 1, 3)


def test_classes_may_come_in_any_order():
    """The guided network looks for one class at a time: permuted guides, permuted answers."""
    config = PRESETS["compact"].network(1, 3, guided=True)
    network = UNet(config)
    state = network.state_dict() | starter_weights(1)
    network.load_state_dict(state)
    network.eval()
    x = torch.randn(1, 4, 32, 32, generator=torch.Generator().manual_seed(0))
    order = [2, 0, 1]
    with torch.inference_mode():
        found = network(x, padded=True)
        permuted = network(torch.cat([x[:, :1], x[:, 1:][:, order]], dim=1), padded=True)
    assert found.shape == (1, 3, 32, 32)
    torch.testing.assert_close(permuted, found[:, order])


def test_refuses_a_model_whose_own_network_would_need_a_forest():
    model = model_of(1, 2, 0.5)
    guided = model.header.network.model_copy(update={"guided": True})
    header = model.header.model_copy(update={"network": guided})
    with pytest.raises(InvalidModel, match="forest's answer"):
        Model.from_bytes(Model(header, model.weights, model.first).to_bytes())
