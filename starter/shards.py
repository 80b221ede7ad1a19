"""Episodes drawn in processes of their own, as files in a folder, and batches made of them."""

from __future__ import annotations

import multiprocessing
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from starter.corpus import UNKNOWN, training_sets
from starter.episodes import SHARD, Episode, odds_of, read_shard, write_shard
from starter.variation import varied_guide, varied_image

_MOST_EPISODES = 5000  # in memory, about 0.7 MB each; the newest stay


def start_drawing(corpus: Path, folder: Path, workers: int, shards: int) -> None:
    """Start processes that write shards until there are so many, or until this process ends."""
    context = multiprocessing.get_context("spawn")
    for worker in range(workers):
        arguments = (corpus, folder, range(worker, shards, workers), os.getpid())
        context.Process(target=_draw, args=arguments, daemon=True).start()


def _draw(corpus: Path, folder: Path, numbers: range, parent: int) -> None:
    torch.set_num_threads(1)
    sets = training_sets(corpus)
    for number in numbers:
        if os.getppid() != parent:
            return
        write_shard(folder, number, sets)


@dataclass(frozen=True)
class Batch:
    """What a step learns from.

    Attributes
    ----------
    images
        (B, 3, side, side) float32; grey images three times the same.
    guides
        (B, 1, side, side) float32, log-odds.
    truth
        (B, 1, side, side) float32, whether it is the class.
    known
        (B, 1, side, side) float32, 0 where nobody knows.
    """

    images: Tensor
    guides: Tensor
    truth: Tensor
    known: Tensor


class Pool:
    """The episodes of the shards that are there.

    Parameters
    ----------
    folder
        That shards are written to.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: set[str] = set()
        self.episodes: list[Episode] = []

    def grow(self) -> None:
        """Read the shards that are new; a damaged one is named and left out."""
        for path in sorted(self._folder.glob("[0-9]*.npz")):
            if path.name in self._seen:
                continue
            self._seen.add(path.name)
            try:
                self.episodes += read_shard(path)
            except Exception as error:  # whatever a damaged archive raises
                print(f"{path} is left out: {error}", flush=True)
        del self.episodes[:-_MOST_EPISODES]

    def wait_for(self, shards: int) -> None:
        """Wait until so many are there."""
        while len(self.episodes) < shards * SHARD:
            time.sleep(2)
            self.grow()

    def draw(self, rng: np.random.Generator, count: int, side: int) -> Batch:
        """Draw patches, one class each, turned and varied at random."""
        patches = [self._patch(rng, side) for _ in range(count)]
        return Batch(*(torch.from_numpy(np.stack(part)) for part in zip(*patches, strict=True)))

    def _patch(self, rng: np.random.Generator, side: int) -> tuple[np.ndarray, ...]:
        episode = self.episodes[rng.integers(len(self.episodes))]
        image = int(rng.integers(2))
        stage, wanted = (int(rng.integers(size)) for size in episode.guides.shape[:2])
        top, left = _corner(rng, episode.labels[image] == wanted, side)
        here = np.s_[..., top : top + side, left : left + side]
        turns, flip = int(rng.integers(4)), bool(rng.integers(2))

        def cut(array: np.ndarray) -> np.ndarray:
            turned = np.rot90(array[here], turns, (-2, -1))
            return np.ascontiguousarray(turned[..., ::-1] if flip else turned)

        plane = cut(episode.images[image]).astype(np.float32)
        plane = np.repeat(plane, 3, axis=0) if len(plane) == 1 else plane
        labels = cut(episode.labels[image])[None]
        guide = odds_of(cut(episode.guides[stage, wanted, image]))[None]
        return (
            varied_image(rng, plane),
            varied_guide(rng, guide),
            (labels == wanted).astype(np.float32),
            (labels != UNKNOWN).astype(np.float32),
        )


def _corner(rng: np.random.Generator, wanted: np.ndarray, side: int) -> tuple[int, int]:
    """Draw where a patch begins: anywhere, or every second time so that it holds the class.

    Where a class is rare or thin, a patch drawn anywhere hardly ever shows it.
    """
    height, width = wanted.shape
    rows, columns = np.nonzero(wanted)
    if not len(rows) or rng.random() < 0.5:
        return int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
    at = int(rng.integers(len(rows)))
    top, left = (
        int(np.clip(place - rng.integers(side), 0, size - side))
        for place, size in ((rows[at], height), (columns[at], width))
    )
    return top, left
