from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.network.pooling import (
    about_cubic,
    kernels_of,
    margins_of,
    pooling_for,
    strides_of,
)

lengths = st.floats(0.01, 100)
voxels = st.tuples(lengths, lengths, lengths)
depths = st.integers(1, 6)


class TestPoolingFor:
    """Falk et al. 2019; Isensee et al. 2021: no pooling along an axis of long voxels."""

    @pytest.mark.parametrize(
        ("voxel_size", "expected"),
        [
            ((1, 1, 1), [(2, 2, 2)] * 3),
            ((1.9, 1, 1), [(2, 2, 2)] * 3),
            ((2, 1, 1), [(1, 2, 2), (2, 2, 2), (2, 2, 2)]),
            ((0.6, 0.3, 0.3), [(1, 2, 2), (2, 2, 2), (2, 2, 2)]),
            ((50, 4.6, 4.6), [(1, 2, 2)] * 3),
            ((1, 1, 5), [(2, 2, 1), (2, 2, 1), (2, 2, 2)]),
            ((4, 2, 1), [(1, 1, 2), (1, 2, 2), (2, 2, 2)]),
        ],
    )
    def test_by_hand(self, voxel_size, expected):
        assert list(pooling_for(voxel_size, 3)) == expected

    @given(voxels, depths, st.floats(0.001, 1000))
    def test_the_unit_does_not_matter(self, voxel_size, depth, unit):
        scaled = [length * unit for length in voxel_size]
        assert pooling_for(voxel_size, depth) == pooling_for(scaled, depth) or not all(
            abs(a / b - 1.99 * 2**n) > 1e-6
            for a in voxel_size
            for b in voxel_size
            for n in range(9)
        )

    @given(voxels, depths)
    def test_voxels_become_more_cubic_and_stay_so(self, voxel_size, depth):
        before = max(voxel_size) / min(voxel_size)
        pooling = pooling_for(voxel_size, depth)
        for strides, factors in zip(strides_of(pooling), pooling, strict=False):
            size = [a * b for a, b in zip(voxel_size, strides, strict=True)]
            assert max(size) / min(size) <= max(before, 2)
            if about_cubic(size):
                assert factors == (2, 2, 2)
            before = max(size) / min(size)

    def test_of_planes_is_2_along_both_axes(self):
        assert pooling_for((0.5, 0.5), 4) == ((2, 2),) * 4


class TestGeometry:
    def test_kernels_are_1_until_an_axis_is_pooled_and_3_at_the_deepest_level(self):
        pooling = pooling_for((4, 1, 1), 3)
        assert kernels_of(pooling) == ((1, 3, 3), (1, 3, 3), (3, 3, 3), (3, 3, 3))
        never = pooling_for((50, 1, 1), 2)
        assert kernels_of(never) == ((1, 3, 3), (1, 3, 3), (3, 3, 3))

    def test_strides_are_the_product_of_the_poolings_above(self):
        assert strides_of(pooling_for((2, 1, 1), 2)) == ((1, 1, 1), (1, 2, 2), (2, 4, 4))

    def test_margin_of_the_3d_unet_is_44(self):
        """Çiçek et al. 2016, figure 2: 132 x 132 x 116 voxels in, 44 x 44 x 28 out."""
        assert margins_of(pooling_for((1, 1, 1), 3)) == (44, 44, 44)

    def test_margin_along_a_coarse_axis_is_smaller(self):
        """Two convolutions at the deepest level; and four at the level before, where it pools."""
        assert margins_of(pooling_for((50, 1, 1), 3)) == (2, 44, 44)
        assert margins_of(pooling_for((4, 1, 1), 3)) == (4 + 2 * 2, 44, 44)
