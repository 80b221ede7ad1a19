"""Train the starter: ``python -m starter.train --output starter.safetensors``.

Episodes are drawn in processes of their own while the network trains on those drawn so far. Which
episodes a step may draw from depends on its number alone, so a run can be repeated.
"""

from __future__ import annotations

import argparse
import math
import time
from collections import deque
from concurrent.futures import Future, ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.device import computing, fast_dtype, pick_device
from napari_unet.core.network.unet import UNet
from napari_unet.core.training.augment import vary_grey_values
from napari_unet.core.training.weight_average import AveragedWeights
from starter.episodes import write_episodes

_SHARD = 16
_FIRST_SHARDS = 4
_BATCH = 8
_SIDES = (128, 128, 128, 192)  # small patches, many steps, first; whole images in the last quarter
_LEARNING_RATE = 2e-3
_WARM_UP = 100
_DECAY = 0.998
_VALIDATION_SEED = 1


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--folder", type=Path, default=Path("starter-episodes"))
    parser.add_argument("--shards", type=int, default=600, help=f"of {_SHARD} episodes each")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--workers", type=int, default=1, help="processes that draw episodes")
    parser.add_argument("--threads", type=int, default=1, help="of the training itself")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    with ProcessPoolExecutor(options.workers) as pool:
        pending = deque(
            pool.submit(write_episodes, str(options.folder), seed, shard, _SHARD)
            for seed, shard in [(_VALIDATION_SEED, 0), (_VALIDATION_SEED, 1)]
            + [(0, shard) for shard in range(options.shards)]
        )
        train(pending, options)


def train(pending: deque[Future[str]], options: argparse.Namespace) -> None:
    """Train and write the averaged weights every few minutes and at the end."""
    device = pick_device(options.device)
    dtype = fast_dtype(device)
    torch.manual_seed(0)
    torch.set_num_threads(options.threads)
    generator = torch.Generator().manual_seed(0)
    rng = np.random.default_rng(0)
    network = UNet(PRESETS["compact"].network(2, 2)).to(device)
    network = network.to(memory_format=torch.channels_last)
    average = AveragedWeights(network, decay=_DECAY)
    optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=1e-3)
    validation = Pool([pending.popleft(), pending.popleft()])
    validation.grow(2)
    train_pool = Pool(list(pending))
    started = time.monotonic()
    losses = []
    for step in range(options.steps):
        # All shards are there after two thirds of the steps.
        train_pool.grow(_FIRST_SHARDS + int(step * 1.5 * options.shards / options.steps))
        rate = _LEARNING_RATE * min(1.0, (step + 1) / _WARM_UP)
        rate *= 0.5 * (1 + math.cos(math.pi * step / options.steps)) + 0.01
        for group in optimizer.param_groups:
            group["lr"] = rate
        side = _SIDES[min(int(step / options.steps * len(_SIDES)), len(_SIDES) - 1)]
        x, y = train_pool.draw(_BATCH, side, rng)
        x = augmented(generator, x).to(device).contiguous(memory_format=torch.channels_last)
        with computing(device, dtype):
            logits = network(x, padded=True)
        value = loss(logits.float(), y.to(device))
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        average.update(network)
        losses.append(value.item())
        if (step + 1) % 250 == 0 or step + 1 == options.steps:
            found, by_forest = validate(average.network, validation, device, dtype)
            print(
                f"step {step + 1} of {options.steps}, {time.monotonic() - started:.0f} s, "
                f"{len(train_pool.items)} tasks, loss {np.mean(losses[-250:]):.4f}, "
                f"validation IoU {found:.4f}, forest {by_forest:.4f}",
                flush=True,
            )
            save(average, options.output)


class Pool:
    """Tasks (one image and one class each) of the episodes that are drawn so far."""

    def __init__(self, pending: list[Future[str]]) -> None:
        self._pending = deque(pending)
        self._shards = 0
        self.items: list[tuple[np.ndarray, np.ndarray, np.ndarray, int]] = []

    def grow(self, shards: int) -> None:
        """Wait until that many shards are there."""
        while self._shards < shards and self._pending:
            with np.load(self._pending.popleft().result()) as arrays:
                for index in range(_SHARD):
                    images, guides, labels = (
                        arrays[f"{name}{index}"] for name in ("images", "guides", "labels")
                    )
                    self.items += [
                        (images[plane], guides[k, plane], labels[plane], k)
                        for k in range(len(guides))
                        for plane in range(2)
                    ]
            self._shards += 1

    def draw(self, count: int, side: int, rng: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return (B, 2, side, side) image and guide, (B, side, side) whether it is the class."""
        xs, ys = [], []
        for item in rng.integers(len(self.items), size=count):
            x, y = self.task(int(item))
            top, left = (int(rng.integers(size - side + 1)) for size in y.shape)
            x, y = (
                x[:, top : top + side, left : left + side],
                y[top : top + side, left : left + side],
            )
            turns, flip = int(rng.integers(4)), bool(rng.integers(2))
            x, y = np.rot90(x, turns, (1, 2)), np.rot90(y, turns)
            xs.append(x[:, ::-1] if flip else x)
            ys.append(y[::-1] if flip else y)
        return torch.from_numpy(np.stack(xs)), torch.from_numpy(np.stack(ys))

    def task(self, item: int) -> tuple[np.ndarray, np.ndarray]:
        """Return (2, Y, X) float32 and (Y, X) int64."""
        image, guide, labels, k = self.items[item]
        return np.stack([image, guide]).astype(np.float32), (labels == k).astype(np.int64)


def augmented(generator: torch.Generator, x: Tensor) -> Tensor:
    """Vary the grey values, invert some images, and scale half of the guides."""
    image = vary_grey_values(generator, x[:, :1])
    shape = (len(x), 1, 1, 1)
    inverted = torch.rand(shape, generator=generator) < 0.25
    image = torch.where(inverted, 1 - image, image)
    scale = torch.exp(0.7 * (2 * torch.rand(shape, generator=generator) - 1))
    scale = torch.where(torch.rand(shape, generator=generator) < 0.5, scale, torch.ones(()))
    return torch.cat([image, x[:, 1:] * scale], dim=1)


def loss(logits: Tensor, y: Tensor) -> Tensor:
    """Return cross-entropy plus 1 - Dice of each image (Milletari et al. 2016, section 3)."""
    entropy = functional.cross_entropy(logits, y)
    p = logits.softmax(dim=1)[:, 1]
    both = (p * y).sum(dim=(1, 2))
    dice = (2 * both + 1) / (p.sum(dim=(1, 2)) + y.sum(dim=(1, 2)) + 1)
    return entropy + 0.5 * (1 - dice).mean()


def validate(
    network: UNet, pool: Pool, device: torch.device, dtype: torch.dtype
) -> tuple[float, float]:
    """Return the mean intersection over union of the network and of the forest alone."""
    ours, forests = [], []
    for item in range(len(pool.items)):
        x, y = pool.task(item)
        with computing(device, dtype), torch.inference_mode():
            found = network(torch.from_numpy(x)[None].to(device), padded=True)[0].argmax(0).cpu()
        for list_, mask in ((ours, found.numpy() > 0), (forests, x[1] > 0)):
            union = (mask | (y > 0)).sum()
            list_.append((mask & (y > 0)).sum() / max(union, 1))
    return float(np.mean(ours)), float(np.mean(forests))


def save(average: AveragedWeights, path: Path) -> None:
    """Write the averaged weights in half precision."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.half().contiguous() for name, value in average.state().items()}, path)


if __name__ == "__main__":
    main()
