"""What MONAI does, see :mod:`benchmarks.versus.worker`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch
from monai.data import CacheDataset, DataLoader
from monai.inferers import sliding_window_inference
from monai.networks.nets import BasicUNet
from monai.transforms import (
    Compose,
    Rand2DElasticd,
    RandFlipd,
    RandRotate90d,
    RandScaleIntensityd,
    RandShiftIntensityd,
    RandSpatialCropd,
)
from torch import Tensor

from benchmarks.versus.shared_network import (
    AFTER,
    BATCH,
    BEFORE,
    PaddedNetwork,
    Steps,
    fixed_batch,
    lesson,
    several,
)

_FEATURES = (16, 32, 64, 128, 256, 16)  # as wide as ours; a sixth more in the last level
_BOTH = ("image", "label")


def basic_unet() -> BasicUNet:
    """Return its U-Net of our widths, with our kinds of layers."""
    return BasicUNet(
        spatial_dims=2, in_channels=1, out_channels=2, features=_FEATURES, act="relu", norm="batch"
    )


def batches(side: int, patch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Crop and vary as ours does: positions, flips, turns, elastic deformation, grey values."""
    image, labels = lesson(side)
    item = {"image": image[None], "label": labels[None].astype(np.float32)}
    vary = Compose(
        [
            RandSpatialCropd(_BOTH, (patch, patch), random_size=False),
            Rand2DElasticd(
                _BOTH,
                spacing=(32, 32),
                magnitude_range=(0, 1),
                prob=1,
                mode=("bilinear", "nearest"),
                padding_mode="reflection",
            ),
            RandFlipd(_BOTH, prob=0.5),
            RandRotate90d(_BOTH, prob=0.5),
            RandScaleIntensityd("image", factors=0.2, prob=1),
            RandShiftIntensityd("image", offsets=0.1, prob=1),
        ]
    )
    loader = DataLoader(CacheDataset([item] * 64, vary, progress=False), batch_size=BATCH)
    while True:
        for batch in loader:
            yield batch["image"].as_tensor(), batch["label"][:, 0].as_tensor().long()


def train(side: int, patch: int, steps: int, *, bare: bool, bfloat16: bool) -> Callable[[], None]:
    """Make steps of a training of its U-Net; unless ``bare``, loading and augmentation included."""
    torch.manual_seed(0)
    given = fixed_batch(patch) if bare else batches(side, patch)
    return several(Steps(basic_unet(), given, bfloat16=bfloat16), steps)


class Predict:
    """Predict ``scaled.npy`` in sliding windows; (K, Y, X) probabilities.

    ``network`` is ``ours`` or ``its own``. With ``seamless`` windows overlap by twice the halo and
    only their insides count, and the image is mirrored at its borders, as ours is; otherwise with
    the overlap that it has unless told otherwise.
    """

    def __init__(
        self, folder: str, *, network: str, window: int, seamless: bool, bfloat16: bool
    ) -> None:
        self._image = np.load(Path(folder) / "scaled.npy")
        self._window = window
        self._around = (BEFORE, AFTER) if seamless else (0, 0)
        self._inside: Tensor | None = None
        if seamless:
            self._inside = torch.zeros(window, window)
            self._inside[BEFORE:-AFTER, BEFORE:-AFTER] = 1
        path = str(Path(folder) / "network.pt")
        self._network: Callable[[Tensor], Tensor] = PaddedNetwork(path, bfloat16=bfloat16)
        if network == "its own":
            own = basic_unet().eval().to(memory_format=torch.channels_last)
            self._network = lambda x: _probabilities(own, x, bfloat16=bfloat16)

    def __call__(self) -> np.ndarray:
        """Return float32."""
        before, context = self._around[0], sum(self._around)
        height, width = self._image.shape
        # Half a pixel less than the context: it rounds steps down.
        overlap = (context - 0.5) / self._window if context else 0.25
        with torch.inference_mode():
            x = torch.from_numpy(np.pad(self._image, self._around, mode="reflect"))[None, None]
            found = sliding_window_inference(
                x,
                (self._window, self._window),
                1,
                self._network,
                overlap=overlap,
                roi_weight_map=self._inside,
            )
        return found[0, :, before : before + height, before : before + width].numpy()


def _probabilities(network: BasicUNet, x: Tensor, *, bfloat16: bool) -> Tensor:
    x = x.contiguous(memory_format=torch.channels_last)
    with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
        logits = network(x)
    return logits.float().softmax(dim=1)


JOBS = {"train": train, "predict": Predict}
