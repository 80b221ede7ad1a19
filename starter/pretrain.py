"""Train the refiner: ``python -m starter.pretrain --corpus FOLDER --folder FOLDER``.

It can be stopped at any moment and goes on from its last checkpoint when it is started again, also
with another number of steps: the learning rate is constant until the last part of them.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from napari_unet.core.network.device import computing, fast_dtype, pick_device
from napari_unet.core.network.pretrained import pretrained_encoder
from napari_unet.core.network.refiner import Refiner
from starter.shards import Batch, Pool, start_drawing

# Patches and their side: first many tasks a step, then more of what surrounds a pixel.
_BATCHES = ((14, 96), (6, 144))
_LEARNING_RATE = 2e-3
_WARM_UP = 50
_LAST_PART = 0.4  # of the steps, over which the learning rate goes down to nothing
_DECAY = 0.99
_FIRST_SHARDS = 6
_CHECKPOINT_SECONDS, _SNAPSHOT_SECONDS = 180, 900
_REPORT = 100  # steps


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="folder of image sets")
    parser.add_argument("--folder", type=Path, required=True, help="for shards and checkpoints")
    parser.add_argument("--steps", type=int, default=12000)
    parser.add_argument("--shards", type=int, default=300, help="of 16 episodes each")
    parser.add_argument("--workers", type=int, default=1, help="processes that draw episodes")
    parser.add_argument("--threads", type=int, default=1, help="of the training itself")
    parser.add_argument("--device", default="auto")
    options = parser.parse_args()
    shards = options.folder / "shards"
    shards.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(options.threads)
    start_drawing(options.corpus.resolve(), shards, options.workers, options.shards)
    pool = Pool(shards)
    pool.wait_for(min(_FIRST_SHARDS, options.shards))
    training = Training(options.folder, pick_device(options.device), options.steps)
    training.run(pool)


class Training:
    """The refiner, its average, and what is needed to go on.

    Parameters
    ----------
    folder
        Of the checkpoint, which is read if it is there, and of snapshots.
    device
        To compute on.
    steps
        In all.
    """

    def __init__(self, folder: Path, device: torch.device, steps: int) -> None:
        torch.manual_seed(0)
        self._folder, self._device, self._steps = folder, device, steps
        self._dtype = fast_dtype(device)
        self._encoder = pretrained_encoder(3).to(device)
        self.network = Refiner().to(device).to(memory_format=torch.channels_last)
        self._average = AveragedModel(self.network, multi_avg_fn=get_ema_multi_avg_fn(_DECAY))
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=_LEARNING_RATE, weight_decay=1e-3
        )
        self._rng = np.random.default_rng(0)
        self.step = 0
        if self._path.exists():
            self._resume()

    @property
    def _path(self) -> Path:
        return self._folder / "checkpoint.pt"

    def run(self, pool: Pool, stop: int | None = None) -> None:
        """Train until the last step, or one before it, reading shards as they come."""
        stop = self._steps if stop is None else stop
        saved = snapshot = began = time.monotonic()
        losses: list[float] = []
        scores: list[np.ndarray] = []
        while self.step < stop:
            loss, score = self._learn(pool.draw(self._rng, *self._batch()))
            losses.append(loss)
            scores.append(score)
            if self.step % _REPORT == 0:
                ours, guides = np.mean(scores[-_REPORT:], axis=0)
                print(
                    f"step {self.step} of {self._steps}, {time.monotonic() - began:.0f} s, "
                    f"{len(pool.episodes)} episodes, loss {np.mean(losses[-_REPORT:]):.4f}, "
                    f"Dice {ours:.4f}, of the guides {guides:.4f}",
                    flush=True,
                )
                pool.grow()
            now = time.monotonic()
            if now - saved > _CHECKPOINT_SECONDS:
                saved = now
                self.save()
            if now - snapshot > _SNAPSHOT_SECONDS:
                snapshot = now
                self.write(self._folder / f"refiner-{self.step:06d}.safetensors")
        self.save()
        self.write(self._folder / "refiner.safetensors")

    def _learn(self, batch: Batch) -> tuple[float, np.ndarray]:
        """Take a step; return the loss, and the Dice of the answer and of the guide."""
        for group in self._optimizer.param_groups:
            group["lr"] = self._rate()
        layout = torch.channels_last
        images = batch.images.to(self._device).contiguous(memory_format=layout)
        guides, truth, known = (
            part.to(self._device) for part in (batch.guides, batch.truth, batch.known)
        )
        with computing(self._device, self._dtype):
            with torch.no_grad():
                taps = self._encoder(images)
            odds = self.network(images, taps, guides).float()
        loss = loss_of(odds, truth, known)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self._optimizer.step()
        self._average.update_parameters(self.network)
        self.step += 1
        with torch.no_grad():
            score = [float(dice((one > 0).float(), truth, known).mean()) for one in (odds, guides)]
        return loss.item(), np.array(score)

    def _batch(self) -> tuple[int, int]:
        return _BATCHES[min(self.step * len(_BATCHES) // self._steps, len(_BATCHES) - 1)]

    def _rate(self) -> float:
        left = (self._steps - self.step) / (_LAST_PART * self._steps)
        return _LEARNING_RATE * min(1.0, (self.step + 1) / _WARM_UP, max(left, 0.01))

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "network": self.network.state_dict(),
            "average": self._average.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "step": self.step,
            "rng": self._rng.bit_generator.state,
        }
        part = self._path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, self._path)

    def _resume(self) -> None:
        state = torch.load(self._path, map_location=self._device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self._average.load_state_dict(state["average"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._rng.bit_generator.state = state["rng"]
        self.step = state["step"]

    def write(self, path: Path) -> None:
        """Write the averaged weights in half precision."""
        state = self._average.module.state_dict()
        save_file({name: value.half().cpu().contiguous() for name, value in state.items()}, path)


def loss_of(odds: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Return half the binary cross-entropy plus 1 - Dice, over the known pixels of each patch.

    Dice weighs more, for entropy alone gives up what is rare or thin.
    """
    entropy = functional.binary_cross_entropy_with_logits(odds, truth, reduction="none")
    entropy = (entropy * known).sum() / known.sum().clamp(min=1)
    return 0.5 * entropy + (1 - dice(odds.sigmoid(), truth, known)).mean()


def dice(p: Tensor, truth: Tensor, known: Tensor) -> Tensor:
    """Return the overlap of each patch, (B, 1), between 0 and 1 (Milletari et al. 2016, section 3).

    A few pixels are added, so that a class that is not there and not found counts as found.
    """
    p, truth = p * known, truth * known
    both, sizes = (x.sum(dim=(2, 3)) for x in (p * truth, p + truth))
    return (2 * both + 30) / (sizes + 30)


if __name__ == "__main__":
    main()
