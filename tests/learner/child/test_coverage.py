"""What of a plane is still to be predicted."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.images.box import Tile
from napari_unet.learner.child.coverage import BLOCK, CELL, Cover


def all_of(cover, version, region=None) -> list[Tile]:
    """Predict block after block until nothing is outdated."""
    tiles = []
    while (tile := cover.outdated(version, region)) is not None:
        cover.mark(tile, version)
        tiles.append(tile)
        assert len(tiles) < 1000
    return tiles


@given(
    shape=st.tuples(st.integers(1, 1500), st.integers(1, 1500)),
    corners=st.tuples(*[st.floats(0, 1)] * 4),
)
def test_blocks_cover_a_region_once_and_are_small(shape, corners):
    spans = []
    for size, pair in zip(shape, (corners[:2], corners[2:]), strict=True):
        low, high = sorted(int(share * size) for share in pair)
        spans.append((low, max(high, min(low + 1, size))))
    region = Tile(*spans)
    seen = np.zeros(shape, int)
    for tile in all_of(Cover(shape), 1, region):
        seen[tile.slices] += 1
        assert tile.rows[1] <= shape[0]
        assert tile.columns[1] <= shape[1]
        assert max(tile.rows[1] - tile.rows[0], tile.columns[1] - tile.columns[0]) <= BLOCK
    assert seen.max(initial=0) <= 1
    assert (seen[region.slices] == 1).all()


def test_a_view_that_moved_needs_only_what_is_new():
    cover = Cover((512, 2048))
    all_of(cover, 1, Tile((0, 512), (0, 512)))
    assert all_of(cover, 1, Tile((0, 512), (0, 500))) == []
    (tile,) = all_of(cover, 1, Tile((0, 512), (100, 600)))
    assert tile.columns[1] >= 600


def test_every_block_has_its_turn_however_often_the_version_grows():
    cover = Cover((CELL, 4 * BLOCK))
    seen = []
    for version in range(1, 9):
        tile = cover.outdated(version)
        cover.mark(tile, version)
        seen.append(tile.columns[0])
    assert seen == [0, BLOCK, 2 * BLOCK, 3 * BLOCK] * 2


@pytest.mark.parametrize("region", [None, Tile((3, 3), (0, 9))])
def test_before_there_is_anything_to_predict_with_nothing_is_outdated(region):
    assert Cover((40, 40)).outdated(0, region) is None
    assert Cover((40, 40)).outdated(0 if region is None else 1, region) is None
