"""Episodes: a task, strokes on it round by round, and what the pixel classifiers make of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from scipy import ndimage

from napari_unet.core.forest.class_map import log_odds
from napari_unet.core.forest.filters import filters
from napari_unet.core.forest.linear_head import fit_linear_head
from napari_unet.core.forest.random_forest import fit_forest
from napari_unet.core.network.encoder import Encoder, Taps
from napari_unet.core.network.pretrained import pretrained_encoder, pretrained_refiner
from napari_unet.core.network.taps import values_at
from starter.corpus import ImageSet
from starter.refining import Refining
from starter.strokes import correct, strokes
from starter.tasks import SIDE, Task, draw_task

SHARD = 16
_TREES = 40
_MOST_PIXELS = 1500  # that a forest is fitted on
_MOST_ROUNDS = 5
_LEAST_ERROR = 20  # pixels, for somebody to correct it
_ODDS_STEP = 32  # of the log-odds as whole numbers


@dataclass(frozen=True)
class Episode:
    """What is learned from.

    Attributes
    ----------
    name
        Of the task.
    images
        (2, C, Y, X) float16, normalised.
    guides
        (S, K, 2, Y, X) int8, 32 times the log-odds of each class after the first strokes and, where
        there were corrections, after the last ones.
    labels
        (2, Y, X) uint8, class index or 255.
    """

    name: str
    images: np.ndarray
    guides: np.ndarray
    labels: np.ndarray


class PixelClassifiers:
    """The forest and the linear head on two images.

    Parameters
    ----------
    images
        (2, C, Y, X) float32, normalised.
    """

    def __init__(self, images: np.ndarray) -> None:
        self._filters = [filters(image) for image in images]
        network = encoder(images.shape[1])
        with torch.inference_mode():
            self._taps: list[Taps] = [network(torch.from_numpy(image[None])) for image in images]
        self._refining = [Refining(pretrained_refiner(), image) for image in images]

    def answer(self, painted: np.ndarray, n_classes: int, seed: int) -> np.ndarray:
        """Fit both on (2, Y, X) strokes and return their mean probabilities, (K, 2, Y, X)."""
        places = [np.nonzero(one) for one in painted]
        classes = np.concatenate([one[at] for one, at in zip(painted, places, strict=True)]) - 1
        features = [one[at] for one, at in zip(self._filters, places, strict=True)]
        taps = [values_at(one, *at) for one, at in zip(self._taps, places, strict=True)]
        head = fit_linear_head(np.concatenate(taps), classes, n_classes)
        some = np.random.default_rng(seed).permutation(len(classes))[:_MOST_PIXELS]
        forest = fit_forest(
            np.concatenate(features)[some], classes[some], n_classes, seed=seed, trees=_TREES
        )
        both = [
            (forest.predict(values) + head.predict_taps(taps, painted.shape[1:]).numpy()) / 2
            for values, taps in zip(self._filters, self._taps, strict=True)
        ]
        return np.stack(both, axis=1)

    def shown(self, answer: np.ndarray) -> np.ndarray:
        """Return what a person would see of it, with the refiner that ships; (K, 2, Y, X)."""
        both = zip(self._refining, np.moveaxis(answer, 1, 0), strict=True)
        return np.stack([refining.shown(guide) for refining, guide in both], axis=1)


@lru_cache(maxsize=3)
def encoder(channels: int) -> Encoder:
    """Return the encoder that ships."""
    return pretrained_encoder(channels)


def draw_episode(rng: np.random.Generator, sets: list[ImageSet]) -> Episode:
    """Draw a task, paint on its first image, and correct on both as somebody would."""
    task = draw_task(rng, sets)
    classifiers = PixelClassifiers(task.images)
    painted = np.stack(
        [strokes(rng, task.labels[0], task.n_classes), np.zeros((SIDE, SIDE), np.uint8)]
    )
    answer = classifiers.answer(painted, task.n_classes, int(rng.integers(2**31)))
    guides, rounds = [answer], int(rng.integers(_MOST_ROUNDS + 1))
    for number in range(rounds):
        _correct(rng, task, classifiers.shown(answer), painted)
        if number == rounds - 1 or rng.random() < 0.5:
            answer = classifiers.answer(painted, task.n_classes, int(rng.integers(2**31)))
    if rounds:
        guides.append(answer)
    odds = np.stack([log_odds(one) for one in guides])
    return Episode(
        task.name,
        task.images.astype(np.float16),
        np.rint(odds * _ODDS_STEP).clip(-127, 127).astype(np.int8),
        task.labels,
    )


def odds_of(guides: np.ndarray) -> np.ndarray:
    """Return an episode's guides as log-odds, float32."""
    return guides.astype(np.float32) / _ODDS_STEP


def write_shard(folder: Path, number: int, sets: list[ImageSet]) -> None:
    """Write the episodes of a shard, which its number alone decides, unless they are there."""
    path = folder / f"{number:06d}.npz"
    if path.exists():
        return
    rng = np.random.default_rng([0, number])
    arrays: dict[str, np.ndarray] = {}
    for index in range(SHARD):
        drawn = draw_episode(rng, sets)
        arrays |= {f"{name}{index}": np.asarray(value) for name, value in vars(drawn).items()}
    part = folder / f".{number:06d}.part.npz"
    np.savez(part, **arrays)  # type: ignore[arg-type]
    os.replace(part, path)


def read_shard(path: Path) -> list[Episode]:
    """Return the episodes of a file that :func:`write_shard` wrote."""
    with np.load(path) as arrays:
        return [
            Episode(
                str(arrays[f"name{index}"]),
                *(arrays[f"{name}{index}"] for name in ("images", "guides", "labels")),
            )
            for index in range(SHARD)
        ]


def _correct(rng: np.random.Generator, task: Task, answer: np.ndarray, painted: np.ndarray) -> None:
    """Paint a stroke on an error of each class, in one of the images, into ``painted``."""
    image = int(rng.integers(2))
    labels, found = task.labels[image], answer[:, image].argmax(axis=0)
    for index in range(task.n_classes):
        missed = (labels == index) & (found != index) & (painted[image] == 0)
        if np.count_nonzero(missed) < _LEAST_ERROR:
            continue
        areas, count = ndimage.label(missed)
        sizes = np.bincount(areas.ravel())[1:]
        largest = rng.random() < 0.6
        chosen = int(sizes.argmax()) if largest else int(rng.choice(count, p=sizes / sizes.sum()))
        mask = correct(rng, areas == chosen + 1) & (labels == index)
        painted[image][mask] = index + 1
