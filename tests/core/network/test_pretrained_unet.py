"""The U-Net on the pretrained encoder: what its output depends on, and what it begins with."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import napari_unet as nu
from napari_unet.core.images.lazy_plane import intensities_of
from napari_unet.core.images.normalise import rescale
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.networks import drawn
from napari_unet.core.network.pretrained import pretrained_encoder, pretrained_refiner
from napari_unet.core.network.pretrained_config import PretrainedConfig
from scenes import random_model

CONFIG = PretrainedConfig(in_channels=1, n_classes=2)


@pytest.fixture(scope="module")
def model():
    return random_model(CONFIG)


def test_begins_with_what_the_encoder_has_learnt():
    config = PRESETS["pretrained"].network(2, 3)
    network = drawn(config, seed=4)
    known = pretrained_encoder(2).state_dict()
    assert all(torch.equal(known[k], v) for k, v in network.encoder.state_dict().items())
    known = pretrained_refiner().state_dict()
    assert all(torch.equal(known[k], v) for k, v in network.refiner.state_dict().items())
    again, other = drawn(config, seed=4), drawn(config, seed=5)
    assert torch.equal(again.head.weight, network.head.weight)
    assert not torch.equal(other.head.weight, network.head.weight)


@torch.no_grad()
def test_an_output_depends_on_the_margin_and_on_nothing_beyond():
    network = drawn(CONFIG, seed=0).eval()
    margin = CONFIG.margins[-1]
    image = torch.rand(1, 1, 16 + 2 * margin, 16 + 2 * margin)
    around = torch.nn.functional.pad(image, (64, 64, 64, 64), value=1.5)
    middle = (slice(margin, margin + 16),) * 2
    found, inside = network(image, output=middle), network(around)[..., 64:-64, 64:-64]
    assert found.shape == (1, 2, 16, 16)
    torch.testing.assert_close(found, inside[:, :, *middle], atol=1e-5, rtol=0)
    image[..., :32, :] = 0
    assert not torch.equal(network(image, output=middle), found)


@pytest.mark.parametrize(
    ("rows", "columns"),
    [((0, 16), (0, 64)), ((16, 48), (304, 320)), ((288, 608), (0, 16)), ((592, 608), (0, 320))],
)
@torch.no_grad()
def test_a_part_of_the_output_is_as_of_all_of_it(rows, columns):
    network = drawn(CONFIG, seed=1).eval()
    image, part = torch.rand(1, 1, 608, 320), (slice(*rows), slice(*columns))
    whole = network(image)
    assert whole.shape == (1, 2, 608, 320)
    torch.testing.assert_close(network(image, output=part), whole[:, :, *part], atol=1e-5, rtol=0)


@torch.no_grad()
def test_predicts_what_one_pass_over_the_image_says(model, rng):
    image = rng.normal(size=(96, 80)).astype(np.float32)
    found = nu.predict_probabilities(model, image, device="cpu")
    scaled = rescale(image[None], model.header.scaling.of(intensities_of(image[None])))
    network = model.prediction_network(torch.device("cpu"))
    wanted = network(torch.from_numpy(scaled)[None])[0].softmax(dim=0)
    np.testing.assert_allclose(found, wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("shape", "tile"),
    [
        ((97, 130), 48),
        ((1, 2), 16),
        ((1, 37), 16),
        ((2, 3), 16),
        ((33, 64), 32),
        ((340, 611), 192),
    ],
)
def test_tiled_equals_whole(model, rng, shape, tile):
    image = rng.normal(size=shape).astype(np.float32)
    whole = nu.predict_probabilities(model, image, tile=4096, device="cpu")
    tiled = nu.predict_probabilities(model, image, tile=tile, device="cpu")
    assert whole.shape == (2, *shape) and np.isfinite(whole).all()
    np.testing.assert_allclose(tiled, whole, atol=1e-5)


@pytest.mark.parametrize("channels", range(1, 9))
def test_of_any_number_of_channels_one_may_be_constant(rng, channels):
    model = random_model(PretrainedConfig(in_channels=channels, n_classes=3))
    image = rng.normal(size=(channels, 20, 35) if channels > 1 else (20, 35)).astype(np.float32)
    if channels > 1:
        image[0] = 7.0
    found = nu.predict_probabilities(model, image, device="cpu")
    assert found.shape == (3, 20, 35)
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
