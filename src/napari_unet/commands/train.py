"""``napari-unet train``."""

import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from napari_unet.commands.interrupt import stop_by_interrupt
from napari_unet.commands.pairs import check_pairs
from napari_unet.commands.voxels import pixels_of, voxels_of
from napari_unet.core.diagnosis import of_training
from napari_unet.core.events import Best, Done, Notice, Score, Started, Step, TrainEvent
from napari_unet.core.images.cutout import is_large
from napari_unet.core.io.atomic import check_writable
from napari_unet.core.io.open_image import open_image, read_image, read_labels
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.models.model import Model
from napari_unet.core.sharing.load_model import load_model
from napari_unet.core.training.train import train_events
from napari_unet.errors import InvalidInput, UnwritableOutput


@dataclass
class Trained:
    """A finished training and its curves."""

    model: Model
    steps: list[Step] = field(default_factory=list)
    scores: list[Score] = field(default_factory=list)


def run(
    images: Sequence[Path],
    labels: Sequence[Path],
    output: Path,
    model: Path | None,
    dimensions: int | None,
    voxel_size: tuple[float, ...] | None,
    **settings: Any,
) -> None:
    """Train on files and write the model.

    ``settings`` are other fields of :class:`napari_unet.core.training.settings.TrainSettings`;
    dimensions of ``None`` are the model's, or 2, and a voxel size, (plane, row, column), of
    ``None`` is what the images say.
    """
    if len(images) != len(labels):
        raise InvalidInput(
            f"{len(images)} images and {len(labels)} label files were given; give one label file "
            "for each image, in the same order."
        )
    check_pairs(images, labels)
    check_writable(output)
    start = None if model is None else load_model(model)
    settings |= _dimension_settings(images, start, dimensions, voxel_size)
    painted = [read_labels(path) for path in labels]
    with ExitStack() as files:
        pixels = [_pixels(path, settings["dimensions"], files) for path in images]
        for finding in of_training(pixels, painted, settings["label_kind"]):
            print(f"note: {finding.text} More: {finding.more}")
        trained = train_with_bar(pixels, painted, model=start, **settings)
    print(f"model: {save_somewhere(_with_channels(trained.model), output)}")


def _pixels(path: Path, dimensions: int, files: ExitStack) -> Any:
    """Return an image or, of large planes, what reads the parts of it that are asked for."""
    source = files.enter_context(open_image(path))
    if dimensions == 2 and is_large(source.plane_shape()):
        return source.levels[0]
    return read_image(path)


def _with_channels(model: Model) -> Model:
    """Return a model that knows that it was trained on all channels of its images, in order."""
    if model.header.channels is not None:
        return model
    channels = tuple(range(model.header.network.in_channels))
    return replace(model, header=model.header.model_copy(update={"channels": channels}))


def _dimension_settings(
    images: Sequence[Path],
    model: Model | None,
    dimensions: int | None,
    voxel_size: tuple[float, ...] | None,
) -> dict[str, Any]:
    """Return the settings of planes or volumes; a new model's pixels are those of the images."""
    of_model = None if model is None else model.header.network.ndim
    given = {"dimensions": dimensions or of_model or 2}
    if voxel_size is not None:
        return given | {"voxel_size": voxel_size}
    if given["dimensions"] == 2:
        pixels = pixels_of(images)
        if pixels is not None:
            return given | {"pixel_size": pixels.size, "pixel_unit": pixels.unit}
        if model is not None:
            header = model.header
            return given | {"pixel_size": header.pixel_size, "pixel_unit": header.pixel_unit}
        return given
    if model is not None and of_model == 3:
        return given | {"pixel_unit": model.header.pixel_unit}  # and its size, by itself
    voxels = voxels_of(images)
    if voxels is None:
        return given
    print(f"the images' voxels are {voxels} (slice, row, column).")
    return given | {"voxel_size": voxels.size, "pixel_unit": voxels.unit}


def train_with_bar(
    images: Sequence[Any],
    labels: list[np.ndarray],
    *,
    model: Model | None = None,
    classes: Sequence[ClassInfo] = (),
    **settings: Any,
) -> Trained:
    """Train with a progress bar that shows the loss, the score and the time left; Ctrl-C stops."""
    with stop_by_interrupt() as stop:
        return _followed(
            train_events(images, labels, model=model, classes=classes, should_stop=stop, **settings)
        )


def _followed(events: Iterator[TrainEvent]) -> Trained:
    steps: list[Step] = []
    scores: list[Score] = []
    layout = "{desc} |{bar}| {percentage:3.0f}% [{elapsed}<{remaining}{postfix}]"
    interval = 0.2 if sys.stderr.isatty() else 10.0  # seconds; a log wants few lines
    with tqdm(total=1.0, desc="training", bar_format=layout, mininterval=interval) as bar:
        for event in events:
            match event:
                case Started():
                    tqdm.write(
                        f"{event.parameters:,} weights on {event.device} in {event.precision}"
                    )
                case Step():
                    steps.append(event)
                    done = event.elapsed / (event.elapsed + (event.remaining or 0.0))
                    bar.update(max(0.0, done - bar.n))
                    _show(bar, event, scores)
                case Score():
                    scores.append(event)
                case Notice():
                    tqdm.write(event.text)
                case Best():
                    pass
                case Done():
                    bar.update(1.0 - bar.n)
                    last = event
    _tell(last, scores)
    return Trained(last.model, steps, scores)


def save_somewhere(model: Model, output: Path) -> Path:
    """Save a model where it should go, or else where it can: a trained model is never lost."""
    try:
        model.save(output)
    except UnwritableOutput as error:
        fallback = Path(tempfile.mkdtemp(prefix="napari-unet-")) / output.name
        model.save(fallback)
        print(f"{error} The model was saved elsewhere so that it is not lost.")
        return fallback
    return output


def _show(bar: tqdm, step: Step, scores: list[Score]) -> None:
    score = f", IoU {scores[-1].value:.3f}" if scores else ""
    bar.set_postfix_str(f"step {step.step}, loss {step.loss:.3f}{score}", refresh=False)


def _tell(done: Done, scores: list[Score]) -> None:
    reasons = {
        "budget": "the budget is spent",
        "converged": "the score no longer improves",
        "stopped": "stopped",
        "lost": "the process ended",
    }
    where = "held-out" if scores[-1].held_out else "training"
    print(
        f"{done.step} steps in {done.elapsed:.1f} s, {reasons[done.reason]}; "
        f"IoU on {where} labels {done.score:.3f}"
    )
