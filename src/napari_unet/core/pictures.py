"""Pictures of results: an overlay and the curves of a training, drawn without a display."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_unet.core.events import Score, Step
from napari_unet.core.images.normalise import normalise
from napari_unet.core.io.atomic import write_whole
from napari_unet.core.labels.classes import ClassInfo

_OPACITY = 0.45


def class_colors(classes: Sequence[ClassInfo]) -> dict[int, np.ndarray]:
    """Return each class's colour by id, (3,) float32 in [0, 1]."""
    return {
        entry.id: np.array([int(entry.color[i : i + 2], 16) / 255 for i in (1, 3, 5)], np.float32)
        for entry in classes
    }


def grey_or_rgb(plane: np.ndarray) -> np.ndarray:
    """Make a plane visible.

    (C, Y, X) becomes (Y, X, 3) float32 in [0, 1]; three channels are shown as red, green and blue,
    else the first one as grey.
    """
    if plane.shape[0] == 3 and plane.dtype == np.uint8:
        return np.moveaxis(plane, 0, -1).astype(np.float32) / 255
    first = np.clip(normalise(plane[:1])[0], 0, 1)
    return np.repeat(first[..., None], 3, axis=-1)


def overlay(
    plane: np.ndarray, labels: np.ndarray, classes: Sequence[ClassInfo], background: int
) -> np.ndarray:
    """Lay labels over an image, class borders solid, the background clear.

    A (C, Y, X) plane and (Y, X) class ids give (Y, X, 3) uint8.
    """
    from skimage.segmentation import find_boundaries

    picture = grey_or_rgb(plane)
    edges = find_boundaries(labels, mode="inner")
    for class_id, color in class_colors(classes).items():
        if class_id == background:
            continue
        inside = labels == class_id
        picture[inside] = (1 - _OPACITY) * picture[inside] + _OPACITY * color
        picture[inside & edges] = color
    return (255 * picture).round().astype(np.uint8)


def write_png(path: Path, picture: np.ndarray) -> None:
    """Write a (Y, X, 3) uint8 picture as PNG."""
    write_whole(path, png_bytes(picture))


def png_bytes(picture: np.ndarray) -> bytes:
    """Return the content of a PNG file of a (Y, X, 3) uint8 picture."""
    from imageio.v3 import imwrite

    return bytes(imwrite("<bytes>", picture, extension=".png"))


def write_curves(path: Path, steps: Sequence[Step], scores: Sequence[Score]) -> None:
    """Draw loss and score against time into a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4), dpi=120, layout="constrained")
    axes = figure.subplots()
    seconds = [step.elapsed for step in steps]
    losses = np.array([step.loss for step in steps])
    axes.plot(seconds, losses, color="#56B4E9", alpha=0.35, linewidth=0.8)
    axes.plot(seconds, _smoothed(losses), color="#0072B2", label="loss")
    axes.set(xlabel="seconds", ylabel="loss (weighted cross-entropy)", ylim=(0, None))
    right = axes.twinx()
    held_out = all(score.held_out for score in scores)
    label = "IoU on held-out labels" if held_out else "IoU on training labels"
    values = [score.value for score in scores]
    right.plot([score.elapsed for score in scores], values, "o-", color="#D55E00", label=label)
    right.set(ylabel=label, ylim=(0, 1.02))
    handles = [*axes.get_legend_handles_labels()[0], *right.get_legend_handles_labels()[0]]
    axes.legend(handles=handles, loc="center right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    write_whole(path, buffer.getvalue())


def _smoothed(values: np.ndarray, window: int = 25) -> np.ndarray:
    """Return the mean of the last ``window`` values at each value, (N,)."""
    total = np.cumsum(np.concatenate([[0.0], values]))
    last = np.arange(1, len(values) + 1)
    first = np.maximum(last - window, 0)
    return (total[last] - total[first]) / (last - first)
