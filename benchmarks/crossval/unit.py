"""One method on one fold: train, predict, score, and write the result and its picture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from benchmarks.common.clocks import CLOCKS
from benchmarks.crossval.data import Folder, Sample, load_folder
from benchmarks.crossval.folds import Fold, check_fold, fewer, make_folds
from benchmarks.crossval.methods import build
from benchmarks.crossval.pictures import draw_worst_and_best
from benchmarks.crossval.results import ImageScores, Result, Settings, Unit, path_of
from benchmarks.crossval.scoring import THRESHOLDS, score_image
from benchmarks.crossval.summary import quality
from benchmarks.crossval.variations import VARIATIONS
from napari_unet.core.io.atomic import write_whole

WEIGHTS = "weights"  # folder of what trainings keep


@dataclass(frozen=True, eq=False)
class Predicted:
    """A test image, what was predicted, and its scores."""

    sample: Sample
    found: np.ndarray  # (Y, X) index of the most probable class
    scores: ImageScores


def fold_of(folder: Folder, unit: Unit) -> Fold:
    """Return the fold of a unit, with fewer training images where its variation says so.

    Raises
    ------
    InvalidInput
        It cannot be learnt.
    """
    fold = make_folds(len(folder.samples), folder.frames)[unit.fold]
    variation = VARIATIONS.get(unit.method)
    if variation is not None and variation.images is not None:
        fold = fewer(fold, variation.images, folder.frames)
    check_fold(folder, fold)
    return fold


def run_unit(unit: Unit, settings: Settings, output: Path) -> Result:
    """Run a unit; its result is written last.

    Raises
    ------
    UserError
        With what is wrong and what to do.
    """
    folder = load_folder(Path(unit.folder))
    fold = fold_of(folder, unit)
    variation = VARIATIONS.get(unit.method)
    kept = variation.trained_as if variation is not None else unit.method
    method = build(
        unit.method,
        folder,
        settings,
        seed=unit.fold,
        kept=output / WEIGHTS / f"fold{unit.fold}.{kept}",
    )
    clock = CLOCKS[settings.clock]
    training = method.train([folder.samples[i] for i in fold.training])
    predicted = []
    for index in fold.test:
        sample = folder.samples[index]
        start = clock()
        probabilities = method.predict(sample)
        seconds = method.seconds_to_predict(sample, clock() - start)
        scores = score_image(
            probabilities, sample, folder, near=index in fold.near, seconds=seconds
        )
        predicted.append(Predicted(sample, probabilities.argmax(axis=0), scores))
    result = Result(
        unit=unit,
        settings=settings,
        label_kind=folder.label_kind,
        scored=folder.scored,
        classes=folder.names,
        membrane=folder.membrane,
        folds=len(make_folds(len(folder.samples), folder.frames)),
        threads=torch.get_num_threads(),
        thresholds=THRESHOLDS if folder.membrane is not None else (),
        timed=method.timed,
        trained_on=tuple(folder.samples[i].name for i in fold.training),
        training=training,
        images=tuple(entry.scores for entry in predicted),
    )
    ranked = sorted(predicted, key=lambda entry: quality(entry.scores, folder.scored))
    path = path_of(unit, output)
    draw_worst_and_best(ranked[0], ranked[-1], folder, path.with_suffix(".png"))
    write_whole(path, result.to_bytes())
    return result
