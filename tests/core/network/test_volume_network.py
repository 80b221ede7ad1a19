"""The U-Net in 3D: geometry, weights, and that both presets are the same definition as in 2D."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch import nn

from napari_unet.core.images.box import Tile, mirrored
from napari_unet.core.models.model import Model
from napari_unet.core.network.config import PRESETS, UNetConfig
from napari_unet.core.network.networks import fused
from napari_unet.core.network.pooling import pooling_for
from napari_unet.core.network.tile_size import largest_sides
from napari_unet.core.network.tiling import context, halves, input_side, output_side, plan
from napari_unet.core.network.unet import UNet, crop
from scenes import random_model, volume_network

VOXELS = [(1, 1, 1), (2, 1, 1), (4, 1, 1), (50, 1, 1), (1, 4, 1)]
networks = st.sampled_from(
    [volume_network(voxels, depth) for voxels in VOXELS for depth in (1, 2, 3)]
)
spans = st.tuples(st.integers(0, 30), st.integers(1, 30)).map(lambda pair: (pair[0], sum(pair)))
tiles = st.builds(Tile, spans, spans, spans)


class TestNetwork:
    def test_unet2015_in_3d_has_the_size_of_the_3d_unet(self):
        """Çiçek et al. 2016, figure 2: 132 x 132 x 116 voxels in, 44 x 44 x 28 out."""
        config = PRESETS["unet2015"].network(3, 3, voxel_size=(1, 1, 1))
        with torch.device("meta"):
            out = UNet(config)(torch.empty(1, 3, 116, 132, 132))
        assert out.shape == (1, 3, 28, 44, 44)

    @pytest.mark.parametrize("preset", ["compact", "unet2015"])
    @pytest.mark.parametrize("voxels", VOXELS)
    def test_unpadded_and_padded_sizes(self, preset, voxels):
        config = PRESETS[preset].network(2, 3, voxel_size=voxels)
        sides = [input_side(config, 9, axis) for axis in range(3)]
        padded = [2 * stride for stride in config.strides]
        with torch.device("meta"):
            network = UNet(config)
            out = network(torch.empty(1, 2, *sides))
            same = network(torch.empty(1, 2, *padded), padded=True)
        assert out.shape[2:] == tuple(output_side(config, 9, axis) for axis in range(3))
        assert same.shape == (1, 3, *padded)

    def test_in_a_volume_of_one_plane_is_like_the_2d_network(self):
        """Of voxels so long that no plane is mixed with another but at the deepest level."""
        torch.manual_seed(0)
        flat = UNet(volume_network((50, 1, 1), 2)).eval()
        plane = UNet(volume_network((50, 1, 1), 2).model_copy(update={"ndim": 2, "pooling": ()}))
        state = {}
        for name, value in flat.state_dict().items():
            state[name] = value.sum(dim=2) if value.ndim == 5 else value
        plane.load_state_dict(state)
        plane.eval()
        x = torch.randn(1, 1, 44, 52)
        repeated = x[:, :, None].expand(-1, -1, 5, -1, -1)  # its neighbours are itself
        torch.testing.assert_close(flat(repeated)[:, :, 0], plane(x), rtol=1e-4, atol=1e-4)

    def test_weights_are_drawn_with_the_deviation_of_the_number_of_inputs(self):
        torch.manual_seed(0)
        network = UNet(PRESETS["compact"].network(3, 2, voxel_size=(4, 1, 1)))
        layers = [m for m in network.modules() if isinstance(m, nn.Conv3d | nn.ConvTranspose3d)]
        assert len(layers) == 18
        for layer in layers:
            taps = 1 if isinstance(layer, nn.ConvTranspose3d) else math.prod(layer.kernel_size)
            expected = math.sqrt(2 / (taps * layer.in_channels))
            error = 1 / math.sqrt(layer.weight.numel())
            assert layer.weight.std().item() == pytest.approx(expected, rel=4 * error)

    @pytest.mark.parametrize("voxels", VOXELS[:3])
    def test_padded_agrees_with_unpadded_where_the_padding_does_not_reach(self, voxels):
        network = UNet(volume_network(voxels, 1, batch_norm=False)).eval()
        config = network.config
        assert all(m % s == 0 for m, s in zip(config.margins, config.strides, strict=True))
        sides = [
            stride * (2 * margin // stride + 6)
            for margin, stride in zip(config.margins, config.strides, strict=True)
        ]
        x = torch.randn(1, 1, *sides)
        unpadded = network(x)
        middle = [side - 2 for side in unpadded.shape[2:]]
        got = crop(network(x, padded=True), *unpadded.shape[2:])
        torch.testing.assert_close(crop(got, *middle), crop(unpadded, *middle))

    @pytest.mark.parametrize("batch_norm", [True, False])
    def test_fused_gives_the_same_logits(self, batch_norm):
        network = random_model(volume_network((2, 1, 1), 2, batch_norm=batch_norm)).network().eval()
        x = torch.randn(1, 1, *[input_side(network.config, 6, axis) for axis in range(3)])
        torch.testing.assert_close(fused(network)(x), network(x), rtol=1e-5, atol=1e-5)

    def test_a_model_file_keeps_the_pooling(self):
        model = random_model(volume_network((4, 1, 1), 3))
        read = Model.from_bytes(model.to_bytes())
        assert read.header.network == model.header.network
        assert read.header.network.poolings == pooling_for((4, 1, 1), 3)
        assert all(torch.equal(read.weights[name], model.weights[name]) for name in model.weights)

    @pytest.mark.parametrize(
        "pooling", [((2, 2, 2),), ((2, 2), (2, 2)), ((1, 1, 1), (2, 2, 2)), ((3, 2, 2), (2, 2, 2))]
    )
    def test_refuses_a_pooling_that_does_not_fit(self, pooling):
        values = volume_network((1, 1, 1), 2).model_dump() | {"pooling": pooling}
        with pytest.raises(ValidationError):
            UNetConfig(**values)


class TestTiles:
    @settings(deadline=None, max_examples=50)
    @given(networks, tiles, st.integers(1, 40))
    def test_cover_each_voxel_once_and_start_at_multiples_of_the_strides(
        self, config, region, largest
    ):
        count = np.zeros((60, 60, 60), int)
        for tile in plan(config, region, largest):
            count[tile.slices] += 1
            for axis, (start, stop) in enumerate(tile.ranges):
                assert stop - start <= max(largest, config.strides[axis])
                first = region.ranges[axis][0]
                assert start == first or start % config.strides[axis] == 0
        assert count.sum() == region.pixels
        assert (count[region.slices] == 1).all()

    @settings(deadline=None, max_examples=50)
    @given(networks, tiles)
    def test_context_is_mirrored_and_starts_a_margin_before_a_multiple_of_the_stride(
        self, config, tile
    ):
        for axis, index in enumerate(context(config, tile, (60, 60, 60))):
            stride, margin = config.strides[axis], config.margins[axis]
            first = tile.ranges[axis][0] // stride * stride
            assert len(index) == input_side(config, tile.ranges[axis][1] - first, axis)
            before = first - margin
            np.testing.assert_array_equal(index, mirrored(before, before + len(index), 60))

    @settings(deadline=None, max_examples=50)
    @given(networks, tiles)
    def test_halves_are_the_tile_and_end(self, config, tile):
        waiting, pixels = [tile], 0
        while waiting:
            parts = halves(config, waiting.pop())
            if parts is not None:
                waiting += parts
                assert min(part.pixels for part in parts) > 0
                pixels += sum(part.pixels for part in parts)
        assert pixels >= tile.pixels or halves(config, tile) is None

    def test_halves_cut_the_longest_side(self):
        config = volume_network((4, 1, 1), 2)
        first, second = halves(config, Tile((0, 20), (0, 40), (0, 30)))
        assert (first, second) == (
            Tile((0, 20), (0, 20), (0, 30)),
            Tile((0, 20), (20, 40), (0, 30)),
        )

    @settings(deadline=None)
    @given(networks, st.tuples(*[st.integers(1, 2000)] * 3), st.integers(2**16, 2**24))
    def test_largest_sides_stay_within_the_voxels_or_at_one(self, config, shape, voxels):
        region = Tile.whole(shape)
        sides = largest_sides(config, region, voxels)
        inputs = [side + 2 * margin for side, margin in zip(sides, config.margins, strict=True)]
        most = [size + s - 1 for size, s in zip(shape, config.strides, strict=True)]
        assert all(1 <= side <= size for side, size in zip(sides, most, strict=True))
        assert math.prod(inputs) <= voxels * 1.01 or min(sides) == 1

    def test_a_small_region_is_one_tile(self):
        config = volume_network((4, 1, 1), 3)
        region = Tile((3, 12), (5, 37), (0, 30))
        assert list(plan(config, region, largest_sides(config, region, 2**22))) == [region]

    def test_largest_sides_waste_least_on_context(self):
        """Of all inputs of about that many voxels, none has a larger output."""
        config = volume_network((4, 1, 1), 3)
        sides = largest_sides(config, Tile.whole((999, 999, 999)), 2**20)
        best = 0
        for z, y in product(range(18, 200, 2), range(90, 400, 4)):
            x = 2**20 // (z * y)
            if x > 88:
                best = max(best, (z - 16) * (y - 88) * (x - 88))
        assert math.prod(sides) > 0.9 * best
