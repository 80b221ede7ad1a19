from __future__ import annotations

import pytest
import torch

from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.optimizer import new_optimizer, rate_factor
from scenes import small_network


def test_unet2015_is_trained_with_a_momentum_of_099():
    """Ronneberger et al. 2015, section 3: "we use a high momentum (0.99)"."""
    optimizer = new_optimizer(UNet(small_network()), PRESETS["unet2015"])
    assert isinstance(optimizer, torch.optim.SGD)
    assert optimizer.param_groups[0]["momentum"] == 0.99


def test_compact_is_trained_with_adamw():
    optimizer = new_optimizer(UNet(small_network()), PRESETS["compact"])
    assert isinstance(optimizer, torch.optim.AdamW)


def test_the_rate_warms_up_and_falls_to_a_hundredth():
    warm_up = [rate_factor(0.0, steps) for steps in range(20)]
    assert warm_up == pytest.approx([(step + 1) / 20 for step in range(20)])
    rest = [rate_factor(progress / 100, 1000) for progress in range(101)]
    assert rest[0] == 1
    assert rest[50] == pytest.approx(0.505)
    assert rest[100] == pytest.approx(0.01)
    assert rest == sorted(rest, reverse=True)
