"""Curves over strokes and a person's seconds, and pictures of start, middle and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.strokes.datasets import Picture, load
from benchmarks.strokes.results import DENSE, METHODS, Result, path_of
from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.images.normalise import normalise
from napari_unet.errors import UserError

# The palette of Okabe and Ito, which colour-blind people can tell apart.
_COLOURS = ("#999999", "#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#D55E00", "#009E73")
COLOURS = dict(zip(METHODS, _COLOURS, strict=True))
_MOMENTS = ("start", "middle", "end")
_CLASS_COLOURS = np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115]]) / 255
_BACKGROUND_STROKE = np.array([204, 121, 167]) / 255
_OPACITY = 0.45
_PANEL = 3.2  # inches


def draw_curves(results: Sequence[Result], output: Path) -> Path:
    """Draw intersection over union against strokes and against a person's seconds.

    One column a data set: the mean over the seeds as a thick line, each seed as a thin one, the
    same net trained on all pixels as a dashed one.

    Returns
    -------
    Path
        Of the picture, curves.png.
    """
    datasets = sorted({result.unit.dataset for result in results})
    figure = Figure(figsize=(3.4 * len(datasets) + 0.6, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, len(datasets), squeeze=False)
    for column, dataset in enumerate(datasets):
        for row, what in enumerate(("strokes", "a person's seconds")):
            _panel(axes[row, column], [r for r in results if r.unit.dataset == dataset], what)
        axes[0, column].set_title(dataset)
    for row in axes:
        row[0].set_ylabel("foreground IoU")
    handles = {line.get_label(): line for a in axes.flat for line in a.get_lines()}
    there = [method for method in METHODS if method in handles]
    figure.legend([handles[m] for m in there], there, loc="outside lower center", ncols=len(there))
    path = output / "curves.png"
    figure.savefig(path, dpi=110)
    return path


def _panel(axes: Axes, results: Sequence[Result], what: str) -> None:
    for method in METHODS:
        runs = [result for result in results if result.unit.method == method]
        if not runs:
            continue
        colour = COLOURS[method]
        if method == DENSE:
            value = float(np.mean([result.ious[-1] for result in runs]))
            axes.axhline(value, color=colour, linestyle="--", label=method)
            continue
        positions = [_positions(result, what) for result in runs]
        for x, result in zip(positions, runs, strict=True):
            axes.plot(x, result.ious, color=colour, linewidth=0.6, alpha=0.5)
        rounds = min(len(x) for x in positions)
        axes.plot(
            np.mean([x[:rounds] for x in positions], axis=0),
            np.mean([result.ious[:rounds] for result in runs], axis=0),
            color=colour,
            linewidth=2,
            marker="o",
            markersize=3,
            label=method,
        )
    axes.set_xlabel(what)
    axes.set_ylim(0, 1)
    axes.grid(alpha=0.3)


def _positions(result: Result, what: str) -> list[float]:
    if what == "strokes":
        return [float(entry.strokes or 0) for entry in result.rounds]
    return [entry.person_seconds or 0.0 for entry in result.rounds]


def draw_pictures(
    results: Sequence[Result], output: Path, say: Callable[[str], None]
) -> Iterator[Path]:
    """Draw two images of each data set as each method segments them at start, middle and end.

    Two rows a moment: the first image that is painted in, with the strokes so far, and a test
    image. The images with their truth are in the first column, then a column a method; the truth
    is outlined everywhere.

    Yields
    ------
    Path
        Of each picture, pictures-DATASET.png, of the first seed that was run.
    """
    for dataset in sorted({result.unit.dataset for result in results}):
        runs = [result for result in results if result.unit.dataset == dataset]
        seed = min(result.unit.seed for result in runs)
        chosen = sorted(
            (result for result in runs if result.unit.seed == seed),
            key=lambda result: METHODS.index(result.unit.method),
        )
        try:
            data = load(Path(chosen[0].unit.folder), seed)
        except (UserError, OSError) as error:
            say(f"no pictures of {dataset}: {error}")
            continue
        figure = _pictures(chosen, (data.training[0], data.test[0]), output)
        figure.suptitle(f"{dataset}: {data.training[0].name}, painted in, and {data.test[0].name}")
        path = output / f"pictures-{dataset}.png"
        figure.savefig(path, dpi=110)
        yield path


def _pictures(runs: Sequence[Result], pictures: Sequence[Picture], output: Path) -> Figure:
    height = _PANEL * pictures[0].truth.shape[0] / pictures[0].truth.shape[1]
    rows = len(pictures) * len(_MOMENTS)
    figure = Figure(
        figsize=(_PANEL * (len(runs) + 1), (height + 0.1) * rows + 0.7), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, len(runs) + 1, squeeze=False)
    greys = [_grey(picture.image, picture.truth) for picture in pictures]
    for row, moment in enumerate(moment for moment in _MOMENTS for _ in pictures):
        painted = row % len(pictures) == 0
        grey, truth = greys[row % len(pictures)], pictures[row % len(pictures)].truth
        axes[row, 0].imshow(grey, cmap="gray")
        _outline(axes[row, 0], truth, runs[0].classes)
        axes[row, 0].set_ylabel(f"{moment}, painted in" if painted else f"{moment}, test")
        for column, result in enumerate(runs, start=1):
            with np.load(path_of(result.unit, output).with_suffix(".npz")) as kept:
                found = kept.get(f"{moment} painted" if painted else moment)
                strokes = kept.get(f"{moment} strokes") if painted else None
            if found is None:
                axes[row, column].set_visible(False)
                continue
            axes[row, column].imshow(_overlaid(grey, found, strokes))
            _outline(axes[row, column], truth, result.classes)
    axes[0, 0].set_title("image")
    for column, result in enumerate(runs, start=1):
        shown = axes[-1 if result.unit.method == DENSE else 0, column]
        shown.set_title(result.unit.method)
    for panel in axes.flat:
        panel.set_xticks([])
        panel.set_yticks([])
    return figure


def _outline(axes: Axes, truth: np.ndarray, classes: int) -> None:
    for index in range(1, classes):
        for colour, width in (("black", 1.4), ("white", 0.6)):  # seen on any ground
            axes.contour(truth == index, [0.5], colors=colour, linewidths=width)


def _grey(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return (Y, X) float32 between 0 and 1, the mean of the channels."""
    return np.clip(normalise(pieces_like(image, truth, 2).data[0]), 0, 1).mean(axis=0)


def _overlaid(grey: np.ndarray, found: np.ndarray, strokes: np.ndarray | None) -> np.ndarray:
    """Return (Y, X, 3): the image, each foreground class in its colour, strokes without shade."""
    colours = _CLASS_COLOURS[1 + (found.astype(int) - 2) % (len(_CLASS_COLOURS) - 1)]
    share = _OPACITY * (found > 1)[..., None]
    shown = (1 - share) * grey[..., None] + share * colours
    if strokes is not None:
        of_strokes = np.array([_BACKGROUND_STROKE, *_CLASS_COLOURS[1:]])
        painted = strokes > 0
        shown[painted] = of_strokes[(strokes[painted].astype(int) - 1) % len(of_strokes)]
    return shown
