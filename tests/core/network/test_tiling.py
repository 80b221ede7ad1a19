from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import map_coordinates

from napari_unet.core.images.box import Tile, mirrored
from napari_unet.core.network.config import PRESETS
from napari_unet.core.network.tiling import (
    context,
    halves,
    input_side,
    output_side,
    plan,
    tile_side,
)
from napari_unet.core.network.unet import UNet
from scenes import small_network

networks = st.integers(1, 4).map(lambda depth: small_network(depth=depth))
spans = st.tuples(st.integers(0, 150), st.integers(1, 150)).map(lambda pair: (pair[0], sum(pair)))
tiles = st.builds(Tile, spans, spans)


class TestPlan:
    @settings(deadline=None)
    @given(networks, tiles, st.integers(1, 300))
    def test_covers_each_pixel_of_the_region_exactly_once(self, config, region, largest):
        count = np.zeros((300, 300), int)
        for tile in plan(config, region, largest):
            count[tile.slices] += 1
        expected = np.zeros((300, 300), int)
        expected[region.slices] = 1
        np.testing.assert_array_equal(count, expected)

    @settings(deadline=None)
    @given(networks, tiles, st.integers(1, 300))
    def test_tiles_start_at_multiples_of_the_stride_or_where_the_region_does(
        self, config, region, largest
    ):
        """Or the pooling windows of neighbours would fall on different pixels."""
        for tile in plan(config, region, largest):
            for start, first in zip(
                (tile.rows[0], tile.columns[0]), (region.rows[0], region.columns[0]), strict=True
            ):
                assert start == first or start % config.strides[-1] == 0

    @settings(deadline=None)
    @given(networks, tiles, st.integers(1, 300))
    def test_no_tile_is_larger_than_asked_for(self, config, region, largest):
        for tile in plan(config, region, largest):
            for start, stop in (tile.rows, tile.columns):
                assert 0 < stop - start <= max(largest, config.strides[-1])

    def test_comes_row_by_row(self):
        tiles = list(plan(small_network(), Tile((0, 20), (0, 20)), 8))
        corners = [(tile.rows[0], tile.columns[0]) for tile in tiles]
        assert corners == sorted(corners)

    @given(networks, st.integers(1, 5000), st.integers(1, 2000))
    def test_tiles_are_as_equal_as_the_stride_allows(self, config, size, largest):
        """So that the last tile is no sliver, whose context costs more than its output."""
        side = tile_side(config, size, largest)
        count = -(-size // side)
        assert side % config.strides[-1] == 0
        assert count * side - size < count * config.strides[-1]


class TestSides:
    @given(networks, st.integers(0, 1000))
    def test_output_is_the_smallest_that_suffices(self, config, wanted):
        side = output_side(config, wanted)
        assert side >= wanted
        assert side == 4 or side - config.strides[-1] < wanted

    @pytest.mark.parametrize("wanted", [1, 4, 5, 20, 21, 388])
    def test_the_network_turns_an_input_of_that_side_into_that_output(self, wanted):
        config = PRESETS["unet2015"].network(1, 2)
        side = input_side(config, wanted)
        with torch.device("meta"):
            out = UNet(config)(torch.empty(1, 1, side, side))
        assert out.shape[-2:] == (output_side(config, wanted),) * 2

    def test_of_figure_1(self):
        """Ronneberger et al. 2015, figure 1."""
        config = PRESETS["unet2015"].network(1, 2)
        assert (input_side(config, 388), output_side(config, 388)) == (572, 388)


class TestMirrored:
    """Ronneberger et al. 2015, section 2: "extrapolated by mirroring the input image"."""

    @given(st.integers(1, 40), st.integers(0, 200), st.integers(0, 200))
    def test_equals_scipys_mirror_for_any_overhang(self, size, before, after):
        """NumPy's own, before 2.0, goes wrong where the overhang is several times the size."""
        axis = np.arange(size)
        positions = np.arange(-before, size + after)
        expected = map_coordinates(axis, positions[None], order=0, mode="mirror")
        np.testing.assert_array_equal(axis[mirrored(-before, size + after, size)], expected)


class TestContext:
    @settings(deadline=None)
    @given(networks, tiles)
    def test_has_the_inputs_side_and_starts_a_margin_before_a_multiple_of_the_stride(
        self, config, tile
    ):
        shape = (300, 300)
        indices = context(config, tile, shape)
        for index, (start, stop), size in zip(
            indices, (tile.rows, tile.columns), shape, strict=True
        ):
            first = start // config.strides[-1] * config.strides[-1]
            assert len(index) == input_side(config, stop - first)
            expected = mirrored(
                first - config.margins[-1], first - config.margins[-1] + len(index), size
            )
            np.testing.assert_array_equal(index, expected)

    @pytest.mark.parametrize("shape", [(1, 1), (1, 50), (3, 2)])
    def test_of_an_image_smaller_than_the_margin_stays_inside_it(self, shape):
        config = PRESETS["compact"].network(1, 2)
        for index, size in zip(
            context(config, Tile((0, shape[0]), (0, shape[1])), shape), shape, strict=True
        ):
            assert set(index.tolist()) == set(range(size))


class TestHalves:
    @given(networks, tiles)
    def test_are_the_tile_cut_in_two_at_a_multiple_of_the_stride(self, config, tile):
        parts = halves(config, tile)
        if parts is None:
            longest = max(tile.rows[1] - tile.rows[0], tile.columns[1] - tile.columns[0])
            assert longest < 3 * config.strides[-1]
            return
        first, second = parts
        assert first.pixels + second.pixels == tile.pixels
        assert min(first.pixels, second.pixels) > 0
        if first.rows == second.rows == tile.rows:
            assert first.columns[1] == second.columns[0]
            assert first.columns[1] % config.strides[-1] == 0
        else:
            assert first.columns == second.columns == tile.columns
            assert first.rows[1] == second.rows[0]
            assert first.rows[1] % config.strides[-1] == 0

    @given(networks, tiles)
    def test_end_after_some_halving(self, config, tile):
        waiting, count = [tile], 0
        while waiting and count < 100_000:
            waiting += halves(config, waiting.pop()) or ()
            count += 1
        assert not waiting
