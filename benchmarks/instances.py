"""Instances: touching cells against connected components and Otsu, and the time they take.

Run as ``python -m benchmarks.instances``. A data set is a folder with images/ and labels/ of
objects. A U-Net is trained on every pixel of eight images and asked for the others, whose
neighbours in a series are left out; its model is kept, so that a second run only scores it.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

import napari_unet
from benchmarks.cells.methods import METHODS, objects_by
from benchmarks.cells.scoring import pooled, touches
from benchmarks.cells.speed import speed_lines
from benchmarks.common.clocks import CLOCKS
from benchmarks.crossval.data import Folder, Sample, load_folder
from benchmarks.strokes.datasets import find_folders
from napari_unet.core.events import Done, Notice
from napari_unet.core.io.atomic import make_folder, write_whole
from napari_unet.core.models.model import Model
from napari_unet.errors import InvalidInput, UserError

NAMES = ("dsb2018_fluo", "u373_phc")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder of the data sets"
    )
    parser.add_argument("--datasets", nargs="*", default=list(NAMES), metavar="FOLDER")
    parser.add_argument("--images", type=int, default=8, help="images to train on (default 8)")
    parser.add_argument("--minutes", type=float, default=5.0, help="of training (default 5)")
    parser.add_argument(
        "--clock",
        choices=tuple(CLOCKS),
        default="wall",
        help="what counts the minutes: wall, or cpu, half of the process's processor time",
    )
    parser.add_argument("--seed", type=int, default=0, help="draws images and patches")
    parser.add_argument("--output", type=Path, default=Path("benchmark-results/instances"))
    parser.add_argument("--no-speed", action="store_true", help="leave the large image out")
    options = parser.parse_args(arguments)
    if options.images < 1 or options.minutes <= 0:
        parser.error("images and minutes must be positive")
    return options


def draw(folder: Folder, count: int, seed: int) -> tuple[list[Sample], list[Sample]]:
    """Return what to train on and what to score: neither shown nor the next frame of a series.

    Raises
    ------
    InvalidInput
        The labels are no objects, or nothing is left to score.
    """
    if folder.label_kind != "instances":
        raise InvalidInput(f"the labels in {folder.path} are no objects; choose another folder.")
    order = [int(i) for i in np.random.default_rng(seed).permutation(len(folder.samples))]
    training, rest = sorted(order[:count]), sorted(order[count:])
    if folder.frames:
        shown = [folder.frames[i] for i in training]
        rest = [i for i in rest if min(abs(folder.frames[i] - frame) for frame in shown) > 1]
    if not rest:
        raise InvalidInput(f"{folder.path} has too few images; choose fewer --images.")
    return [folder.samples[i] for i in training], [folder.samples[i] for i in rest]


def trained(name: str, samples: Sequence[Sample], options: argparse.Namespace) -> Model:
    """Train, or read the model of an earlier run with the same options."""
    made_with = f"{options.images}x{options.minutes:g}min-{options.clock}-seed{options.seed}"
    path = options.output / f"{name}.{made_with}.unet"
    if path.is_file():
        return napari_unet.load_model(path)
    events = napari_unet.train_events(
        [sample.image for sample in samples],
        [sample.labels for sample in samples],
        label_kind="instances",
        preset="pretrained",
        seconds=60 * options.minutes,
        seed=options.seed,
        clock=CLOCKS[options.clock],
    )
    for event in events:
        if isinstance(event, Notice):
            print(event.text, file=sys.stderr)
        if isinstance(event, Done):
            event.model.save(path)
            return event.model
    raise AssertionError("a training ends with Done")


def dataset_lines(path: Path, options: argparse.Namespace) -> list[str]:
    """Train on a folder, score all methods, and return a Markdown table."""
    folder = load_folder(path)
    training, held_out = draw(folder, options.images, options.seed)
    model = trained(folder.path.name, training, options)
    maps = [napari_unet.predict_probabilities(model, sample.image) for sample in held_out]
    touching = [i for i, sample in enumerate(held_out) if touches(sample.labels)]
    lines = [
        f"## {folder.path.name}",
        "",
        f"Trained for {options.minutes:g} minutes ({options.clock}) on {len(training)} images: "
        f"{', '.join(sample.name for sample in training)}.",
        "",
        f"| {len(held_out)} images, of which objects touch in {len(touching)} | AP 0.5 | SEG "
        "| AP 0.5, touching | SEG, touching |",
        "|---|---|---|---|---|",
    ]
    for method in METHODS:
        found = [objects_by(method, s.image, p) for s, p in zip(held_out, maps, strict=True)]
        cells = []
        for chosen in (range(len(held_out)), touching):
            scores = pooled([found[i] for i in chosen], [held_out[i].labels for i in chosen])
            cells += [f"{scores.average_precision:.3f}", f"{scores.seg:.3f}"]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    names = ", ".join(held_out[i].name for i in touching) or "none"
    return [*lines, "", f"Images in which objects touch: {names}.", ""]


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the tables and write them to ``table.md``; return the exit status."""
    options = parse(arguments)
    lines: list[str] = []
    try:
        make_folder(options.output)
        for path in find_folders(options.data, options.datasets):
            lines += dataset_lines(path, options)
        if not options.no_speed:
            lines += ["## Speed", "", *speed_lines()]
        text = "\n".join(lines)
        print(text)
        write_whole(options.output / "table.md", f"{text}\n".encode())
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
