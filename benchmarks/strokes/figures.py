"""Curves over strokes and seconds, and pictures of start, middle and end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from benchmarks.strokes.datasets import load
from benchmarks.strokes.results import DENSE, METHODS, Result, path_of
from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.images.normalise import normalise
from napari_unet.errors import UserError

# The palette of Okabe and Ito, which colour-blind people can tell apart.
_COLOURS = ("#999999", "#0072B2", "#E69F00", "#CC79A7", "#56B4E9", "#D55E00", "#009E73")
COLOURS = dict(zip(METHODS, _COLOURS, strict=True))
_MOMENTS = ("start", "middle", "end")
_CLASS_COLOURS = np.array([[0, 0, 0], [230, 159, 0], [86, 180, 233], [0, 158, 115]]) / 255
_OPACITY = 0.55


def draw_curves(results: Sequence[Result], output: Path) -> Path:
    """Draw intersection over union against strokes and against seconds of training.

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
        for row, what in enumerate(("strokes", "seconds of training")):
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
    return [entry.trained_seconds for entry in result.rounds]


def draw_pictures(
    results: Sequence[Result], output: Path, say: Callable[[str], None]
) -> Iterator[Path]:
    """Draw one test image of each data set as each method segments it at start, middle and end.

    A row a moment, a column a method; the image in the first column, the truth outlined.

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
            picture = load(Path(chosen[0].unit.folder), seed).test[0]
        except (UserError, OSError) as error:
            say(f"no pictures of {dataset}: {error}")
            continue
        grey = _grey(picture.image, picture.truth)
        figure = _pictures(chosen, grey, picture.truth, output)
        figure.suptitle(f"{dataset}, {picture.name}")
        path = output / f"pictures-{dataset}.png"
        figure.savefig(path, dpi=110)
        yield path


def _pictures(runs: Sequence[Result], grey: np.ndarray, truth: np.ndarray, output: Path) -> Figure:
    height = 2.2 * grey.shape[0] / grey.shape[1]
    figure = Figure(
        figsize=(2.2 * (len(runs) + 1), (height + 0.1) * len(_MOMENTS) + 0.7), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(_MOMENTS), len(runs) + 1, squeeze=False)
    for row, moment in enumerate(_MOMENTS):
        axes[row, 0].imshow(grey, cmap="gray")
        axes[row, 0].set_ylabel(moment)
        for column, result in enumerate(runs, start=1):
            with np.load(path_of(result.unit, output).with_suffix(".npz")) as kept:
                found = kept.get(moment, None)
            if found is None:
                axes[row, column].set_visible(False)
                continue
            axes[row, column].imshow(_overlaid(grey, found))
            for index in range(1, result.classes):
                for colour, width in (("black", 1.4), ("white", 0.6)):  # seen on any ground
                    axes[row, column].contour(
                        truth == index, [0.5], colors=colour, linewidths=width
                    )
    axes[0, 0].set_title("image")
    for column, result in enumerate(runs, start=1):
        shown = axes[-1 if result.unit.method == DENSE else 0, column]
        shown.set_title(result.unit.method)
    for panel in axes.flat:
        panel.set_xticks([])
        panel.set_yticks([])
    return figure


def _grey(image: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return (Y, X) float32 between 0 and 1, the mean of the channels."""
    return np.clip(normalise(pieces_like(image, truth, 2).data[0]), 0, 1).mean(axis=0)


def _overlaid(grey: np.ndarray, found: np.ndarray) -> np.ndarray:
    """Return (Y, X, 3): the image with each foreground class in its colour."""
    colours = _CLASS_COLOURS[1 + (found.astype(int) - 2) % (len(_CLASS_COLOURS) - 1)]
    share = _OPACITY * (found > 1)[..., None]
    return (1 - share) * grey[..., None] + share * colours
