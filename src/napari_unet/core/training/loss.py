"""The loss: weighted pixel-wise softmax cross-entropy over labelled pixels."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

_LARGEST_CLASS_WEIGHT = 20.0


def weighted_cross_entropy(
    logits: Tensor, classes: Tensor, weights: Tensor, total: Tensor | None = None
) -> Tensor:
    """Return the mean of -log p over pixels, weighted by w(x).

    Ronneberger et al. 2015, equation 1 and the softmax before it (the paper's sign is a slip: its E
    = sum w log p is to be minimised as -E). The mean, rather than the sum, makes the step
    independent of how much is painted. Logits are (B, K, Y, X); classes (B, Y, X) int64, anything
    where the weight is 0; weights (B, Y, X) float, w(x), 0 where unlabelled. ``total`` is the sum
    of the weights of the whole batch, where these are a part of it. A float32 scalar; 0 if all
    weights are 0.
    """
    pixel = functional.cross_entropy(logits.float(), classes, reduction="none")  # (B, Y, X)
    total = weights.sum() if total is None else total
    return (pixel * weights).sum() / total.clamp_min(1e-6)


def class_balance(counts: Tensor, *, exponent: float) -> Tensor:
    """Return w_c of Ronneberger et al. 2015, equation 2: the weight that balances the classes.

    (K,) labelled pixels of each class give (K,) float32, proportional to counts ** -exponent (1
    balances fully, 0 not at all), with mean 1 over the labelled pixels, capped at 20 times the
    smallest; 0 for a class without pixels.
    """
    present = counts > 0
    inverse = torch.where(present, counts.clamp_min(1) ** -exponent, torch.zeros(())).float()
    lowest = inverse[present].min()
    inverse = inverse.clamp_max(_LARGEST_CLASS_WEIGHT * lowest)
    return inverse * counts.sum() / (inverse * counts).sum()
