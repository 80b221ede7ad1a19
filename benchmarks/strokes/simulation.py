"""One annotator with one method on one data set: rounds of strokes, training and scores."""

from __future__ import annotations

import io
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from benchmarks.common.clocks import CLOCKS, Clock
from benchmarks.strokes.annotator import Annotator
from benchmarks.strokes.datasets import IGNORED, Dataset, Picture, load
from benchmarks.strokes.methods import Method, build
from benchmarks.strokes.person import person_seconds
from benchmarks.strokes.results import DENSE, First, Result, Round, Settings, Unit, path_of
from napari_unet.core.io.atomic import write_whole


@dataclass(frozen=True)
class Scored:
    """Intersection over union on the test images, and what it took.

    Attributes
    ----------
    iou
        Mean over the foreground classes.
    per_class
        By class, background first; ``None`` for a class that is neither there nor found.
    predict_seconds
        Wall seconds to predict one image, the mean.
    predictions
        (Y, X) class ids as painted, one array an image.
    """

    iou: float
    per_class: tuple[float | None, ...]
    predict_seconds: float
    predictions: tuple[np.ndarray, ...]


def score(method: Method, pictures: Sequence[Picture], classes: int) -> Scored:
    """Predict each image once and compare the pixels of all of them, pooled, with the truth."""
    start = time.perf_counter()
    predictions = tuple(method.predict(picture.image) for picture in pictures)
    seconds = (time.perf_counter() - start) / len(pictures)
    both = np.zeros((classes, classes), np.int64)  # truth, prediction
    for picture, prediction in zip(pictures, predictions, strict=True):
        known = picture.truth != IGNORED
        found = prediction[known].astype(np.int64) - 1
        pairs = classes * picture.truth[known].astype(np.int64) + found
        both += np.bincount(pairs, minlength=classes**2).reshape(classes, classes)
    union = both.sum(axis=0) + both.sum(axis=1) - both.diagonal()
    per_class = tuple(
        float(both[index, index] / union[index]) if union[index] else None
        for index in range(classes)
    )
    there = [value for value in per_class[1:] if value is not None]
    return Scored(float(np.mean(there)) if there else 0.0, per_class, seconds, predictions)


def run_unit(unit: Unit, settings: Settings, output: Path) -> Result:
    """Simulate, and write the result and one test image's predictions beside it."""
    dataset = load(Path(unit.folder), unit.seed)
    clock = CLOCKS[settings.clock]
    images = [picture.image for picture in dataset.training]
    method = build(unit.method, images, unit.seed, clock)
    first: First | None = None
    if unit.method == DENSE:
        rounds, kept = _dense(method, dataset, settings.dense_seconds, clock)
    else:
        first, rounds, kept = _rounds(method, dataset, unit.seed, settings, clock)
    result = Result(
        unit=unit,
        settings=settings,
        threads=torch.get_num_threads(),
        training=tuple(picture.name for picture in dataset.training),
        test=tuple(picture.name for picture in dataset.test),
        classes=dataset.classes,
        first=first,
        rounds=tuple(rounds),
    )
    path = path_of(unit, output)
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **kept)
    write_whole(path.with_suffix(".npz"), buffer.getvalue())
    write_whole(path, result.to_bytes())
    return result


def shown_rounds(count: int) -> dict[str, int]:
    """Return the rounds of the pictures: start, middle, end."""
    return {"start": 0, "middle": count // 2, "end": count - 1}


def _rounds(
    method: Method, dataset: Dataset, seed: int, settings: Settings, clock: Clock
) -> tuple[First | None, list[Round], dict[str, np.ndarray]]:
    """Paint, train and score round by round."""
    training = dataset.training
    rng = np.random.default_rng(seed)
    annotator = Annotator([picture.truth for picture in training], dataset.classes, rng)
    start, trained = time.perf_counter(), 0.0
    shown = shown_rounds(settings.rounds)
    first: First | None = None
    rounds: list[Round] = []
    kept: dict[str, np.ndarray] = {}
    for number in range(settings.rounds):
        if number == 0:
            annotator.begin()
        else:
            annotator.correct([method.predict(picture.image) for picture in training])
        for index, labels in enumerate(annotator.labels):
            method.set_labels(index, labels)
        if number == 0 and method.answers_at_once:
            first = _first_prediction(method, dataset)
        began = clock()
        believed = method.run(settings.seconds)
        trained += clock() - began
        scored = score(method, dataset.test, dataset.classes)
        record = _record(number, trained, time.perf_counter() - start, believed, scored)
        person = person_seconds(annotator.strokes, annotator.looks)
        rounds.append(replace(record, strokes=len(annotator.strokes), person_seconds=person))
        for moment in (name for name, at in shown.items() if at == number):
            kept[moment] = scored.predictions[0]
            kept[f"{moment} strokes"] = annotator.labels[0].copy()
            kept[f"{moment} painted"] = method.predict(training[0].image)
    return first, rounds, kept


def _first_prediction(method: Method, dataset: Dataset) -> First:
    """Predict before any training; the time is that until one training image is predicted."""
    start = time.perf_counter()
    method.run(0)
    method.predict(dataset.training[0].image)
    seconds = time.perf_counter() - start
    scored = score(method, dataset.test, dataset.classes)
    return First(scored.iou, scored.per_class, seconds)


def _dense(
    method: Method, dataset: Dataset, seconds: float, clock: Clock
) -> tuple[list[Round], dict[str, np.ndarray]]:
    """Train on every pixel of the training images."""
    for index, picture in enumerate(dataset.training):
        known = picture.truth != IGNORED
        method.set_labels(index, np.where(known, picture.truth + 1, 0).astype(np.uint8))
    start, began = time.perf_counter(), clock()
    believed = method.run(seconds)
    trained = clock() - began
    scored = score(method, dataset.test, dataset.classes)
    wall = time.perf_counter() - start
    only = _record(0, trained, wall, believed, scored)
    return [only], {"end": scored.predictions[0]}


def _record(
    number: int,
    trained: float,
    wall: float,
    believed: float,
    scored: Scored,
) -> Round:
    return Round(
        round=number,
        strokes=None,
        person_seconds=None,
        trained_seconds=trained,
        wall_seconds=wall,
        iou=scored.iou,
        per_class=scored.per_class,
        believed=None if np.isnan(believed) else float(believed),
        predict_seconds=scored.predict_seconds,
    )
