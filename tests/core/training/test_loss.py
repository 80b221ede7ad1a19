from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.training.loss import class_balance, weighted_cross_entropy


def logits_of(probabilities) -> torch.Tensor:
    """Return logits (1, K, 1, N) whose softmax is (N, K) ``probabilities``."""
    return torch.tensor(probabilities, dtype=torch.float64).log().T[None, :, None]


class TestWeightedCrossEntropy:
    """Ronneberger et al. 2015, section 3: the softmax and equation 1."""

    def test_is_the_weighted_mean_of_minus_log_p_by_hand(self):
        """Three pixels with p of the true class 1/2, 1/4 and 1/8, and w = 1, 10 and 3.

        E = (1 * log 2 + 10 * log 4 + 3 * log 8) / 14 = (1 + 20 + 9) * log 2 / 14.
        """
        logits = logits_of([[0.5, 0.5], [0.75, 0.25], [0.125, 0.875]])
        classes = torch.tensor([[[0, 1, 0]]])
        weights = torch.tensor([[[1.0, 10.0, 3.0]]])
        loss = weighted_cross_entropy(logits, classes, weights)
        assert loss.item() == pytest.approx(30 * math.log(2) / 14)

    @given(st.integers(0, 10**6))
    def test_is_the_softmax_and_the_sum_of_equation_1_written_out(self, seed):
        """p_k = exp(a_k) / sum exp(a_k'), E = sum w log p_l, pixel by pixel.

        The sign is turned, since E is to be as large as it can be, and E is divided by the sum of
        the weights.
        """
        rng = np.random.default_rng(seed)
        activations = rng.normal(scale=3, size=(2, 3, 4, 5))
        labels = rng.integers(3, size=(2, 4, 5))
        weights = rng.uniform(0.1, 12, size=(2, 4, 5))
        energy = 0.0
        for image, row, column in np.ndindex(2, 4, 5):
            a = activations[image, :, row, column]
            p = math.exp(a[labels[image, row, column]]) / sum(math.exp(value) for value in a)
            energy += weights[image, row, column] * math.log(p)
        found = weighted_cross_entropy(*map(torch.from_numpy, (activations, labels, weights)))
        assert found.item() == pytest.approx(-energy / weights.sum(), rel=1e-5)

    def test_does_not_depend_on_the_number_of_pixels_or_the_unit_of_the_weights(self):
        logits = torch.randn(2, 3, 5, 5)
        classes = torch.randint(3, (2, 5, 5))
        weights = torch.rand(2, 5, 5)
        once = weighted_cross_entropy(logits, classes, weights)
        twice = weighted_cross_entropy(*(torch.cat([t, t]) for t in (logits, classes, weights)))
        torch.testing.assert_close(once, twice)
        torch.testing.assert_close(once, weighted_cross_entropy(logits, classes, 7 * weights))

    def test_pixels_of_weight_0_have_no_influence_whatever(self):
        """Neither on the loss nor on the gradient, to the last bit."""
        generator = torch.Generator().manual_seed(0)
        logits = torch.randn(2, 3, 8, 9, generator=generator)
        classes = torch.randint(3, (2, 8, 9), generator=generator)
        weights = torch.rand(2, 8, 9, generator=generator)
        unlabelled = torch.rand(2, 8, 9, generator=generator) < 0.7
        weights[unlabelled] = 0

        def loss_and_gradient(logits, classes):
            logits = logits.clone().requires_grad_()
            loss = weighted_cross_entropy(logits, classes, weights)
            loss.backward()
            return loss.detach(), logits.grad

        loss, gradient = loss_and_gradient(logits, classes)
        other_logits = torch.where(unlabelled[:, None], 50 * torch.randn(2, 3, 8, 9), logits)
        other_classes = torch.where(unlabelled, (classes + 1) % 3, classes)
        other_loss, other_gradient = loss_and_gradient(other_logits, other_classes)
        assert torch.equal(loss, other_loss)
        assert torch.equal(gradient, other_gradient)
        assert (gradient.movedim(1, -1)[unlabelled] == 0).all()
        assert (gradient.movedim(1, -1)[~unlabelled] != 0).all()

    def test_without_any_weight_it_is_0_and_teaches_nothing(self):
        logits = torch.randn(1, 2, 3, 3, requires_grad=True)
        loss = weighted_cross_entropy(
            logits, torch.zeros(1, 3, 3, dtype=torch.long), torch.zeros(1, 3, 3)
        )
        loss.backward()
        assert loss.item() == 0
        assert (logits.grad == 0).all()

    def test_is_float32_for_logits_in_half_precision(self):
        logits = torch.randn(1, 2, 3, 3).bfloat16()
        loss = weighted_cross_entropy(
            logits, torch.zeros(1, 3, 3, dtype=torch.long), torch.ones(1, 3, 3)
        )
        assert loss.dtype == torch.float32


counts = st.lists(st.integers(0, 10**7), min_size=2, max_size=6).filter(any)


class TestClassBalance:
    """Ronneberger et al. 2015, equation 2: w_c "balances the class frequencies"."""

    def test_gives_each_class_the_same_share_of_the_loss(self):
        count = torch.tensor([100.0, 300.0, 600.0])
        share = count * class_balance(count, exponent=1.0)
        torch.testing.assert_close(share, torch.full((3,), 1000 / 3))

    @given(counts, st.sampled_from([0.0, 0.5, 1.0]))
    def test_has_mean_1_over_the_labelled_pixels(self, count, exponent):
        count = torch.tensor(count, dtype=torch.float64)
        balance = class_balance(count, exponent=exponent)
        assert (balance * count).sum().item() == pytest.approx(count.sum().item(), rel=1e-4)

    @given(counts, st.sampled_from([0.0, 0.5, 1.0]))
    def test_the_rarer_the_heavier_up_to_20_times(self, count, exponent):
        count = torch.tensor(count, dtype=torch.float64)
        balance = class_balance(count, exponent=exponent)
        present = balance[count > 0]
        assert (balance[count == 0] == 0).all()
        assert present.max() <= 20.001 * present.min()
        order = torch.argsort(count[count > 0])
        assert (present[order].diff() <= 1e-6).all()

    def test_exponent_0_does_not_balance(self):
        balance = class_balance(torch.tensor([5.0, 5000.0]), exponent=0.0)
        torch.testing.assert_close(balance, torch.ones(2))
