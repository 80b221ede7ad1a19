"""A person's seconds: what strokes cost whoever paints them, by RootPainter's clock."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

PAINTING = 400.0  # pixels a second
TRAVELLING = 800.0  # pixels a second, from the end of a stroke to the beginning of the next
SEARCHING = 0.2  # seconds before each stroke
LOOKING = 0.2  # seconds at the answer of an image

Pixel = tuple[int, int]


@dataclass(frozen=True)
class Stroke:
    """Where a stroke goes.

    Attributes
    ----------
    start, end
        (row, column) of its ends.
    length
        Of its middle line, in pixels.
    """

    start: Pixel
    end: Pixel
    length: float


def person_seconds(strokes: Sequence[Stroke], looks: int) -> float:
    """Return how long a person paints, travels, searches and looks; no waiting is counted.

    Images are shown one after the other in one place, so that one travels from a stroke in one
    image to a stroke in the next as far as within an image.

    Parameters
    ----------
    strokes
        In the order in which they are painted.
    looks
        Answers that were looked at, one an image and round.

    Returns
    -------
    float
        Seconds.
    """
    painting = sum(stroke.length for stroke in strokes) / PAINTING
    ways = (math.dist(one.end, next_.start) for one, next_ in itertools.pairwise(strokes))
    return painting + sum(ways) / TRAVELLING + SEARCHING * len(strokes) + LOOKING * looks


def score_at(seconds: float, spent: Sequence[float], scores: Sequence[float]) -> float | None:
    """Return the score of the newest answer that a person has after so many seconds.

    Parameters
    ----------
    seconds
        Of a person.
    spent, scores
        By round: the person's seconds until its answer, increasing, and its score.

    Returns
    -------
    float or None
        ``None`` before the first answer, and after the last one: nobody knows what more strokes
        would have brought.
    """
    if not spent[0] <= seconds <= spent[-1]:
        return None
    return [score for at, score in zip(spent, scores, strict=True) if at <= seconds][-1]
