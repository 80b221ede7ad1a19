"""What a network said is not asked for again."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.core.images.box import Tile
from napari_unet.core.prediction import kept_answers
from napari_unet.core.prediction.kept_answers import KeptAnswers

PLANE, WEIGHTS, SCALED = np.zeros((1, 40, 8)), {"a": torch.zeros(1)}, ((0.0, 1.0),)
TILE = Tile((0, 4), (0, 4))


class Network:
    """Counts how often it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> np.ndarray:
        self.asked += 1
        return np.full((2, 4, 4), 0.5, np.float32)


def test_a_tile_is_asked_about_once():
    kept, network = KeptAnswers(), Network()
    for _ in range(3):
        found = kept.of(PLANE, WEIGHTS, SCALED).said(TILE, network)
    assert network.asked == 1
    assert (found == 0.5).all()
    kept.said(Tile((0, 4), (4, 8)), network)
    assert network.asked == 2


@pytest.mark.parametrize(
    ("plane", "weights", "scaled"),
    [
        (PLANE, {"a": torch.zeros(1)}, SCALED),
        (PLANE, WEIGHTS, ((0.0, 2.0),)),
        (PLANE.copy(), WEIGHTS, SCALED),
    ],
)
def test_another_plane_weights_or_scaling_are_asked_anew(plane, weights, scaled):
    kept, network = KeptAnswers(), Network()
    kept.of(PLANE, WEIGHTS, SCALED).said(TILE, network)
    kept.of(plane, weights, scaled).said(TILE, network)
    assert network.asked == 2


def test_a_part_of_a_tile_is_known():
    kept = KeptAnswers().of(PLANE, WEIGHTS, SCALED)
    rows = np.arange(12, dtype=np.float32)
    kept.said(Tile((4, 16), (0, 8)), lambda: np.tile(rows[None, :, None], (2, 1, 8)))
    network = Network()
    part = kept.said(Tile((6, 10), (2, 6)), network)
    assert network.asked == 0
    np.testing.assert_array_equal(part[1, :, 0], [2, 3, 4, 5])
    kept.said(Tile((14, 18), (2, 6)), network)
    assert network.asked == 1


def test_little_is_kept_of_a_large_plane(monkeypatch):
    monkeypatch.setattr(kept_answers, "_MOST_BYTES", 3 * 2 * 16 * 2)
    kept, network = KeptAnswers().of(PLANE, WEIGHTS, SCALED), Network()
    tiles = [Tile((row, row + 4), (0, 4)) for row in range(0, 20, 4)]
    for tile in tiles:
        kept.said(tile, network)
    kept.said(tiles[-1], network)
    assert network.asked == 5
    kept.said(tiles[0], network)
    assert network.asked == 6
