"""What torch-em does, see :mod:`benchmarks.versus.worker`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from benchmarks.common.torchvision import import_torchvision
from benchmarks.versus.shared_network import (
    BATCH,
    BEFORE,
    HALO,
    PaddedNetwork,
    Steps,
    fixed_batch,
    lesson,
    several,
)

import_torchvision()
from torch_em import default_segmentation_loader  # noqa: E402
from torch_em.model import UNet2d  # noqa: E402
from torch_em.util.prediction import predict_with_halo  # noqa: E402


def batches(side: int, patch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Crop and vary as it does unless told otherwise: positions and flips."""
    image, labels = lesson(side)
    loader = default_segmentation_loader(
        [image], None, [labels], None, BATCH, (patch, patch), ndim=2, n_samples=64
    )
    while True:
        for images, classes in loader:
            yield images, classes[:, 0].long()


def train(side: int, patch: int, steps: int, *, bare: bool, bfloat16: bool) -> Callable[[], None]:
    """Make steps of a training of its U-Net; unless ``bare``, loading and augmentation included."""
    torch.manual_seed(0)
    network = UNet2d(in_channels=1, out_channels=2, depth=4, initial_features=16)
    given = fixed_batch(patch) if bare else batches(side, patch)
    return several(Steps(network, given, bfloat16=bfloat16), steps)


class Predict:
    """Predict ``scaled.npy`` in blocks with a halo, by our network; (K, Y, X) probabilities.

    Its halo is as wide on all sides, so that the first pixels are left out lest other pixels be
    pooled together. Where it then mirrors the image at other pixels than ours, it says NaN.
    """

    def __init__(self, folder: str, *, window: int, bfloat16: bool) -> None:
        self._image = np.load(Path(folder) / "scaled.npy")
        self._block = window - 2 * HALO
        self._network = PaddedNetwork(str(Path(folder) / "network.pt"), bfloat16=bfloat16)

    def __call__(self) -> np.ndarray:
        """Return float32."""
        found = np.full((self._network.out_channels, *self._image.shape), np.nan, np.float32)
        shift = HALO - BEFORE
        predict_with_halo(
            self._image[shift:, shift:],
            self._network,
            ["cpu"],
            (self._block, self._block),
            (HALO, HALO),
            output=found[:, shift:, shift:],
            preprocess=None,
            disable_tqdm=True,
        )
        for axis in (1, 2):
            edges = np.moveaxis(found, axis, 0)
            edges[: HALO + shift] = edges[-HALO:] = np.nan
        return found


JOBS = {"train": train, "predict": Predict}
