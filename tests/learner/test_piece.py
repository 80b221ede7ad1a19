"""A piece of a plane is predicted as the whole plane is."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_unet.core.first_answer import FirstAnswer
from napari_unet.core.forest import fit_forest
from napari_unet.core.guide import FilterBlocks
from napari_unet.core.image import grey_range
from napari_unet.core.model import Model
from napari_unet.core.prediction import plane_probabilities, predict_tiles
from napari_unet.core.starter import starter_weights
from napari_unet.core.tiling import Tile
from napari_unet.learner.piece import cut_out
from scenes import preset_model, random_model, small_network, volume_network

CPU = torch.device("cpu")


class Watched:
    """A plane that notes which rows and columns are read."""

    def __init__(self, data):
        self.data, self.shape = data, data.shape
        self.read_pixels = np.zeros(data.shape[1:], bool)

    def read(self, rows, columns):
        self.read_pixels[np.ix_(rows, columns)] = True
        return self.data[:, rows[:, None], columns]

    def grey_range(self):
        return grey_range(self.data)


def in_tiles(model, plane, region, tile):
    out = np.full((len(model.classes), *plane.shape[1:]), np.nan, np.float32)
    for part in predict_tiles(model, plane, device=CPU, tile=tile, region=region):
        out[:, *part.tile.slices] = part.probabilities
    return out[:, *region.slices]


@settings(max_examples=20)
@given(
    st.tuples(st.integers(1, 120), st.integers(1, 120)),
    st.data(),
    st.sampled_from([8, 16, 64]),
    st.integers(1, 3),
)
def test_any_region_of_any_plane_is_that_of_the_whole(shape, data, tile, depth):
    model = random_model(small_network(in_channels=2, depth=depth))
    plane = np.random.default_rng(0).normal(size=(2, *shape))
    plane[0, 0, 0] += 1  # never constant
    spans = []
    for size in shape:
        start = data.draw(st.integers(0, size - 1))
        spans.append((start, data.draw(st.integers(start + 1, size))))
    region = Tile(*spans)
    piece = cut_out(plane, model.header, region)
    whole = plane_probabilities(model, plane, device=CPU)[:, *region.slices]
    np.testing.assert_allclose(in_tiles(model, piece, region, tile), whole, atol=1e-5)


@settings(max_examples=10)
@given(st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)), st.data())
def test_any_region_of_any_volume_is_that_of_the_whole(shape, data):
    model = random_model(volume_network((2.0, 1.0, 1.0)))
    volume = np.random.default_rng(0).normal(size=(1, *shape))
    volume[0, 0, 0, 0] += 1  # never constant
    spans = []
    for size in shape:
        start = data.draw(st.integers(0, size - 1))
        spans.append((start, data.draw(st.integers(start + 1, size))))
    region = Tile(*spans)
    piece = cut_out(volume, model.header, region)
    whole = plane_probabilities(model, volume, device=CPU)[:, *region.slices]
    np.testing.assert_allclose(in_tiles(model, piece, region, 8), whole, atol=1e-5)


def test_only_the_context_is_read():
    model = random_model(small_network(depth=1))
    plane = Watched(np.random.default_rng(0).random((1, 400, 400)))
    piece = cut_out(plane, model.header, Tile((100, 150), (200, 260)))
    margin = model.header.network.margin
    rows, columns = (np.flatnonzero(plane.read_pixels.any(axis=axis)) for axis in (1, 0))
    assert rows[0] == 100 - margin and columns[0] == 200 - margin
    assert plane.read_pixels.sum() == piece.pixels[0].size < (60 + 2 * margin + 20) ** 2
    with pytest.raises(IndexError):
        piece.read(np.array([0]), np.array([220]))


def test_what_a_forest_needs_is_there_too():
    """Its blocks begin at every 512th pixel, and its filters look beyond them."""
    rng = np.random.default_rng(1)
    plane = rng.integers(0, 200, (1, 80, 1300)).astype(np.uint16)
    values = FilterBlocks(plane).at(rng.integers(0, 80, 200), rng.integers(0, 500, 200))
    forest = fit_forest(values, rng.integers(0, 2, 200), 2, seed=0, trees=3)
    plain = preset_model("compact")
    header = plain.header.model_copy(update={"network_share": 0.5})
    model = Model(header, plain.weights, FirstAnswer(forest, starter_weights(1), 1))
    region = Tile((3, 70), (1150, 1200))
    piece = cut_out(plane, header, region)
    assert piece.start == (0, 1024 - 66)
    found = in_tiles(model, piece, region, 64)
    np.testing.assert_allclose(found, in_tiles(model, plane, region, 64), atol=1e-5)
