"""Episodes: what the starter network is given and what it should answer, from synthetic scenes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_unet.core.forest.filter_blocks import filters
from napari_unet.core.forest.forest_map import log_odds
from napari_unet.core.forest.random_forest import fit_forest
from napari_unet.core.images.normalise import normalise
from starter.scenes import scene
from starter.strokes import strokes

_SIDE = 192
_TREES = 50


@dataclass(frozen=True)
class Episode:
    """One domain: two images, strokes on the first, the forest's answer on both.

    Attributes
    ----------
    images
        (2, Y, X) float16, normalised.
    guides
        (K, 2, Y, X) float16, log-odds of each class by a forest that knows only the strokes.
    labels
        (2, Y, X) uint8, class indices.
    """

    images: np.ndarray
    guides: np.ndarray
    labels: np.ndarray


def episode(seed: int, number: int) -> Episode:
    """Draw the episode of that number; the same at each call."""
    rng = np.random.default_rng([seed, number])
    drawn = scene(rng, _SIDE)
    images = np.stack([normalise(image[None])[0] for image in drawn.images])
    values = [filters(image[None]) for image in images]
    painted = strokes(rng, drawn.labels[0], drawn.n_classes)
    forest = fit_forest(
        values[0][painted > 0],
        painted[painted > 0] - 1,
        drawn.n_classes,
        seed=number,
        trees=_TREES,
    )
    guides = np.stack([log_odds(forest.predict(value)) for value in values], axis=1)
    return Episode(images.astype(np.float16), guides.astype(np.float16), drawn.labels)


def write_episodes(folder: str, seed: int, shard: int, size: int) -> str:
    """Write the episodes of a shard into a folder, unless they are there; return its path."""
    import os

    path = os.path.join(folder, f"{seed}-{shard:05d}.npz")
    if os.path.exists(path):
        return path
    arrays = {}
    for index in range(size):
        drawn = episode(seed, shard * size + index)
        arrays |= {f"{name}{index}": value for name, value in vars(drawn).items()}
    np.savez(path + ".part.npz", **arrays)
    os.replace(path + ".part.npz", path)
    return path
