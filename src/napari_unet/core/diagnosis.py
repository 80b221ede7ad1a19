"""What can be noticed about strokes, images and results that often goes wrong; pure functions.

A finding is never an error: nothing is refused for it. Each leads to a heading of
``docs/troubleshooting.md``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from napari_unet.core.labels.classes import BACKGROUND, ClassInfo, LabelKind, default_name
from napari_unet.core.models.header import GreyValues, ModelHeader

PAGE = "docs/troubleshooting.md"
FEW_PIXELS = 30  # of a class: less than one short stroke of a thin brush
_FACTOR = 3.0  # an image's range against the trained one, above which it is much brighter


@dataclass(frozen=True)
class Finding:
    """Something that often is the reason why a result is wrong.

    Attributes
    ----------
    what
        What was noticed and where, as the first half of a sentence.
    todo
        What to do about it, as the second half.
    anchor
        The heading of ``docs/troubleshooting.md`` that says more.
    """

    what: str
    todo: str
    anchor: str

    @property
    def text(self) -> str:
        """The sentence."""
        sentence = f"{self.what}; {self.todo}."
        return sentence[:1].upper() + sentence[1:]

    @property
    def more(self) -> str:
        """Where to read more."""
        return f"{PAGE}#{self.anchor}"


def of_strokes(
    counts: Mapping[int, int], classes: Iterable[ClassInfo] = (), kind: LabelKind = "scribbles"
) -> tuple[Finding, ...]:
    """Look at what is labelled before a training.

    Parameters
    ----------
    counts
        Number of labelled pixels by class id. While there are not two classes nothing is said:
        then a training is refused, with a reason of its own.
    classes
        Names of classes.
    kind
        What the labels are. Objects need no background of their own.
    """
    painted = {i: count for i, count in counts.items() if count > 0}
    if len(painted) < 2 or kind == "instances":
        return ()
    found = []
    if kind == "scribbles" and BACKGROUND not in painted:
        found.append(
            Finding(
                f"nothing is painted as background, class {BACKGROUND}",
                "paint some where nothing of interest is, also close to things, or they will be "
                "found everywhere",
                "no-background-strokes",
            )
        )
    names = {entry.id: entry.name for entry in classes}
    for class_id, count in sorted(painted.items()):
        if count < FEW_PIXELS:
            name = names.get(class_id, default_name(class_id, kind))
            found.append(
                Finding(
                    f"only {count} pixel{'s' * (count > 1)} of “{name}” "
                    f"{'are' if count > 1 else 'is'} painted",
                    "paint it in several places",
                    "a-class-with-a-few-pixels",
                )
            )
    return tuple(found)


def of_training(
    images: Sequence[np.ndarray], labels: Sequence[np.ndarray], kind: LabelKind
) -> tuple[Finding, ...]:
    """Look at images and labels before a training.

    Parameters
    ----------
    images, labels
        Any arrays; of what a training would refuse nothing is said.
    kind
        What the labels are.
    """
    counts: Counter[int] = Counter()
    for array in labels:
        ids, numbers = np.unique(array, return_counts=True)
        counts.update({int(i): int(n) for i, n in zip(ids, numbers, strict=True)})
    if kind == "scribbles":
        del counts[0]
    found = list(of_strokes(counts, kind=kind))
    for one, other in _twice(images):
        pixels = contradicting_pixels(labels[one], labels[other], kind)
        names = f"the labels of image {one + 1}", f"those of image {other + 1}, which is the same"
        found += of_contradiction(pixels, *names, used="both are learnt; correct one of them")
    return tuple(found)


def _twice(images: Sequence[np.ndarray]) -> Iterator[tuple[int, int]]:
    """Find images that were given before, as (number of the first, number), from 0."""
    first: dict[tuple[object, ...], int] = {}
    for number, image in enumerate(images):
        digest = blake2b(np.ascontiguousarray(image).data).digest()
        earlier = first.setdefault((image.shape, image.dtype.str, digest), number)
        if earlier != number:
            yield earlier, number


def of_contradiction(pixels: int, one: str, other: str, *, used: str) -> tuple[Finding, ...]:
    """Say that two paintings of one image give pixels two classes.

    Parameters
    ----------
    pixels
        How many, see :func:`contradicting_pixels`.
    one, other
        What the paintings are called.
    used
        What a training makes of them, as a clause.
    """
    if pixels == 0:
        return ()
    plural = "s have" if pixels > 1 else " has"
    what = f"{pixels:,} pixel{plural} one class in {one} and another in {other}"
    return (Finding(what, used, "strokes-of-two-classes-on-the-same-pixels"),)


def contradicting_pixels(one: np.ndarray, other: np.ndarray, kind: LabelKind = "scribbles") -> int:
    """Count the pixels that two paintings of one image, of one shape, give different classes.

    Parameters
    ----------
    one, other
        Class ids as painted.
    kind
        Of strokes, 0 is unlabelled. Numbers of objects are no classes: none contradict each other.
    """
    if kind == "instances" or one.shape != other.shape:
        return 0
    differ = one != other
    if kind == "scribbles":
        differ &= (one != 0) & (other != 0)
    return int(np.count_nonzero(differ))


def of_grey_values(trained: GreyValues, seen: GreyValues) -> tuple[Finding, ...]:
    """Compare an image's grey values with those of the images a model was trained on.

    Parameters
    ----------
    trained, seen
        (low, high) of each channel. An image that shows one value says nothing.
    """
    for channel, ((low, high), (darkest, brightest)) in enumerate(zip(trained, seen, strict=False)):
        if darkest == brightest or low == high:
            continue
        reach = (brightest - low) / (high - low)
        if darkest >= high or reach > _FACTOR:
            how = "brighter"
        elif reach < 1 / _FACTOR:
            how = "darker"
        else:
            continue
        where = f"channel {channel} of the image" if len(seen) > 1 else "the image"
        what = (
            f"{where} is much {how} than those the model was trained on (values "
            f"{darkest:.4g} to {brightest:.4g}, there {low:.4g} to {high:.4g})"
        )
        todo = "look whether the result is right; if not, paint a few strokes there and train on"
        return (Finding(what, todo, "an-image-much-brighter-or-darker"),)
    return ()


def of_result(ids: Sequence[int], header: ModelHeader) -> tuple[Finding, ...]:
    """Look at which classes a model found in a whole image.

    Parameters
    ----------
    ids
        Ids that occur in the segmentation.
    header
        Of the model.
    """
    if len(set(ids)) != 1:
        return ()
    names = {entry.id: entry.name for entry in header.classes}
    what = f"all of the image was found to be “{names.get(ids[0], str(ids[0]))}”"
    todo = (
        "if that is wrong, paint the other classes in more places, four strokes or more of each, "
        "and train on"
    )
    return (Finding(what, todo, "a-result-of-one-class"),)


def of_model(header: ModelHeader) -> tuple[Finding, ...]:
    """Look at what a model was last trained on."""
    if not header.history:
        return ()
    return of_strokes(header.history[-1].labelled_pixels, header.classes, header.label_kind)


class Seen:
    """What a prediction of an image has shown so far, piece by piece.

    Parameters
    ----------
    header
        Of the model that predicts.
    """

    def __init__(self, header: ModelHeader) -> None:
        self._header = header
        self._ids: set[int] = set()
        self._grey: GreyValues = ()

    def add_classes(self, ids: np.ndarray) -> None:
        """Take in class ids as painted, of any shape, of a part."""
        if ids.size and len(self._ids) < 2:
            self._ids |= {int(ids.min()), int(ids.max())}

    def add_grey_values(self, values: GreyValues) -> None:
        """Take in each channel's (low, high) of a plane or volume."""
        self._grey = joined([self._grey, values])

    def findings(self) -> tuple[Finding, ...]:
        """Return what there is to say of the image, once all of it was taken in."""
        trained = joined([record.grey_values for record in self._header.history])
        of_ids = of_result(sorted(self._ids), self._header)
        return (*of_grey_values(trained, self._grey), *of_ids)


def joined(values: Iterable[GreyValues]) -> GreyValues:
    """Return each channel's lowest low and highest high; what is empty does not count."""
    known = [one for one in values if one]
    return tuple(
        (min(low for low, _ in channel), max(high for _, high in channel))
        for channel in zip(*known, strict=False)
    )
