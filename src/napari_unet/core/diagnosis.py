"""What can be noticed about strokes, images and results that often goes wrong; pure functions.

A finding is never an error: nothing is refused for it. Each leads to a heading of
``docs/troubleshooting.md``.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from napari_unet.core.images.intensity import Intensities, Scaling
from napari_unet.core.labels.classes import BACKGROUND, ClassInfo, LabelKind, default_name
from napari_unet.core.models.header import ModelHeader

PAGE = "docs/troubleshooting.md"
FEW_PIXELS = 30  # of a class: less than one short stroke of a thin brush
_FACTOR = 3.0  # an image's range against the trained one, above which it is much brighter
_EMPTY = 0.5  # of 1, above which an image is said to show nothing
_UNLIKE = "an-image-unlike-the-training-images"


@dataclass(frozen=True)
class Finding:
    """Something that often is the reason why a result is wrong.

    What was noticed and where, as the first half of a sentence; what to do about it, as the second;
    the heading of ``docs/troubleshooting.md`` that says more.
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

    ``counts`` are labelled pixels by class id. While there are not two classes nothing is said:
    then a training is refused, with a reason of its own. Objects need no background of their own.
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

    Of what a training would refuse nothing is said. Whether an image that is read in parts was
    given twice is not looked at.
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
        if not isinstance(image, np.ndarray):
            continue
        digest = blake2b(np.ascontiguousarray(image).data).digest()
        earlier = first.setdefault((image.shape, image.dtype.str, digest), number)
        if earlier != number:
            yield earlier, number


def of_contradiction(pixels: int, one: str, other: str, *, used: str) -> tuple[Finding, ...]:
    """Say that two paintings of one image give pixels two classes.

    ``pixels`` comes from :func:`contradicting_pixels`; ``used`` says as a clause what a training
    makes of them.
    """
    if pixels == 0:
        return ()
    plural = "s have" if pixels > 1 else " has"
    what = f"{pixels:,} pixel{plural} one class in {one} and another in {other}"
    return (Finding(what, used, "strokes-of-two-classes-on-the-same-pixels"),)


def contradicting_pixels(one: np.ndarray, other: np.ndarray, kind: LabelKind = "scribbles") -> int:
    """Count the pixels that two paintings of one image, of one shape, give different classes.

    Of strokes, 0 is unlabelled. Numbers of objects are no classes: none contradict each other.
    """
    if kind == "instances" or one.shape != other.shape:
        return 0
    differ = one != other
    if kind == "scribbles":
        differ &= (one != 0) & (other != 0)
    return int(np.count_nonzero(differ))


def of_intensities(scaling: Scaling, seen: Intensities) -> tuple[Finding, ...]:
    """Compare the plane of an image that shows most with the images a model was trained on.

    An image that shows one value says nothing.
    """
    if len(seen) != len(scaling.reference) or all(one.span == 0 for one in seen):
        return ()
    empty = scaling.emptiness(seen) > _EMPTY
    if scaling.way == "training":
        return _of_fixed_range(scaling.reference, seen)
    if not empty:
        return ()
    what = "the image shows nothing but noise, as an empty field does"
    if scaling.way == "image":
        used = "noise is now looked at as if it were things; choose the intensities “automatic”"
    else:
        used = "it was scaled as the training images; if there are faint things in it, choose " + (
            "the intensities “each image by itself”"
        )
    return (Finding(what, used, _UNLIKE),)


def _of_fixed_range(trained: Intensities, seen: Intensities) -> tuple[Finding, ...]:
    for channel, (known, own) in enumerate(zip(trained, seen, strict=True)):
        if known.span == 0 or own.span == 0:
            continue
        reach = (own.high - known.low) / known.span
        if own.low >= known.high or reach > _FACTOR:
            how = "brighter"
        elif reach < 1 / _FACTOR:
            how = "darker"
        else:
            continue
        where = f"channel {channel} of the image" if len(seen) > 1 else "the image"
        what = (
            f"{where} is much {how} than those the model was trained on (values {own.low:.4g} to "
            f"{own.high:.4g}, there {known.low:.4g} to {known.high:.4g}), and is scaled as they are"
        )
        todo = "if it was taken otherwise than they were, choose the intensities “automatic”"
        return (Finding(what, todo, _UNLIKE),)
    return ()


def of_result(ids: Sequence[int], header: ModelHeader) -> tuple[Finding, ...]:
    """Look at which classes a model found in a whole image."""
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
    """What a prediction of an image has shown so far, piece by piece."""

    def __init__(self, header: ModelHeader) -> None:
        self._header = header
        self._class_ids = {entry.id for entry in header.classes}
        self._ids: set[int] = set()
        self._fullest: Intensities = ()

    def add_classes(self, ids: np.ndarray) -> None:
        """Take in class ids as painted, of any shape, of a part."""
        if 0 not in self._class_ids:
            ids = ids[ids > 0]  # 0 where nothing was imaged
        if ids.size and len(self._ids) < 2:
            self._ids |= {int(ids.min()), int(ids.max())}

    def add_intensities(self, seen: Intensities) -> None:
        """Take in what the grey values of a plane or volume are like; the fullest is kept."""
        if not seen:
            return
        emptiness = self._header.scaling.emptiness
        if not self._fullest or (emptiness(seen), -_span(seen)) < (
            emptiness(self._fullest),
            -_span(self._fullest),
        ):
            self._fullest = seen

    def findings(self) -> tuple[Finding, ...]:
        """Return what there is to say of the image, once all of it was taken in."""
        of_range = of_intensities(self._header.scaling, self._fullest)
        # Where nothing is to be seen, a result of one class is as it should be.
        return of_range or of_result(sorted(self._ids), self._header)


def _span(seen: Intensities) -> float:
    return max(one.span for one in seen)
