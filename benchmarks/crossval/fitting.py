"""The training loop of the baselines: the same time as the U-Net, Adam, half a cosine."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common.clocks import Clock
from benchmarks.crossval.data import IGNORED
from benchmarks.crossval.results import Point, Training
from napari_unet.core.network.device import computing, describe, fast_dtype

_RATE = 1e-3
_WARM_UP_STEPS = 20
_POINTS = 40  # of the learning curve


def fit(
    network: nn.Module,
    draw: Callable[[], tuple[Tensor, Tensor]],
    class_weights: Tensor,
    *,
    device: torch.device,
    start: float,
    seconds: float,
    clock: Clock,
) -> Training:
    """Train a network until the time is over, one step at least; its last weights count.

    Parameters
    ----------
    network
        On the device; maps (B, C, Y, X) to (B, K, Y', X').
    draw
        Gives a batch of images and of (B, Y', X') classes.
    class_weights
        (K,) float32, weight of a pixel of each class.
    device
        Where it computes.
    start, seconds, clock
        When the time began, how long it is, and by which clock.
    """
    dtype = fast_dtype(device)
    weights = class_weights.to(device)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=1e-4)
    network.train()
    steps = 0
    losses: list[float] = []
    curve: list[Point] = []
    spent = clock() - start
    while steps == 0 or spent < seconds:
        rate = _RATE * min(1.0, (steps + 1) / _WARM_UP_STEPS)
        rate *= 0.5 * (1 + math.cos(math.pi * min(1.0, spent / seconds)))
        for group in optimizer.param_groups:
            group["lr"] = rate
        images, classes = draw()
        with computing(device, dtype):
            logits = network(images)
        loss = functional.cross_entropy(
            logits.float(), classes, weight=weights, ignore_index=IGNORED
        )
        optimizer.zero_grad(set_to_none=True)
        if torch.isfinite(loss):  # not where no pixel of the batch is known
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        steps += 1
        spent = clock() - start
        last = curve[-1].seconds if curve else 0.0
        if losses and (spent - last >= seconds / _POINTS or spent >= seconds):
            curve.append(Point(steps, spent, float(np.mean(losses)), None))
            losses = []
    network.eval()
    parameters = sum(parameter.numel() for parameter in network.parameters())
    computed_on = f"{describe(device)}, {str(dtype).removeprefix('torch.')}"
    return Training(steps, spent, parameters, computed_on, curve=tuple(curve))
