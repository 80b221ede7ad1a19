"""A U-Net from random weights, trained as RootPainter trains.

After Smith et al. 2022 (New Phytologist 236:774-791) and the published program, written anew:

- a U-Net with group normalisation, also of the logits, and residual blocks, as many channels at
  each level; 16 instead of 64 (84 thousand weights), so that a step takes about as long as one of
  ours: 0.11 s against 0.13 s on one core in bfloat16;
- tiles drawn anywhere that holds some annotation, scaled to their own minimum and maximum before
  and after augmentation; batches of 4 x 160 x 160 instead of up to 12 x 572 x 572;
- logits multiplied by the mask of what is annotated, then Dice and 0.3 times cross-entropy over
  all pixels; with more than two classes, the mean Dice of those in the batch, under one softmax;
- SGD with a rate of 0.01 and Nesterov momentum 0.99; weights and momentum go on between rounds;
- elastic deformation, Gaussian noise, salt and pepper, brightness and contrast, each with
  probability 0.8, and flips from left to right;
- prediction by tiles that overlap, averaged with that of the mirrored image.

Left out: validation on images of their own, which two images do not allow; the last weights count.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common.clocks import Clock
from benchmarks.strokes.methods import own
from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.network.device import computing, fast_dtype, pick_device
from napari_unet.core.training.augment import displacements, plain_positions, sample

CHANNELS = 16
SIDE = 160
BATCH = 4
_LEVELS = 4
_MARGIN = 16  # pixels at a tile's edges that are not used
_TRIES = 200
_OFTEN = 0.8


def _block(
    inputs: int, outputs: int, layer: type[nn.Module] = nn.Conv2d, **options: int
) -> nn.Sequential:
    return nn.Sequential(
        layer(inputs, outputs, **(options or {"kernel_size": 3, "padding": 1})),
        nn.ReLU(),
        nn.GroupNorm(outputs // 2, outputs),
    )


class ResidualUNet(nn.Module):
    """A U-Net of four levels whose blocks add to what they are given."""

    def __init__(self, in_channels: int, n_classes: int, channels: int = CHANNELS) -> None:
        super().__init__()
        c = channels
        self.first = nn.Sequential(_block(in_channels, c), _block(c, c))
        self.down = nn.ModuleList(
            nn.Sequential(
                _block(c, 2 * c), _block(2 * c, 2 * c), nn.Conv2d(2 * c, c, 1, bias=False)
            )
            for _ in range(_LEVELS)
        )
        self.up = nn.ModuleList(
            _block(c, c, nn.ConvTranspose2d, kernel_size=2, stride=2) for _ in range(_LEVELS)
        )
        self.join = nn.ModuleList(nn.Sequential(_block(c, c), _block(c, c)) for _ in range(_LEVELS))
        self.last = nn.Sequential(
            nn.Conv2d(c, n_classes, 1), nn.ReLU(), nn.GroupNorm(n_classes, n_classes)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, Y, X), sides multiples of 16, to (B, K, Y, X) logits."""
        x = self.first(x)
        levels = []
        for block in self.down:
            levels.append(x)
            x = functional.max_pool2d(x, 2)
            x = x + block(x)
        for up, join in zip(self.up, self.join, strict=True):
            x = join(up(x) + levels.pop())
        return self.last(x)


class RootPainter:
    """The method, see the module."""

    answers_at_once = False

    def __init__(self, images: Sequence[np.ndarray], seed: int, clock: Clock) -> None:
        self._images, self._clock = list(images), clock
        self._planes: dict[int, Tensor] = {}
        self._labels: dict[int, Tensor] = {}
        self._generator = torch.Generator().manual_seed(seed)
        self._seed = seed
        self._device = pick_device("auto")
        self._network: ResidualUNet | None = None
        self._classes = 0

    def set_labels(self, index: int, labels: np.ndarray) -> None:
        """Take the scribbles of an image."""
        plane = pieces_like(self._images[index], labels, 2).data[0].astype(np.float32)
        self._planes[index] = torch.from_numpy(_padded(plane, "reflect"))
        padded = _padded(own(labels)[None], "constant")
        self._labels[index] = torch.from_numpy(padded.astype(np.float32))  # (1, Y, X)

    def run(self, seconds: float) -> float:
        """Train on from the last weights."""
        start = self._clock()
        dtype = fast_dtype(self._device)  # timed once a process
        network = self._ready()
        network.train()
        while self._clock() - start < seconds:
            images, labels = self._draw()
            with computing(self._device, dtype):
                logits = network(images.to(self._device))
            loss = masked_loss(logits.float(), labels.to(self._device))
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            self._optimizer.step()
        return float("nan")

    def predict(self, image: np.ndarray) -> np.ndarray:
        """Return class ids as painted."""
        if self._network is None:
            raise RuntimeError("train before predicting")
        rows, columns = image.shape[:2] if image.shape[-1] == 3 else image.shape[-2:]
        plane = pieces_like(image, np.zeros((rows, columns), np.uint8), 2).data[0]
        x = torch.from_numpy(_padded(plane.astype(np.float32), "reflect"))
        self._network.eval()
        with torch.inference_mode():
            total = self._probabilities(x) + self._probabilities(x.flip(-1)).flip(-1)
        return (total[:, :rows, :columns].argmax(dim=0) + 1).to(torch.uint8).numpy()

    def _ready(self) -> ResidualUNet:
        """Return the network, a new one when there is a class that it does not know."""
        classes = max(2, int(max(labels.max() for labels in self._labels.values())))
        if self._network is None or classes > self._classes:
            torch.manual_seed(self._seed)
            channels = next(iter(self._planes.values())).shape[0]
            self._network = ResidualUNet(channels, classes).to(self._device)
            self._classes = classes
            self._optimizer = torch.optim.SGD(
                self._network.parameters(), lr=0.01, momentum=0.99, nesterov=True
            )
        return self._network

    def _draw(self) -> tuple[Tensor, Tensor]:
        """Draw (B, C, Y, X) tiles and their (B, Y, X) scribbles."""
        painted = [index for index, labels in self._labels.items() if labels.any()]
        tiles = []
        for _ in range(BATCH):
            index = painted[self._integer(len(painted))]
            labels = self._labels[index]
            corner = self._corner(labels)
            window = (slice(None), *(slice(start, start + SIDE) for start in corner))
            tiles.append(augmented(self._generator, self._planes[index][window], labels[window]))
        images, scribbles = zip(*tiles, strict=True)
        return torch.stack(images), torch.stack(scribbles)[:, 0].long()

    def _corner(self, labels: Tensor) -> tuple[int, int]:
        """Draw the first row and column of a tile that holds some annotation."""
        room = [length - SIDE + 1 for length in labels.shape[-2:]]
        for _ in range(_TRIES):
            row, column = (self._integer(length) for length in room)
            if labels[:, row : row + SIDE, column : column + SIDE].any():
                return row, column
        positions = labels[0].nonzero()
        pixel = positions[self._integer(len(positions))].tolist()
        row, column = (
            min(max(at - SIDE // 2, 0), length - 1) for at, length in zip(pixel, room, strict=True)
        )
        return row, column

    def _integer(self, below: int) -> int:
        return int(torch.randint(below, (), generator=self._generator))

    def _probabilities(self, plane: Tensor) -> Tensor:
        """Return (K, Y, X) probabilities; a tile's middle is used, or all at the image's edge."""
        assert self._network is not None
        out = torch.zeros(self._classes, *plane.shape[-2:])
        columns = _starts(plane.shape[-1])
        for row in _starts(plane.shape[-2]):
            rows = plane[:, row : row + SIDE]
            tiles = torch.stack([scaled(rows[..., at : at + SIDE]) for at in columns])
            with computing(self._device, fast_dtype(self._device)):
                logits = self._network(tiles.to(self._device))
            top = _MARGIN * (row > 0)
            for at, found in zip(columns, logits.float().softmax(dim=1).cpu(), strict=True):
                left = _MARGIN * (at > 0)
                out[:, row + top : row + SIDE, at + left : at + SIDE] = found[:, top:, left:]
        return out


def masked_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Return Dice plus 0.3 times cross-entropy over all pixels of the masked logits.

    Parameters
    ----------
    logits
        (B, K, Y, X).
    labels
        (B, Y, X) scribbles. Unpainted pixels count as background of which all classes are equally
        likely.
    """
    logits = logits * (labels > 0)[:, None]
    classes = (labels - 1).clamp_min(0)
    loss = 0.3 * functional.cross_entropy(logits, classes)
    probabilities = logits.softmax(dim=1)
    dice = []
    for index in range(1, logits.shape[1]):
        truth = (classes == index).float()
        if truth.any():
            found = probabilities[:, index]
            dice.append(1 - 2 * (found * truth).sum() / (found.sum() + truth.sum()))
    return loss + torch.stack(dice).mean() if dice else loss


def augmented(generator: torch.Generator, tile: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return a tile, (C, Y, X), and its scribbles, (1, Y, X), changed at random."""

    def uniform(low: float, high: float) -> float:
        return low + (high - low) * float(torch.rand((), generator=generator))

    def often() -> bool:
        return uniform(0, 1) < _OFTEN

    tile = scaled(tile)
    if often():  # displacements of 1 to 5 px, smooth over some 80 px
        field = displacements(generator, 1, (SIDE, SIDE), elastic=uniform(1, 5))[0].permute(1, 2, 0)
        tile, labels = sample(tile, labels, plain_positions((SIDE, SIDE)) + (SIDE - 1) / 2 + field)
    if often():
        sigma = 0.09 * abs(float(torch.randn((), generator=generator)))
        tile = tile + sigma * torch.randn(tile.shape, generator=generator)
    if often():
        share = 0.008 * abs(float(torch.randn((), generator=generator)))
        chance = torch.rand(tile.shape[-2:], generator=generator)
        tile = tile.masked_fill(chance < share / 2, 0.0).masked_fill(chance > 1 - share / 2, 1.0)
    if often():
        tile = tile * uniform(0.7, 1.3)
        tile = (tile - tile.mean()) * uniform(0.7, 1.3) + tile.mean()
    if uniform(0, 1) < 0.5:
        tile, labels = tile.flip(-1), labels.flip(-1)
    return scaled(tile), labels


def scaled(tile: Tensor) -> Tensor:
    """Map a tile's minimum and maximum to 0 and 1."""
    low, high = tile.min(), tile.max()
    return (tile - low) / (high - low) if high > low else torch.zeros_like(tile)


def _padded(plane: np.ndarray, mode: Literal["reflect", "constant"]) -> np.ndarray:
    """Return (C, Y, X) with sides of at least a tile."""
    missing = [max(0, SIDE - length) for length in plane.shape[-2:]]
    while any(missing):  # a mirror image is at most as long as the image, less one
        widths = [min(m, length - 1) for m, length in zip(missing, plane.shape[-2:], strict=True)]
        plane = np.pad(plane, [(0, 0), *((0, width) for width in widths)], mode=mode)
        missing = [m - width for m, width in zip(missing, widths, strict=True)]
    return plane


def _starts(length: int) -> list[int]:
    """Return the first pixels of tiles that overlap by at least twice the margin."""
    step = SIDE - 2 * _MARGIN
    count = 1 + math.ceil((length - SIDE) / step)
    return [min(index * step, length - SIDE) for index in range(count)]
