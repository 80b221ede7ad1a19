"""The refiner: can learn, and is tile by tile as of the whole."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional

from napari_unet.core.network.encoder import fill_up, window
from napari_unet.core.network.pretrained import pretrained_encoder
from napari_unet.core.network.pretrained_config import PretrainedConfig
from napari_unet.core.network.refiner import Refiner


def random_refiner() -> Refiner:
    """An untrained refiner."""
    torch.manual_seed(0)
    return Refiner().eval().requires_grad_(False)


def answer(refiner: Refiner, image: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return refiner(image, pretrained_encoder(3)(image), guide)


def test_what_is_wrong_reaches_every_layer_from_the_first_step_on():
    image, guide = torch.rand(1, 3, 32, 48), torch.randn(1, 1, 32, 48)
    torch.manual_seed(0)
    refiner = Refiner()
    with torch.no_grad():
        taps = pretrained_encoder(3)(image)
    found = refiner(image, taps, guide)
    assert found.shape == guide.shape
    functional.softplus(found).mean().backward()
    for parameter in refiner.parameters():
        assert parameter.grad is not None and parameter.grad.abs().max() > 1e-6


def test_the_classes_of_one_image_at_once_are_those_one_by_one():
    image, guides = torch.rand(1, 3, 32, 32), torch.randn(3, 1, 32, 32)
    refiner = random_refiner()
    together = answer(refiner, image, guides)
    for found, guide in zip(together, guides, strict=True):
        alone = answer(refiner, image, guide[None])[0]
        torch.testing.assert_close(found, alone, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("place", [0, 320, 641])
def test_a_window_gives_what_the_whole_gives(place):
    generator = torch.Generator().manual_seed(1)
    image = torch.rand(1, 3, 673, 32, generator=generator)
    guide = torch.randn(1, 1, 673, 32, generator=generator)
    refiner, stop = random_refiner(), min(place + 32, 673)
    whole = answer(refiner, fill_up(image), fill_up(guide))
    begin, end = window(place, stop, 673, PretrainedConfig.margins[-1])
    part = answer(refiner, fill_up(image[:, :, begin:end]), fill_up(guide[:, :, begin:end]))
    found = part[:, :, place - begin : stop - begin]
    torch.testing.assert_close(found, whole[:, :, place:stop], rtol=0, atol=1e-5)


def test_bfloat16_is_about_the_same():
    image, guide = torch.rand(1, 3, 64, 64), torch.randn(1, 1, 64, 64)
    refiner = random_refiner()
    exact = answer(refiner, image, guide)
    with torch.autocast("cpu", torch.bfloat16):
        found = answer(refiner, image, guide)
    assert (found - exact).abs().mean() < 0.05 * exact.abs().mean()
