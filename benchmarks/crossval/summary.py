"""The scores of many images put together into one value each, or into why there is none."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.crossval.results import ImageScores
from benchmarks.crossval.scoring import MEMBRANE_SCORES, THRESHOLDS

_HIGH_IS_GOOD = ("V_rand", "V_info")
_COLUMNS = {
    "membranes": (*MEMBRANE_SCORES, "mean IoU"),
    "objects": ("SEG", "IoU of objects", "mean IoU", "AP 0.5", "F1 0.5", "pixel error"),
    "classes": ("mean IoU", "pixel error"),
}
RANKED_BY = {"membranes": "V_rand", "objects": "SEG", "classes": "mean IoU"}
SECONDS = "seconds an image"


@dataclass(frozen=True)
class Value:
    """A score of some images.

    Attributes
    ----------
    value
        ``None`` if there is none.
    threshold
        At which a membrane map reached it.
    reason
        Why there is none.
    """

    value: float | None
    threshold: float | None = None
    reason: str = ""


def columns(scored: str) -> tuple[str, ...]:
    """Return the names of the scores, for ``membranes``, ``objects`` or ``classes``."""
    return (*_COLUMNS[scored], SECONDS)


def summarise(images: Sequence[ImageScores], scored: str) -> dict[str, Value]:
    """Put the scores of images together.

    Membrane scores are means over the images, each at the threshold that is best for it, one for
    all images, as the ISBI 2012 challenge reports them. Intersections over union, pixel errors of
    classes, and the counts of objects are pooled over the images, SEG over all true objects.
    Seconds are the median.
    """
    if not images:
        return {name: Value(None, reason="there is no such test image") for name in columns(scored)}
    values: dict[str, Value] = {}
    for name in columns(scored):
        if name == SECONDS:
            values[name] = Value(statistics.median(image.seconds for image in images))
        elif scored == "membranes" and name in MEMBRANE_SCORES:
            values[name] = _best(images, name)
        elif name in _OF_OBJECTS:
            values[name] = _of_objects(images, name)
        else:
            values[name] = _of_pixels(images, name)
    return values


def quality(image: ImageScores, scored: str) -> float:
    """Return a number that is higher the better an image was predicted, for a ranking.

    V_rand at the image's best threshold, SEG, or the mean intersection over union; one minus the
    pixel error where there is no such score.
    """
    values = summarise([image], scored)
    found = values[RANKED_BY[scored]].value
    return found if found is not None else 1 - (values["pixel error"].value or 0.0)


def iou_by_class(images: Sequence[ImageScores]) -> list[float | None]:
    """Return each class's intersection over union, pixels pooled; ``None`` where there are none."""
    table = np.sum([image.confusion for image in images], axis=0)
    hits = table.diagonal()
    union = table.sum(axis=0) + table.sum(axis=1) - hits
    return [float(h / u) if u else None for h, u in zip(hits, union, strict=True)]


def _best(images: Sequence[ImageScores], name: str) -> Value:
    curves = [image.membranes[name] for image in images if image.membranes]
    there = [curve for curve in curves if curve is not None]
    if not there:
        return Value(None, reason="no test image has a region that membranes enclose")
    means = np.mean(there, axis=0)
    at = int(means.argmax() if name in _HIGH_IS_GOOD else means.argmin())
    return Value(float(means[at]), threshold=THRESHOLDS[at])


_OF_OBJECTS: dict[str, tuple[Callable[[np.ndarray], float], Callable[[np.ndarray], float]]] = {
    # Of (true, found, matched, covered): what is divided by what.
    "SEG": (lambda n: n[3], lambda n: n[0]),
    "AP 0.5": (lambda n: n[2], lambda n: n[0] + n[1] - n[2]),
    "F1 0.5": (lambda n: 2 * n[2], lambda n: n[0] + n[1]),
}


def _of_objects(images: Sequence[ImageScores], name: str) -> Value:
    counts = [(o.true, o.found, o.matched, o.covered) for o in (i.objects for i in images) if o]
    total = np.sum(counts, axis=0)
    dividend, divisor = _OF_OBJECTS[name]
    if divisor(total) == 0:
        return Value(None, reason="no test image has an object")
    return Value(float(dividend(total) / divisor(total)))


def _of_pixels(images: Sequence[ImageScores], name: str) -> Value:
    table = np.sum([image.confusion for image in images], axis=0)
    if table.sum() == 0:
        return Value(None, reason="no pixel of the test images is annotated")
    if name == "pixel error":
        return Value(float(1 - table.trace() / table.sum()))
    values = iou_by_class(images)
    if name == "IoU of objects":
        there = values[1:]
        reason = "neither truth nor prediction has an object"
        return Value(there[0], reason="" if there[0] is not None else reason)
    known = [value for value in values if value is not None]
    return Value(float(np.mean(known)))
