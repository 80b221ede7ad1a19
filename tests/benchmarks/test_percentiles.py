"""Percentiles alone are compared with the rule of today where the two differ, and only there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmarks.intensities import Field, field
from benchmarks.strokes.datasets import Dataset, Picture
from benchmarks.strokes.percentiles import differing_ranges, percentiles_alone

from napari_unet.core.images.lazy_plane import intensities_of


def picture(count: int) -> Picture:
    made: Field = field(count, np.random.default_rng(0))
    return Picture(f"{count}", made.image, (made.cells > 0).astype(np.uint8))


def test_by_percentiles_alone_a_single_cell_is_not_in_the_range():
    image = picture(1).image[None]
    with percentiles_alone():
        (before,) = intensities_of(image)
    (today,) = intensities_of(image)
    assert (before.low, before.high) == pytest.approx(np.percentile(image, [1, 99.8]))
    assert today.high > before.high + 100


@pytest.mark.parametrize(("counts", "differing"), [((40, 30), 0), ((40, 1), 1), ((0, 1), 2)])
def test_images_are_counted_whose_ranges_may_differ(counts, differing):
    first, second = map(picture, counts)
    assert differing_ranges(Dataset("made", Path(), 2, (first,), (second,))) == differing
