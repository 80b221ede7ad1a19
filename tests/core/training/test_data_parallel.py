from __future__ import annotations

import copy
from types import SimpleNamespace

import pytest
import torch

from napari_unet.core.network.unet import UNet
from napari_unet.core.training.data_parallel import Replicas, _Pace
from napari_unet.core.training.loss import weighted_cross_entropy
from napari_unet.core.training.patch_sampler import Batch
from scenes import small_network

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def batch_of(count: int) -> Batch:
    """Patches of which the last ones have less weight, as where less is labelled."""
    draws = torch.Generator().manual_seed(0)
    weights = torch.rand(count, 16, 16, generator=draws)
    weights *= torch.linspace(1, 0.1, count)[:, None, None]
    return Batch(
        images=torch.randn(count, 1, 16, 16, generator=draws),
        classes=torch.randint(2, (count, 16, 16), generator=draws),
        weights=weights,
    )


def replicas_of(network: UNet, batch: int = 4) -> Replicas:
    return Replicas(network, batch=batch, device=CPU, dtype=torch.float32, seed=0)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_the_gradient_is_that_of_the_whole_batch(count):
    network = UNet(small_network(batch_norm=False))
    plain, batch = copy.deepcopy(network), batch_of(count)
    replicas = replicas_of(network)
    found = replicas.backward(batch)
    replicas.close()
    loss = weighted_cross_entropy(plain(batch.images, padded=True), batch.classes, batch.weights)
    loss.backward()
    torch.testing.assert_close(found, loss.detach())
    for own, expected in zip(network.parameters(), plain.parameters(), strict=True):
        torch.testing.assert_close(own.grad, expected.grad)


def test_the_copies_follow_the_weights():
    """The second loss is that of the changed weights, in every part."""
    network = UNet(small_network(batch_norm=False))
    replicas, batch = replicas_of(network), batch_of(4)
    replicas.backward(batch)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(0.5)
    found = replicas.backward(batch)
    replicas.close()
    logits = network(batch.images, padded=True)
    torch.testing.assert_close(
        found, weighted_cross_entropy(logits, batch.classes, batch.weights).detach()
    )


def test_running_statistics_are_the_mean_of_the_parts():
    network = UNet(small_network())
    alone = [copy.deepcopy(network).train() for _ in range(2)]
    batch = batch_of(4)
    replicas = replicas_of(network)
    replicas.backward(batch)
    replicas.close()
    for part, other in enumerate(alone):
        other(batch.images[2 * part : 2 * part + 2], padded=True)
    name = "contracting.0.norms.0.running_var"
    expected = (alone[0].state_dict()[name] + alone[1].state_dict()[name]) / 2
    torch.testing.assert_close(network.state_dict()[name], expected)


def test_statistics_that_are_set_back_stay_so():
    """After a step that is undone no copy brings its spoilt statistics back."""
    network = UNet(small_network())
    before = copy.deepcopy(network.state_dict())
    replicas, batch = replicas_of(network), batch_of(4)
    spoilt = Batch(torch.full_like(batch.images, torch.inf), batch.classes, batch.weights)
    assert not torch.isfinite(replicas.backward(spoilt))
    network.load_state_dict(before)
    assert torch.isfinite(replicas.backward(batch))
    replicas.close()
    assert all(torch.isfinite(value).all() for value in network.state_dict().values())


def test_the_result_does_not_depend_on_how_many_threads_work():
    gradients = []
    for workers in (1, 2):
        torch.manual_seed(0)
        config = small_network().model_copy(update={"dropout": 0.5})
        network = UNet(config)
        replicas = replicas_of(network)
        replicas._pace = SimpleNamespace(workers=workers, note=lambda seconds: None)
        for _ in range(3):
            replicas.backward(batch_of(4))
        replicas.close()
        gradients.append([parameter.grad for parameter in network.parameters()])
    assert all(torch.equal(one, two) for one, two in zip(*gradients, strict=True))


def test_an_error_in_a_part_is_raised_when_all_have_ended():
    network = UNet(small_network())
    replicas, batch = replicas_of(network), batch_of(4)
    with pytest.raises(RuntimeError):
        replicas.backward(Batch(batch.images[..., :7], batch.classes, batch.weights))
    assert torch.isfinite(replicas.backward(batch))
    replicas.close()


class TestPace:
    @staticmethod
    def run(seconds: dict[int, float], steps: int, most: int = 2) -> list[int]:
        """Return the workers of each step, where a step takes so long with so many."""
        pace, chosen = _Pace(most), []
        for _ in range(steps):
            chosen.append(pace.workers)
            pace.note(seconds[pace.workers])
        return chosen

    def test_stays_with_all_workers_where_they_are_faster(self):
        chosen = self.run({1: 2.0, 2: 1.0}, 400)
        assert chosen[:20] == [2] * 20
        assert chosen.count(1) <= 10

    def test_goes_over_to_one_where_that_is_faster_and_back_again(self):
        chosen = self.run({1: 1.0, 2: 2.0}, 100)
        assert chosen[20:40] == [1] * 20
        assert chosen[40:].count(2) <= 4

    def test_has_no_choice_with_one_worker(self):
        assert self.run({1: 1.0}, 100, most=1) == [1] * 100
