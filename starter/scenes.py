"""One scene: two images of the same made-up microscope and specimen, with their dense truth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from starter import cells, networks
from starter.optics import photograph
from starter.painting import paint
from starter.strokes import strokes
from starter.structures import Drawing, Mapping

__all__ = ["KINDS", "Scene", "scene", "strokes"]

Kind = Callable[[np.random.Generator, np.random.Generator, int], Drawing]

_TWO_ONLY: tuple[Kind, ...] = (
    cells.nuclei,
    cells.relief_cells,
    cells.rods,
    cells.crystals,
    networks.vessels,
    networks.worms,
)
_TWO_OR_THREE: tuple[Kind, ...] = (
    cells.gapped_nuclei,
    cells.stained_cells,
    cells.phase_cells,
    cells.histology,
    cells.spots,
    cells.rings,
    networks.membranes,
    networks.epithelium,
    networks.filaments,
    networks.mitochondria,
    networks.neurons,
    networks.scratch,
    networks.tissues,
    networks.glands,
    networks.layers,
)
# What needs most context is drawn twice as often.
_OFTEN: tuple[Kind, ...] = (
    cells.phase_cells,
    networks.membranes,
    networks.epithelium,
    networks.vessels,
)
KINDS: dict[str, Kind] = {kind.__name__: kind for kind in _TWO_ONLY + _TWO_OR_THREE}

SMALLEST_SHARE = 0.02


@dataclass(frozen=True)
class Scene:
    """Two images of one domain.

    Parameters
    ----------
    images : ndarray, (2, side, side), float32
        Grey values of arbitrary offset and range.
    labels : ndarray, (2, side, side), uint8
        Class index of each pixel, from 0.
    n_classes : int
        2 or 3.
    kind : str
        Name of what is shown, a key of `KINDS`.
    """

    images: np.ndarray
    labels: np.ndarray
    n_classes: int
    kind: str


def scene(rng: np.random.Generator, side: int = 192) -> Scene:
    """Draw a scene: two classes in 70 % of them, three in the others.

    Parameters
    ----------
    rng : numpy.random.Generator
    side : int
        Height and width of the images in pixels.

    Returns
    -------
    Scene
        Each class covers at least 2 % of the first image and is present in the second.
    """
    n_classes = 3 if rng.random() < 0.3 else 2
    # A kind is kept until it succeeds, else kinds that cover little would become rare.
    kind = _choose(rng, n_classes)
    while True:
        seed = int(rng.integers(2**63))
        drawings = [KINDS[kind](np.random.default_rng(seed), rng, side) for _ in range(2)]
        ways = drawings[0].ternary if n_classes == 3 else drawings[0].binary
        classes: Mapping = ways[rng.integers(len(ways))]
        table = np.array(classes + (0,) * (8 - len(classes)), np.uint8)
        labels = np.stack([table[drawing.parts] for drawing in drawings])
        counts = np.bincount(labels[0].ravel(), minlength=n_classes)
        others = np.bincount(labels[1].ravel(), minlength=n_classes)
        if counts.min() >= SMALLEST_SHARE * side**2 and others.min() >= 30:
            break
    images = [_image(seed + 1, rng, drawing, classes) for drawing in drawings]
    return Scene(np.stack(images), labels, n_classes, kind)


def _choose(rng: np.random.Generator, n_classes: int) -> str:
    kinds = _TWO_OR_THREE if n_classes == 3 else _TWO_ONLY + _TWO_OR_THREE
    chances = np.array([2.0 if kind in _OFTEN else 1.0 for kind in kinds])
    return kinds[rng.choice(len(kinds), p=chances / chances.sum())].__name__


def _image(seed: int, rng: np.random.Generator, drawing: Drawing, classes: Mapping) -> np.ndarray:
    # Both images of a domain start from the same seed, so they draw the same style.
    style = np.random.default_rng(seed)
    clean = paint(style, rng, drawing, classes)
    return photograph(style, rng, clean, drawing.look)
