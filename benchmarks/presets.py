"""Presets of Train against each other: the same labels, the same seconds of one core.

Run as ``python -m benchmarks.presets``. Of each data set, a folder with images/ and labels/, two
images are labelled, by strokes that correct the first answer of Live or pixel by pixel, and five
others scored. What is finished is not run again.
"""

from __future__ import annotations

import argparse
import itertools
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

import numpy as np
import torch

from benchmarks.strokes.annotator import Annotator
from benchmarks.strokes.datasets import IGNORED, Dataset, find_folders, load
from benchmarks.strokes.methods import Scratch, build
from benchmarks.strokes.simulation import score
from napari_unet.core.io.atomic import make_folder, write_whole
from napari_unet.core.network.config import PresetName

_SETS = (
    "../shared/data/u373_phc",
    "../shared/data/dsb2018_fluo",
    "../shared/data/isbi2012_em",
    "../shared/data/dsb2018_histology",
    "../shared/corpus/neuron_transmitted",
    "../shared/corpus/yeast_phase",
)
_LABELS = ("strokes", "dense")
_ROUNDS = 6  # of strokes: 24 where there are two classes


@dataclass(frozen=True)
class Unit:
    """What is trained once; ``str()`` is the name of its result."""

    folder: Path
    seed: int
    labels: str
    seconds: float
    preset: PresetName

    def __str__(self) -> str:
        return f"{self.folder.name}.{self.seed}.{self.labels}.{self.seconds:g}.{self.preset}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--datasets", nargs="+", default=list(_SETS), metavar="FOLDER")
    parser.add_argument("--presets", nargs="+", choices=get_args(PresetName))
    parser.add_argument("--labels", nargs="+", choices=_LABELS, default=list(_LABELS))
    parser.add_argument("--seconds", nargs="+", type=float, default=[40.0, 120.0])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--output", type=Path, default=Path("benchmark-results/presets"))
    parser.set_defaults(presets=["compact", "pretrained"])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    output = make_folder(options.output)
    folders = find_folders(Path(), options.datasets)
    choices = (options.seeds, options.seconds, options.labels, folders, options.presets)
    for seed, seconds, labels, folder, preset in itertools.product(*choices):
        unit = Unit(folder, seed, labels, seconds, preset)
        if not (output / f"{unit}.json").exists():
            print(f"{unit}: {run(unit, output):.3f}", flush=True)
    for labels, seconds in itertools.product(options.labels, options.seconds):
        print(f"\n{labels}, {seconds:g} s\n")
        for line in table(folders, options.seeds, labels, seconds, options.presets, output):
            print(line)


def run(unit: Unit, output: Path) -> float:
    """Train and score; write the result, and a picture's prediction beside it."""
    data = load(unit.folder, unit.seed)
    images = [picture.image for picture in data.training]
    method = Scratch(images, unit.seed, time.process_time, preset=unit.preset)
    for index, labels in enumerate(labels_of(data, unit, output)):
        method.set_labels(index, labels)
    start = time.process_time()
    method.run(unit.seconds)
    spent = time.process_time() - start
    found = score(method, data.test, data.classes)
    np.savez_compressed(output / f"{unit}.npz", *found.predictions)
    result = {
        "iou": found.iou,
        "seconds": spent,
        "steps": method.steps,
        "predict_seconds": found.predict_seconds,
    }
    write_whole(output / f"{unit}.json", json.dumps(result).encode())
    return found.iou


def labels_of(data: Dataset, unit: Unit, output: Path) -> list[np.ndarray]:
    """Return the labels of both images, (Y, X) uint8; strokes are painted once and kept."""
    if unit.labels == "dense":
        return [
            np.where(p.truth == IGNORED, 0, p.truth + 1).astype(np.uint8) for p in data.training
        ]
    path = output / f"{data.name}.{unit.seed}.strokes.npz"
    if not path.exists():
        truths = [picture.truth for picture in data.training]
        annotator = Annotator(truths, data.classes, np.random.default_rng(unit.seed))
        method = build("first", [p.image for p in data.training], unit.seed, time.process_time)
        annotator.begin()
        for _ in range(_ROUNDS - 1):
            for index, labels in enumerate(annotator.labels):
                method.set_labels(index, labels)
            method.run(0)
            annotator.correct([method.predict(picture.image) for picture in data.training])
        np.savez_compressed(path, *annotator.labels)
    with np.load(path) as kept:
        return list(kept.values())


def table(
    folders: Sequence[Path],
    seeds: Sequence[int],
    labels: str,
    seconds: float,
    presets: Sequence[str],
    output: Path,
) -> list[str]:
    """Return the lines of a table in Markdown: each seed's IoU, and the means over seeds."""
    rows = [["data set", *presets, "steps", "s a prediction"], ["---"] * (len(presets) + 3)]
    means = []
    for folder in folders:
        found = [
            [
                json.loads((output / f"{Unit(folder, s, labels, seconds, p)}.json").read_bytes())
                for s in seeds
            ]
            for p in presets
        ]
        ious = np.array([[one["iou"] for one in row] for row in found])
        means.append(ious.mean(axis=1))
        cells = [
            f"{mean:.3f} ({', '.join(f'{iou:.3f}' for iou in row)})"
            for mean, row in zip(means[-1], ious, strict=True)
        ]
        steps, spent = (
            ", ".join(f"{np.mean([one[name] for one in row]):{how}}" for row in found)
            for name, how in (("steps", ".0f"), ("predict_seconds", ".2f"))
        )
        rows.append([folder.name, *cells, steps, spent])
    rows.append(["mean", *(f"{mean:.3f}" for mean in np.mean(means, axis=0)), "", ""])
    return [f"| {' | '.join(row)} |" for row in rows]


if __name__ == "__main__":
    main()
