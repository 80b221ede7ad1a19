"""Which grey values of an image become 0 and 1 before a network or a forest sees it.

The one place that decides it. Percentiles alone, of each image, undo gain and offset, but make of
the noise of an empty field what cells are in a full one. Noise grows with the gain as signal
does, so that an image which shows nothing beyond its noise can be scaled as those of the training
were, in units of noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, get_args

import numpy as np

Way = Literal["automatic", "image", "training", "stack"]
WAYS: tuple[Way, ...] = get_args(Way)
# Between the first and the second an image turns from one that shows things into an empty one.
_VARIED, _EMPTY = 10.0, 9.0  # its bulk, in standard deviations of its noise
_FLAT, _NOISY = 3.0, 3.5  # the same: of a few flat values it is less than any noise gives
_UNEVEN, _EVEN = 0.7, 0.8  # its evenness
_ALIKE, _NARROWER = 1.3, 2.0  # how much wider the training's range is than its own


@dataclass(frozen=True)
class Intensity:
    """What the grey values of one channel of a plane or volume are like.

    ``low`` and ``high`` become 0 and 1: percentiles 1 and 99.8, or further apart where few things
    are; ``bulk`` is what the two percentiles alone are apart. ``ground`` is the value of most
    pixels, in a training's of those that are labelled as background, NaN where nothing was imaged.
    ``noise`` is the standard deviation of what differs between neighbours, 0 where it cannot be
    told. ``evenness`` is 1 where squares of pixels differ as noise makes them, whatever their size;
    the nearer to 0 the more unlike that is how they differ; 0 where it cannot be told.
    """

    low: float
    high: float
    bulk: float
    ground: float
    noise: float
    evenness: float

    @property
    def span(self) -> float:
        """What becomes the distance of 0 and 1."""
        return self.high - self.low

    @property
    def place(self) -> float:
        """Where the ground lies between 0 and 1."""
        return (self.ground - self.low) / self.span if self.span > 0 else 0.0

    @property
    def contrast(self) -> float:
        """The range in units of noise; infinite without noise."""
        return self.span / self.noise if self.noise > 0 else np.inf

    @property
    def shows_things(self) -> bool:
        """Whether anything in it is certainly more than noise."""
        return _emptiness_alone(self) == 0


Intensities = tuple[Intensity, ...]
"""One a channel."""


@dataclass(frozen=True)
class Scaling:
    """How images are scaled.

    ``"automatic"``: each image by itself, but one that shows nothing beyond its noise as the
    training images; ``"image"``: each by itself; ``"training"``: all by the range of the training
    images, so that neither gain nor offset is undone; ``"stack"``: as automatic, with one range for
    all planes and time points. Without a ``reference``, that of the training images, each image is
    scaled by itself.
    """

    way: Way = "automatic"
    reference: Intensities = ()

    def of(self, seen: Intensities) -> Intensities:
        """Return the intensities of an image with ``low`` and ``high`` as they are to be used."""
        if self.way == "image" or len(self.reference) != len(seen):
            return seen
        pairs = zip(seen, self.reference, strict=True)
        if self.way == "training":
            return tuple(replace(own, low=known.low, high=known.high) for own, known in pairs)
        return tuple(_automatic(own, known) for own, known in pairs)

    def emptiness(self, seen: Intensities) -> float:
        """Return 1 for an image that shows nothing beyond noise, 0 for one that shows things.

        So much of the training images' range is used for it, unless the way is another.
        """
        if len(self.reference) != len(seen):
            return 0.0
        return min(_emptiness(*pair) for pair in zip(seen, self.reference, strict=True))


EACH_BY_ITSELF = Scaling()


def typical(training: Sequence[Intensities], before: Intensities = ()) -> Intensities:
    """Return the reference of a training: of each channel that of a typical image with contrast.

    ``training`` are those of each plane or volume, their ``ground`` that of the labelled
    background; ``before`` is the reference of the model that is trained on, if there is one.
    """
    imaged = [seen for seen in training if all(np.isfinite(one.ground) for one in seen)]
    candidates = [*imaged, *([before] if before else [])]
    return tuple(_typical(channel) for channel in zip(*candidates, strict=True))


def with_ground(seen: Intensities, background: np.ndarray) -> Intensities:
    """Return them with the ground that is labelled: (C, N) pixels, of which N may be 0."""
    return tuple(
        replace(one, ground=float(np.median(pixels))) if pixels.size else one
        for one, pixels in zip(seen, background, strict=True)
    )


def pooled(parts: Sequence[Intensities]) -> Intensities:
    """Return what several planes of one image are like together."""
    return tuple(
        Intensity(
            low=min(part.low for part in channel),
            high=max(part.high for part in channel),
            bulk=max(part.low + part.bulk for part in channel) - min(p.low for p in channel),
            ground=float(np.median([part.ground for part in channel])),
            noise=float(np.median([part.noise for part in channel])),
            evenness=min(part.evenness for part in channel),
        )
        for channel in zip(*parts, strict=True)
    )


def same_range(one: Intensities, other: Intensities, tolerance: float = 0.05) -> bool:
    """Tell whether two scalings of an image differ by little, as a share of their range."""
    return all(
        abs(a.low - b.low) + abs(a.high - b.high) <= tolerance * max(a.span, b.span)
        for a, b in zip(one, other, strict=True)
    )


def _typical(candidates: Sequence[Intensity]) -> Intensity:
    ordered = sorted(candidates, key=lambda one: (one.contrast, one.span))
    varied = [one for one in ordered if one.shows_things]
    kept = varied or ordered
    return kept[len(kept) // 2]


def _automatic(own: Intensity, known: Intensity) -> Intensity:
    share = _emptiness(own, known)
    if share == 0:
        return own
    span = known.span * _gain(own, known)
    low = own.ground - known.place * span
    # What few things there are may be brighter or darker than those of the training.
    low, high = min(low, own.low), max(low + span, own.high)
    return replace(
        own, low=own.low + share * (low - own.low), high=own.high + share * (high - own.high)
    )


def _gain(own: Intensity, known: Intensity) -> float:
    """Return how many grey values are one of the training's; 1 where noise does not tell."""
    return own.noise / known.noise if own.noise > 0 and known.noise > 0 else 1.0


def _emptiness(own: Intensity, known: Intensity) -> float:
    """Return 1 for an image that shows nothing beyond noise, 0 for one that shows things."""
    if np.isnan(own.ground) or not known.shows_things:
        return 0.0
    wanted = known.span * _gain(own, known)
    if own.bulk <= 0:
        return float(wanted > own.span)
    return _between(wanted / own.bulk, _ALIKE, _NARROWER) * _emptiness_alone(own)


def _emptiness_alone(own: Intensity) -> float:
    """Return it without regard to a training; 0 where noise cannot be told."""
    if own.noise <= 0:
        return 0.0
    bulk = own.bulk / own.noise
    like_noise = _between(bulk, _VARIED, _EMPTY) * _between(bulk, _FLAT, _NOISY)
    return like_noise * _between(own.evenness, _UNEVEN, _EVEN)


def _between(value: float, none: float, full: float) -> float:
    """Return 0 at the one and 1 at the other, in between the share of the way."""
    return float(np.clip((value - none) / (full - none), 0.0, 1.0))
