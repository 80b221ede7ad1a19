from __future__ import annotations

import pytest
import torch

from napari_unet.core.network.unet import UNet
from napari_unet.core.training.weight_average import AveragedWeights
from scenes import small_network


def fill(network: UNet, value: float) -> None:
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.fill_(value)


def test_equals_the_weighted_mean_by_hand():
    """Decays 1 / 10, 2 / 11, 3 / 12, so that the random start is forgotten quickly."""
    network = UNet(small_network())
    fill(network, 0.0)
    average = AveragedWeights(network)
    expected = 0.0
    for update, value in enumerate((4.0, 8.0, -2.0), start=1):
        fill(network, value)
        average.update(network)
        decay = update / (update + 9)
        expected = decay * expected + (1 - decay) * value
    for tensor in average.state().values():
        torch.testing.assert_close(tensor, torch.full_like(tensor, expected))


def test_the_decay_ends_at_098():
    network = UNet(small_network())
    fill(network, 0.0)
    average = AveragedWeights(network)
    for _ in range(600):
        average.update(network)
    fill(network, 1.0)
    average.update(network)
    assert next(iter(average.state().values())).flatten()[0].item() == pytest.approx(0.02)


def test_running_statistics_are_averaged_too():
    network = UNet(small_network())
    average = AveragedWeights(network)
    with torch.no_grad():
        network.train()(5 + torch.randn(2, 1, 16, 16), padded=True)
    average.update(network)
    name = "contracting.0.norms.0.running_mean"
    assert not torch.equal(average.state()[name], torch.zeros(4))


def test_the_state_is_a_copy_on_the_cpu_in_float32():
    network = UNet(small_network())
    average = AveragedWeights(network)
    state = average.state()
    before = {name: tensor.clone() for name, tensor in state.items()}
    fill(network, 3.0)
    average.update(network)
    for name, tensor in state.items():
        assert tensor.device.type == "cpu"
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, before[name])


def test_the_average_can_be_gone_back_to():
    network = UNet(small_network())
    average = AveragedWeights(network)
    fill(network, float("nan"))
    average.copy_to(network)
    assert all(torch.isfinite(tensor).all() for tensor in network.state_dict().values())
    assert not average.network.training
