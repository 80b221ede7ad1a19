"""The worst and the best test image of a fold, and the learning curves."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from skimage.measure import label

from benchmarks.crossval.data import IGNORED, Folder
from benchmarks.crossval.results import Result
from benchmarks.crossval.summary import RANKED_BY, summarise
from benchmarks.crossval.variations import VARIATIONS
from napari_unet.core.io.atomic import write_whole
from napari_unet.core.labels.classes import PALETTE

if TYPE_CHECKING:
    from benchmarks.crossval.unit import Predicted

_MISSED, _ADDED, _CONFUSED = "#0072B2", "#D55E00", "#CC79A7"
_UNKNOWN = 0.5  # grey
_WIDTH = 3.4  # inches, of a panel


def draw_worst_and_best(worst: Predicted, best: Predicted, folder: Folder, path: Path) -> None:
    """Draw two rows: image, truth, prediction (the most probable class), and where they differ.

    Errors are blue where background was found instead of a class, orange where a class was found
    instead of background, pink where two other classes were confused.
    """
    rows, width = worst.sample.labels.shape
    figure = Figure(figsize=(4 * _WIDTH, 2 * (_WIDTH * rows / width + 0.5)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 4, squeeze=False)
    for row, (title, entry) in enumerate((("worst", worst), ("best", best))):
        truth = entry.sample.classes
        panels = (
            (f"{title}: {entry.sample.name}", _grey(entry.sample.plane)),
            ("truth", _segmented(truth, entry.sample.labels, folder)),
            ("prediction", _segmented(entry.found, label(entry.found, connectivity=1), folder)),
            (_caption(entry, folder), _errors(truth, entry.found, folder)),
        )
        for panel, (name, picture) in zip(axes[row], panels, strict=True):
            panel.imshow(picture, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
            panel.set_title(name, fontsize=9)
            panel.set_axis_off()
    _write(figure, path)


def draw_curves(results: Sequence[Result], output: Path) -> Path | None:
    """Draw loss and held-out score against the seconds of training, a line a result.

    Returns
    -------
    Path or None
        Of the picture, curves.png; nothing is drawn where no training has a curve.
    """
    copies = {variation.name for variation in VARIATIONS.values() if variation.zero_padded}
    drawn = [r for r in results if r.training.curve and r.unit.method not in copies]
    if not drawn:
        return None
    names = sorted({result.unit.method for result in drawn})
    figure = Figure(figsize=(10, 4.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, 2)
    for result in drawn:
        colour = PALETTE[names.index(result.unit.method) % len(PALETTE)]
        style = "-" if names.index(result.unit.method) < len(PALETTE) else "--"
        for panel, values in zip(axes, ("loss", "held_out"), strict=True):
            points = [(p.seconds, getattr(p, values)) for p in result.training.curve]
            points = [point for point in points if point[1] is not None]
            if points:
                name = result.unit.method
                known = {line.get_label() for line in panel.get_lines()}
                title = f"_{name}" if name in known else name  # each once in the legend
                line = zip(*points, strict=True)
                panel.plot(*line, style, marker=".", color=colour, label=title, lw=1.2, ms=3)
    _finish(axes[0], "training loss, mean since the last point")
    _finish(axes[1], "mean IoU of held-out training pixels")
    axes[0].set_yscale("log")
    path = output / "curves.png"
    _write(figure, path)
    return path


def _finish(panel: Axes, title: str) -> None:
    panel.set_xlabel("seconds of training")
    panel.set_title(title, fontsize=10)
    panel.grid(alpha=0.3)
    if panel.get_lines():
        panel.legend(fontsize=8)
    else:
        panel.text(0.5, 0.5, "nothing was scored", ha="center", transform=panel.transAxes)


def _caption(entry: Predicted, folder: Folder) -> str:
    values = summarise([entry.scores], folder.scored)
    known = [(name, values[name].value) for name in (RANKED_BY[folder.scored], "pixel error")]
    return ", ".join(["errors", *(f"{name} {v:.3f}" for name, v in known if v is not None)])


def _grey(plane: np.ndarray) -> np.ndarray:
    """Return (Y, X) between 0 and 1, or (Y, X, 3) of three channels."""
    clipped = np.clip(plane, 0, 1)
    return np.moveaxis(clipped, 0, -1) if len(plane) == 3 else clipped.mean(axis=0)


def _segmented(classes: np.ndarray, objects: np.ndarray, folder: Folder) -> np.ndarray:
    """Return (Y, X, 3): objects in colours of their own, or else classes."""
    if folder.scored != "objects":
        return _coloured(classes, folder)
    colours = np.array([to_rgb(colour) for colour in PALETTE[:-1]])  # without black
    out = colours[objects % len(colours)]
    out[objects == 0] = 0
    return out


def _coloured(classes: np.ndarray, folder: Folder) -> np.ndarray:
    """Return (Y, X, 3): the first class black, a second one alone white, others in colours."""
    colours = [(0.0, 0.0, 0.0), (1.0, 1.0, 1.0)]
    if folder.n_classes > 2:
        others = [to_rgb(PALETTE[i % len(PALETTE)]) for i in range(folder.n_classes - 1)]
        colours = [colours[0], *others]
    out = np.array(colours)[np.maximum(classes, 0)]
    out[classes == IGNORED] = _UNKNOWN
    return out


def _errors(truth: np.ndarray, found: np.ndarray, folder: Folder) -> np.ndarray:
    out = 0.25 + 0.5 * _coloured(truth, folder)
    wrong = (truth != found) & (truth != IGNORED)
    out[wrong] = to_rgb(_CONFUSED)
    out[wrong & (found == 0)] = to_rgb(_MISSED)
    out[wrong & (truth == 0)] = to_rgb(_ADDED)
    return out


def _write(figure: Figure, path: Path) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=110, format="png")
    write_whole(path, buffer.getvalue())
