"""What programs with torch are given: our network in a file, what to train on, and a loop."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_unet.core.network.config import UNetConfig
from napari_unet.core.network.unet import UNet

BEFORE, AFTER = 94, 98
"""Pixels before and after an output that a zero-padded pass of depth 4 has to be given.

The 92 that an unpadded one loses, and as many more as it takes to pool the same pixels together:
the largest windows of an unpadded pass begin 2 pixels after a multiple of 16.
"""
HALO = (BEFORE + AFTER) // 2
BATCH = 4
LEARNING_RATE = 1e-3


def write_network(network: UNet, path: Path) -> None:
    """Write shape and weights."""
    torch.save({"config": network.config.model_dump_json(), "state": network.state_dict()}, path)


class PaddedNetwork(nn.Module):
    """The network of a file, for programs that want an output as large as the input.

    (B, 1, Y, X), sides multiples of 16, to (B, K, Y, X) probabilities; ``BEFORE`` and ``AFTER``
    pixels at the borders know too little.
    """

    def __init__(self, path: str, *, bfloat16: bool) -> None:
        super().__init__()
        kept = torch.load(path)
        config = UNetConfig.model_validate_json(kept["config"])
        self._bfloat16 = bfloat16
        self.network = UNet(config).eval().requires_grad_(False)
        self.network.load_state_dict(kept["state"])
        self.network.to(memory_format=torch.channels_last)
        self.out_channels = config.n_classes

    def forward(self, x: Tensor) -> Tensor:
        """Return probabilities."""
        x = x.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            logits = self.network(x, padded=True)
        return logits.float().softmax(dim=1)


def lesson(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Return what is trained on: (side, side) float32 noise and uint8 labels of two classes."""
    rng = np.random.default_rng(0)
    image = rng.random((side, side), dtype=np.float32)
    return image, (rng.random((side, side)) > 0.9).astype(np.uint8)


def fixed_batch(patch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Return one batch again and again."""
    image, labels = lesson(2 * patch)
    corners = [(row, column) for row in (0, patch) for column in (0, patch)]
    parts = [(slice(row, row + patch), slice(column, column + patch)) for row, column in corners]
    images = torch.from_numpy(np.stack([image[part] for part in parts]))[:, None]
    classes = torch.from_numpy(np.stack([labels[part] for part in parts])).long()
    return repeat((images, classes))


class Steps:
    """The loop that users of other programs write: steps of AdamW, one a batch.

    ``batches`` yields images (B, 1, Y, X) and classes (B, Y, X) as long as it is asked.
    """

    def __init__(
        self, network: nn.Module, batches: Iterator[tuple[Tensor, Tensor]], *, bfloat16: bool
    ) -> None:
        self._network = network.to(memory_format=torch.channels_last)
        self._batches, self._bfloat16 = batches, bfloat16
        self._optimizer = torch.optim.AdamW(network.parameters(), lr=LEARNING_RATE)

    def __call__(self) -> None:
        """Make one step."""
        images, classes = next(self._batches)
        x = images.contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=self._bfloat16):
            logits = self._network(x)
        loss = nn.functional.cross_entropy(logits.float(), classes)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()


def several(steps: Callable[[], object], count: int) -> Callable[[], None]:
    """Return what makes so many steps."""

    def run() -> None:
        for _ in range(count):
            steps()

    return run
