"""Empty fields, few bright things, other gains: what each way of scaling makes of them.

Run as ``python -m benchmarks.intensities``. The images are made here. A field of 40 cells is
painted with a few strokes; what was learnt is shown empty fields, fields of 1 to 150 cells taken
with other gains and offsets, a series that bleaches, a stack whose ends are empty, and what is not
quite empty. With ``--data``, the folder of the annotator benchmark's sets, the ranges of real
images are compared instead with those of percentiles alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

import napari_unet
from benchmarks.strokes.datasets import NAMES, find_folders
from benchmarks.strokes.percentiles import report as report_ranges
from napari_unet.core.images.intensity import WAYS, Way
from napari_unet.core.models.model import Model

SIDE = 256
_RADIUS = 5.0  # pixels
_SIGNAL, _NOISE, _OFFSET = 200.0, 10.0, 300.0  # grey values
PAINTED = {  # cells, whether they are soft, pixels a side
    "40 hard cells": (40, False, SIDE),
    "40 soft cells": (40, True, SIDE),
    "3 hard cells": (3, False, 3 * SIDE),
}
LEARNERS = ("first", "training")
_GAINS = ((0.5, 40.0), (2.5, -200.0))  # and what is added
_BLEACHED = (1.0, 0.7, 0.45, 0.25)  # signal that is left, frame by frame
_SLICES = (0.0, 0.5, 1.0, 0.0)  # signal of each slice of a stack


@dataclass(frozen=True, eq=False)
class Field:
    """An image and what is in it.

    Attributes
    ----------
    image
        (Y, X) uint16.
    cells
        (Y, X) int32, the number of the cell at each pixel, 0 for none.
    """

    image: np.ndarray
    cells: np.ndarray


def field(
    count: int,
    rng: np.random.Generator,
    *,
    soft: bool = False,
    signal: float = 1.0,
    gain: float = 1.0,
    added: float = 0.0,
    side: int = SIDE,
) -> Field:
    """Make a field of round cells that do not touch.

    Parameters
    ----------
    count
        Number of cells.
    rng
        Draws where they are, and the noise.
    soft
        Whether they are brightest in the middle instead of everywhere the same.
    signal
        Of the usual brightness, without the noise.
    gain, added
        What the camera makes of all grey values.
    side
        Of the image in pixels.
    """
    cells = np.zeros((side, side), np.int32)
    brightness = np.zeros((side, side))
    rows, columns = np.ogrid[:side, :side]
    reach = 2.2 * _RADIUS
    centres: list[np.ndarray] = []
    while len(centres) < count:
        centre = rng.uniform(reach, side - reach, 2)
        if all(np.hypot(*(centre - other)) > reach + 2 for other in centres):
            centres.append(centre)
    for number, (row, column) in enumerate(centres, start=1):
        distance = np.hypot(rows - row, columns - column)
        inside = distance < _RADIUS
        cells[inside] = number
        peak = np.exp(-(distance**2) / (2 * (0.7 * _RADIUS) ** 2)) if soft else inside * 1.0
        brightness = np.maximum(brightness, peak)
    image = _OFFSET + _SIGNAL * signal * brightness + rng.normal(0, _NOISE, cells.shape)
    return Field(np.clip(gain * image + added, 0, 65535).astype(np.uint16), cells)


def _haze(rng: np.random.Generator) -> np.ndarray:
    """Return noise with a glow as bright as it is wide, and a quarter of the side wide."""
    rows, columns = np.mgrid[:SIDE, :SIDE] / SIDE - 0.5
    glow = np.exp(-(rows**2 + columns**2) / (2 * 0.125**2))
    return rng.normal(0, 1, glow.shape) + glow


def _dust(rng: np.random.Generator) -> np.ndarray:
    """Return noise with 30 specks of 3 x 3 pixels, six times as bright as it is wide."""
    specks = np.zeros((SIDE, SIDE))
    specks[tuple(rng.integers(2, SIDE - 2, (2, 30)))] = 6
    return rng.normal(0, 1, specks.shape) + ndimage.maximum_filter(specks, 3)


def _blurred(rng: np.random.Generator, sigma: float) -> np.ndarray:
    found = ndimage.gaussian_filter(rng.normal(0, 1, (SIDE, SIDE)), sigma)
    return found / found.std()


# What is in a field without cells, in standard deviations of the noise.
UNCLEAR: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
    "noise, six times as strong": lambda rng: 6 * rng.normal(0, 1, (SIDE, SIDE)),
    "noise, blurred by 1 px": lambda rng: _blurred(rng, 1.0),
    "noise, blurred by 2 px": lambda rng: _blurred(rng, 2.0),
    "noise with haze": _haze,
    "noise with dust": _dust,
}


def unclear(
    add: Callable[[np.random.Generator], np.ndarray],
) -> Callable[[np.random.Generator, bool], list[Field]]:
    """Return what takes a field without cells with each gain, the offset grown by it as well."""

    def taken(rng: np.random.Generator, soft: bool) -> list[Field]:
        fields = []
        for gain, _ in _GAINS:
            image = gain * (_OFFSET + _NOISE * add(rng))
            none = np.zeros((SIDE, SIDE), np.int32)
            fields.append(Field(np.clip(image, 0, 65535).astype(np.uint16), none))
        return fields

    return taken


def strokes(painted: Field, count: int = 6) -> np.ndarray:
    """Paint short strokes: some beside cells (1) and one in each of some cells (2)."""
    labels = np.zeros(painted.cells.shape, np.uint8)
    away = ndimage.distance_transform_edt(painted.cells == 0)
    free = np.argwhere(away > 6)
    for row, column in free[:: max(1, len(free) // count)][:count]:
        short = slice(max(0, column - 10), column + 10)
        labels[row, short][away[row, short] > 2] = 1
    for number in range(1, min(count, painted.cells.max()) + 1):
        row, column = np.argwhere(painted.cells == number).mean(axis=0).astype(int)
        labels[row - 1 : row + 2, column - 3 : column + 4] = 2
        ring = ndimage.binary_dilation(painted.cells == number, iterations=4)
        ring &= ~ndimage.binary_dilation(painted.cells == number, iterations=2)
        labels[ring & (np.arange(len(ring))[:, None] > row)] = 1
    return labels


def f1(found: np.ndarray, cells: np.ndarray) -> float:
    """Return F1 of the found cells: regions that overlap one by an IoU of 0.5 or more."""
    regions, count = ndimage.label(found)
    truth = int(cells.max())
    if count + truth == 0:
        return 1.0
    table = np.zeros((count + 1, truth + 1))
    np.add.at(table, (regions.ravel(), cells.ravel()), 1)
    union = table.sum(axis=1)[:, None] + table.sum(axis=0)[None] - table
    hits = int((table[1:, 1:] / union[1:, 1:] >= 0.5).sum())
    return 2 * hits / (count + truth)


def learn_live(painted: Field) -> Model:
    """Return the first answer: a forest and the starter, before any training."""
    live = napari_unet.LiveTrainer([painted.image], device="cpu")
    live.set_labels(0, strokes(painted))
    live.run(0)
    model = live.model()
    live.close()
    return model


def learn(painted: Field, steps: int) -> Model:
    """Return a network after a short training."""
    return napari_unet.train(painted.image, strokes(painted), steps=steps, device="cpu")


Case = tuple[str, Callable[[np.random.Generator, bool], list[Field]]]


def cases() -> list[Case]:
    """Return what is shown, by name."""
    found: list[Case] = []
    for count in (0, 1, 3, 16, 150):
        name = f"{count} cells" if count != 1 else "1 cell"

        def taken(rng: np.random.Generator, soft: bool, count: int = count) -> list[Field]:
            return [field(count, rng, soft=soft, gain=g, added=a) for g, a in _GAINS]

        found.append((name if count else "an empty field", taken))
    found.append(
        (
            "a series that bleaches",
            lambda rng, soft: [field(40, rng, soft=soft, signal=s) for s in _BLEACHED],
        )
    )
    found.append(
        (
            "a stack with empty ends",
            lambda rng, soft: [
                field(40 if s else 0, rng, soft=soft, signal=s or 1.0) for s in _SLICES
            ],
        )
    )
    return [*found, *((name, unclear(add)) for name, add in UNCLEAR.items())]


def row(model: Model, fields: Sequence[Field], way: Way) -> tuple[float, float]:
    """Return the foreground in per cent where nothing is, and F1 where something is."""
    share, scores = [], []
    found = napari_unet.predict(model.scaled(way), np.stack([one.image for one in fields]))
    for one, classes in zip(fields, found, strict=True):
        if one.cells.any():
            scores.append(f1(classes == 2, one.cells))
        else:
            share.append(100 * float((classes == 2).mean()))
    return (
        float(np.mean(share)) if share else np.nan,
        float(np.mean(scores)) if scores else np.nan,
    )


def report(
    trained_on: Sequence[str], learnt_by: Sequence[str], ways: Sequence[Way], steps: int, seed: int
) -> None:
    """Print one table: foreground of empty images in per cent, F1 of the cells in others."""
    print(f"| trained on | learnt by | shown | {' | '.join(ways)} |")
    print(f"|---|---|---|{'---|' * len(ways)}")
    for kind in trained_on:
        count, soft, side = PAINTED[kind]
        painted = field(count, np.random.default_rng(seed), soft=soft, side=side)
        for name in learnt_by:
            model = learn_live(painted) if name == "first" else learn(painted, steps)
            for case, make in cases():
                fields = make(np.random.default_rng(seed + 1), soft)
                cells = []
                for way in ways:
                    share, score = row(model, fields, way)
                    parts = [f"{share:.1f} %"] if share == share else []
                    parts += [f"{score:.2f}"] if score == score else []
                    cells.append(", ".join(parts))
                print(f"| {kind} | {name} | {case} | {' | '.join(cells)} |", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Read the command line and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=int, default=150, help="of the training (default 150)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--trained-on", nargs="+", choices=PAINTED, default=list(PAINTED))
    parser.add_argument("--learnt-by", nargs="+", choices=LEARNERS, default=list(LEARNERS))
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=["image", "automatic"])
    parser.add_argument("--data", type=Path, help="folder of real sets, to compare ranges")
    options = parser.parse_args(arguments)
    if options.data is not None:
        report_ranges(find_folders(options.data, NAMES), options.seed)
        return
    report(options.trained_on, options.learnt_by, options.ways, options.steps, options.seed)


if __name__ == "__main__":
    main()
