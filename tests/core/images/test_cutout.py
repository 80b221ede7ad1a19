"""A cutout is as good as its plane."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from classified import model_of
from napari_unet.core.images.box import Tile
from napari_unet.core.images.cutout import MOST_WHOLE, Cutout, Measured, cut, is_large
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.intensity import Intensity
from napari_unet.core.prediction.context import surroundings
from napari_unet.core.prediction.predict import TileProbabilities
from napari_unet.core.prediction.tiles import predict_tiles
from scenes import random_model, small_network, volume_network

CPU = torch.device("cpu")


def probabilities(model, plane, region: Tile, tile: int = 32) -> np.ndarray:
    out = np.empty((len(model.classes), *region.sides), np.float32)
    for part in predict_tiles(model, plane, device=CPU, region=region, tile=tile):
        assert isinstance(part, TileProbabilities)
        out[:, *part.tile.within(region)] = part.probabilities
    return out


@st.composite
def planes_and_regions(draw):
    size = draw(st.tuples(st.integers(1, 90), st.integers(1, 90)))
    spans = []
    for n in size:
        start = draw(st.integers(0, n - 1))
        spans.append((start, draw(st.integers(start + 1, n))))
    return size, Tile(*spans)


@settings(max_examples=40)
@given(planes_and_regions(), st.sampled_from([4, 12, 100]), st.integers(1, 2))
def test_a_region_is_predicted_as_in_the_whole_plane(case, tile, depth):
    size, region = case
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 255, (1, *size)).astype(np.uint8)
    model = random_model(small_network(depth=depth))
    part = cut(plane, surroundings(model.header.network, region, size))
    np.testing.assert_allclose(
        probabilities(model, part, region, tile),
        probabilities(model, plane, region, tile),
        atol=1e-5,
    )


@pytest.mark.parametrize("rows", [(0, 40), (700, 740), (1270, 1300)])
def test_so_it_is_with_a_first_answer_of_which_only_some_blocks_are_cut_out(rows):
    rng = np.random.default_rng(0)
    plane = rng.integers(0, 200, (1, 1300, 600)).astype(np.uint16)
    model = model_of(1, 2, 0.5)
    region = Tile(rows, (500, 540))
    part = cut(plane, surroundings(model.header.network, region, plane.shape[1:]))
    assert part.pixels.shape[1] < 1300
    np.testing.assert_allclose(
        probabilities(model, part, region), probabilities(model, plane, region), atol=1e-5
    )


def test_it_says_the_range_of_the_whole_plane():
    plane = np.zeros((1, 20, 20), np.uint8)
    plane[0, 10:] = 200
    part = cut(plane, Tile((0, 5), (3, 9)))
    assert part.box == Tile((0, 5), (3, 9))
    assert part.shape == (1, 20, 20)
    (known,) = part.intensities()
    assert (known.low, known.high) == (0.0, 200.0)


def test_what_was_not_cut_out_cannot_be_read():
    part = cut(np.zeros((1, 20, 20), np.uint8), Tile((5, 10), (3, 9)))
    inside, before = np.arange(5, 10), np.arange(4, 8)
    with pytest.raises(LookupError):
        part.read(before, np.arange(3, 9))
    with pytest.raises(LookupError):
        part.read(inside, np.arange(3, 10))


def test_alone_it_is_a_plane_with_the_range_of_the_one_it_came_from():
    plane = np.arange(400, dtype=np.uint16).reshape(1, 20, 20)
    alone = cut(plane, Tile((5, 10), (3, 9))).alone()
    assert isinstance(alone, Cutout)
    assert alone.shape == (1, 5, 6)
    np.testing.assert_array_equal(alone.read(np.arange(5), np.arange(6)), plane[:, 5:10, 3:9])
    assert alone.known == cut(plane, Tile((0, 1), (0, 1))).known


def test_the_range_is_asked_for_once():
    class Plane:
        shape = (1, 8, 8)
        asked = 0

        def read(self, rows, columns):
            return np.zeros((1, len(rows), len(columns)))

        def intensities(self):
            self.asked += 1
            return (Intensity(0.0, 1.0, 1.0, 0.0, 0.0, 0.0),)

    plane = Plane()
    measured = Measured(plane)
    for column in range(4):
        cut(measured, Tile((0, 8), (column, 8)))
    assert plane.asked == 1


def test_only_what_is_cut_out_is_read():
    class Array:
        shape, dtype = (50_000, 50_000), np.dtype(np.uint8)

        def __init__(self):
            self.most = 0

        def __getitem__(self, key):
            sides = [part.stop - part.start for part in key]
            self.most = max(self.most, sides[0] * sides[1])
            rng = np.random.default_rng(0)
            return rng.integers(0, 255, sides).astype(np.uint8)

    array = Array()
    plane = ImageSource((array,), "YX").plane()
    config = small_network()
    region = Tile((30_000, 30_100), (20_000, 20_100))
    part = cut(plane, surroundings(config, region, (50_000, 50_000)))
    assert part.pixels.size <= 2**21
    assert array.most <= 2**21


def test_a_plane_is_large_from_a_size_on():
    assert not is_large((3, 4096, 4096))
    assert is_large((4097, 4096))
    assert MOST_WHOLE == 4096**2


@settings(max_examples=20)
@given(planes_and_regions(), st.sampled_from([4, 12, 100]), st.integers(1, 3))
def test_a_model_without_a_classifier_needs_no_blocks_of_it(case, tile, depth):
    size, region = case
    plane = np.random.default_rng(0).normal(size=(2, *size))
    model = random_model(small_network(in_channels=2, depth=depth))
    around = surroundings(model.header.network, region, size, classifier=False)
    part = cut(plane, around)
    np.testing.assert_allclose(
        probabilities(model, part, region, tile),
        probabilities(model, plane, region, tile),
        atol=1e-5,
    )


def test_without_a_classifier_little_more_than_the_context_is_cut_out():
    config = small_network(depth=1)
    around = surroundings(config, Tile((100, 150), (200, 260)), (400, 400), classifier=False)
    assert around.rows[0] == 100 - config.margins[-1]
    assert max(around.sides) < 60 + 2 * config.margins[-1] + 20


@settings(max_examples=10)
@given(st.tuples(st.integers(1, 9), st.integers(1, 40), st.integers(1, 40)), st.data())
def test_a_region_of_a_volume_is_predicted_as_in_the_whole(size, data):
    model = random_model(volume_network((2.0, 1.0, 1.0)))
    volume = np.random.default_rng(0).normal(size=(1, *size))
    spans = []
    for n in size:
        start = data.draw(st.integers(0, n - 1))
        spans.append((start, data.draw(st.integers(start + 1, n))))
    region = Tile(*spans)
    part = cut(volume, surroundings(model.header.network, region, size, classifier=False))
    np.testing.assert_allclose(
        probabilities(model, part, region, 8), probabilities(model, volume, region, 8), atol=1e-5
    )
