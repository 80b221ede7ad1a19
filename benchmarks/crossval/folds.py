"""Which images are trained on and which are tested, fold by fold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.crossval.data import Folder
from napari_unet.errors import InvalidInput

_MANY = 20  # images from which on there are five folds, else three
_SEED = 0


@dataclass(frozen=True)
class Fold:
    """One division into training and test images.

    Attributes
    ----------
    number
        From 0.
    training, test
        Indices of images, ascending.
    near
        Those of ``test`` whose neighbour in the series is in ``training``.
    """

    number: int
    training: tuple[int, ...]
    test: tuple[int, ...]
    near: tuple[int, ...]


def make_folds(count: int, frames: Sequence[int] = ()) -> tuple[Fold, ...]:
    """Divide images into five folds, three if there are fewer than 20 images.

    Each image is tested once. Images of a series are tested in runs of neighbours, so that only
    the ends of a run lie next to a training image; others are drawn.

    Parameters
    ----------
    count
        Number of images, at least 2.
    frames
        Their numbers, if they are a series: neighbours differ by 1.
    """
    number = min(count, 5 if count >= _MANY else 3)
    if len(frames):
        order = np.argsort(frames, kind="stable")
    else:
        order = np.random.default_rng(_SEED).permutation(count)
    folds = []
    for index, block in enumerate(np.array_split(order, number)):
        test = tuple(sorted(block.tolist()))
        training = tuple(i for i in range(count) if i not in test)
        folds.append(Fold(index, training, test, _near(training, test, frames)))
    return tuple(folds)


def _near(training: Sequence[int], test: Sequence[int], frames: Sequence[int]) -> tuple[int, ...]:
    if not len(frames):
        return ()
    trained = {frames[i] for i in training}
    return tuple(i for i in test if trained & {frames[i] - 1, frames[i] + 1})


def check_fold(folder: Folder, fold: Fold) -> None:
    """Refuse a fold that cannot be learnt.

    Raises
    ------
    InvalidInput
        A class is in none of its training images.
    """
    for index, name in enumerate(folder.names):
        if not any((folder.samples[i].classes == index).any() for i in fold.training):
            raise InvalidInput(
                f"fold {fold.number} of {folder.path.name}: none of the {len(fold.training)} "
                f"training images shows the class {name!r}; leave this fold out with --folds, or "
                "add labelled images of that class."
            )


def fewer(fold: Fold, images: int, frames: Sequence[int] = ()) -> Fold:
    """Return the fold with that many training images, evenly spread over those that it has."""
    middles = (2 * np.arange(images) + 1) * len(fold.training) // (2 * images)  # of equal parts
    training = tuple(fold.training[i] for i in middles)
    return Fold(fold.number, training, fold.test, _near(training, fold.test, frames))


def describe(folder: Folder, folds: Sequence[Fold]) -> list[str]:
    """Return a line a fold: what it tests, what it trains on, what lies next to each other."""
    names = [sample.name for sample in folder.samples]
    lines = [
        f"{folder.path.name}: {len(names)} images, classes {', '.join(folder.names)}, "
        f"{len(folds)} folds, "
        + ("neighbours tested together" if folder.frames else "images drawn at random")
    ]
    for fold in folds:
        near = ", ".join(names[i] for i in fold.near)
        lines.append(
            f"fold {fold.number}: tests {_listed(names, fold.test)}; trains on the other "
            f"{len(fold.training)}"
            + (f"; next to a training image: {near}" if near else "")
            + ("" if near or not folder.frames else "; no test image is next to a training image")
        )
    return lines


def _listed(names: Sequence[str], chosen: Sequence[int]) -> str:
    if len(chosen) > 2 and chosen[-1] - chosen[0] == len(chosen) - 1:
        return f"{names[chosen[0]]} to {names[chosen[-1]]} ({len(chosen)})"
    return ", ".join(names[i] for i in chosen)
