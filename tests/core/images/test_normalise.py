from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from napari_unet.core.images.arrange import pieces_for, pieces_like
from napari_unet.core.images.check_array import check_array
from napari_unet.core.images.lazy_plane import intensities_of
from napari_unet.core.images.normalise import normalise, not_imaged, rescale
from napari_unet.errors import InvalidInput


def ramp(*shape) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape)


class TestCheck:
    @pytest.mark.parametrize(
        "dtype",
        ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f2", "f4", "f8", ">u2", ">f4"],
    )
    def test_any_real_dtype_is_an_image(self, dtype):
        image = np.array([[0, 1], [1, 0]], dtype)
        np.testing.assert_array_equal(check_array(image), image)

    def test_negative_values_are_fine(self):
        assert check_array(np.array([[-5.0, -1.0]])).min() == -5

    @pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.uint64])
    @pytest.mark.filterwarnings("error")
    def test_takes_unsigned_numbers(self, dtype):
        image = np.array([[3, 9]], dtype)
        np.testing.assert_array_equal(check_array(image), image)

    @pytest.mark.parametrize("shape", [(0, 5), (5, 0), (3, 0, 4), (7,), ()])
    def test_an_empty_array_is_refused(self, shape):
        with pytest.raises(InvalidInput, match="empty or no image"):
            check_array(np.zeros(shape))

    @pytest.mark.parametrize("value", [0, 255, -3.5])
    def test_a_constant_image_is_refused(self, value):
        with pytest.raises(InvalidInput, match="every pixel of the image is"):
            check_array(np.full((4, 4), value))

    def test_a_constant_plane_of_several_is_not(self):
        assert check_array(np.zeros((4, 4)), may_be_constant=True).shape == (4, 4)

    @pytest.mark.parametrize("value", [1e300, -1e300])
    @pytest.mark.parametrize("may_be_constant", [True, False])
    def test_what_float32_cannot_hold_is_refused(self, value, may_be_constant):
        image = np.ones((4, 4))
        image[2, 1] = value
        with pytest.raises(InvalidInput, match="beyond what float32 can hold"):
            check_array(image, may_be_constant=may_be_constant)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_what_is_not_finite_was_not_imaged(self, value):
        image = np.ones((4, 4))
        image[2, 1] = value
        with pytest.raises(InvalidInput, match="every pixel of the image is 1"):
            check_array(image)
        image[0, 0] = 2
        np.testing.assert_array_equal(check_array(image), image)

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_an_image_of_which_nothing_was_imaged_is_refused(self, value):
        with pytest.raises(InvalidInput, match="nothing was imaged"):
            check_array(np.full((4, 4), value))
        assert check_array(np.full((4, 4), value), may_be_constant=True).shape == (4, 4)

    @pytest.mark.parametrize("image", [np.array([["a"]]), np.ones((2, 2), complex)])
    def test_what_is_no_real_number_is_refused(self, image):
        with pytest.raises(InvalidInput, match="not numeric"):
            check_array(image)


class TestPlanesLike:
    @pytest.mark.parametrize(
        ("image", "labels", "planes", "channels"),
        [
            ((6, 7), (6, 7), 1, 1),
            ((4, 6, 7), (4, 6, 7), 4, 1),
            ((2, 4, 6, 7), (2, 4, 6, 7), 8, 1),
            ((6, 7, 3), (6, 7), 1, 3),
            ((6, 7, 1), (6, 7), 1, 1),
            ((5, 6, 7), (6, 7), 1, 5),
            ((4, 6, 7, 3), (4, 6, 7), 4, 3),
            ((4, 2, 6, 7), (4, 6, 7), 4, 2),
            ((2, 4, 6, 7), (4, 6, 7), 4, 2),
        ],
    )
    def test_the_axis_that_only_the_image_has_is_channels(self, image, labels, planes, channels):
        found = pieces_like(ramp(*image), np.zeros(labels, int), 2)
        assert found.data.shape == (planes, channels, 6, 7)
        assert found.data.shape[1] == channels
        assert found.lead == labels[:-2]

    def test_no_pixel_moves(self):
        image = ramp(4, 2, 6, 7)
        found = pieces_like(image, np.zeros((4, 6, 7), int), 2)
        np.testing.assert_array_equal(found.data, image)
        image = ramp(6, 7, 3)
        found = pieces_like(image, np.zeros((6, 7), int), 2)
        np.testing.assert_array_equal(found.data[0, 1], image[..., 1])

    def test_of_several_axes_that_fit_the_one_nearest_to_the_rows_is_channels(self):
        """As a model is given an image later, without labels that would say."""
        image = ramp(3, 3, 6, 7)
        found = pieces_like(image, np.zeros((3, 6, 7), int), 2)
        np.testing.assert_array_equal(found.data, pieces_for(image, 3, 2).data)

    def test_the_alpha_of_a_colour_picture_is_dropped(self):
        image = ramp(6, 7, 4).astype(np.uint8)
        found = pieces_like(image, np.zeros((6, 7), int), 2)
        np.testing.assert_array_equal(np.moveaxis(found.data[0], 0, -1), image[..., :3])

    @pytest.mark.parametrize(
        ("image", "labels"),
        [((6, 7), (7, 6)), ((6, 7), (6, 8)), ((6, 7, 3), (7,)), ((2, 3, 6, 7), (6, 7))],
    )
    def test_labels_of_another_shape_are_refused(self, image, labels):
        with pytest.raises(InvalidInput, match="labels"):
            pieces_like(ramp(*image), np.zeros(labels, int), 2)


class TestPlanesFor:
    @pytest.mark.parametrize(
        ("shape", "channels", "planes"),
        [
            ((6, 7), 1, 1),
            ((6, 7, 1), 1, 1),
            ((4, 6, 7), 1, 4),
            ((2, 4, 6, 7), 1, 8),
            ((6, 7, 3), 3, 1),
            ((3, 6, 7), 3, 1),
            ((4, 6, 7, 3), 3, 4),
            ((4, 5, 6, 7), 5, 4),
            ((5, 4, 6, 7), 5, 4),
        ],
    )
    def test_arranges_an_image_for_a_model(self, shape, channels, planes):
        found = pieces_for(ramp(*shape), channels, 2)
        assert found.data.shape == (planes, channels, 6, 7)

    @pytest.mark.parametrize(
        ("shape", "dtype", "channels"),
        [((6, 7), "u1", 3), ((4, 6, 7), "u1", 3), ((6, 7, 3), "u1", 1), ((6, 7, 3), "f4", 2)],
    )
    def test_other_channels_are_refused_with_both_numbers(self, shape, dtype, channels):
        with pytest.raises(InvalidInput, match=rf"{channels} channel.*(3 channels|\({shape[0]}, )"):
            pieces_for(ramp(*shape).astype(dtype), channels, 2)


class TestRestore:
    @given(st.lists(st.integers(1, 3), max_size=3), st.integers(1, 4))
    def test_gives_results_the_leading_axes_back(self, lead, classes):
        shape = (*lead, 5, 6)
        image = np.random.default_rng(0).normal(size=shape)
        planes = pieces_for(image, 1, 2)
        np.testing.assert_array_equal(planes.restore(planes.data[:, 0]), image)
        several = np.repeat(planes.data, classes, axis=1)
        expected = np.broadcast_to(image, (classes, *shape))
        np.testing.assert_array_equal(planes.restore(several), expected)


class TestNormalise:
    def test_maps_the_1st_and_the_998th_percentile_to_0_and_1(self, rng):
        plane = rng.gamma(2.0, 100.0, size=(2, 80, 90))
        plane[1] *= 1000
        found = normalise(plane)
        assert found.dtype == np.float32
        for channel in found:
            assert np.percentile(channel, (1, 99.8)) == pytest.approx([0, 1], abs=1e-5)

    def test_clips_what_is_far_outside(self):
        plane = np.tile(np.linspace(0, 1, 1000), (1, 10, 1))
        plane[0, 0, :2] = (-100, 100)
        found = normalise(plane)
        assert (found.min(), found.max()) == (-4, 8)

    @given(
        hnp.arrays(
            st.sampled_from([np.uint8, np.int16, np.uint16, np.int32, np.float32]),
            (1, 12, 9),
            elements=st.integers(0, 100),
        ),
        st.integers(1, 50),
        st.integers(-20_000, 20_000),
    )
    def test_does_not_depend_on_offset_and_unit(self, plane, factor, offset):
        moved = plane.astype(np.int64) * factor + offset
        np.testing.assert_allclose(normalise(moved), normalise(plane), atol=1e-3)

    def test_a_large_offset_costs_no_detail(self):
        plane = np.linspace(0, 1, 10_000).reshape(1, 100, 100)
        np.testing.assert_allclose(normalise(plane + 1e9), normalise(plane), atol=1e-4)

    def test_few_bright_pixels_on_an_empty_plane_are_seen(self):
        plane = np.zeros((1, 50, 50), np.uint8)
        plane[0, 3, 4] = 200
        assert (normalise(plane)[0, 3, 4], normalise(plane).sum()) == (1, 1)

    def test_also_where_the_plane_is_so_large_that_only_some_are_looked_at(self):
        plane = np.zeros((1, 2500, 2500), np.uint8)
        plane[0, 1, 1] = 200
        assert normalise(plane)[0, 1, 1] == 1

    def test_an_empty_channel_is_0(self):
        assert (normalise(np.full((1, 5, 5), 9.0)) == 0).all()

    @given(
        hnp.arrays(
            np.float64,
            (1, 6, 7),
            elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
        )
    )
    def test_is_finite_for_any_finite_image(self, plane):
        with np.errstate(over="ignore"):
            assert np.isfinite(normalise(plane)).all()

    def test_of_a_tile_is_the_tile_of_the_whole(self, rng):
        plane = rng.integers(0, 4000, (2, 60, 70)).astype(np.uint16)
        tile = rescale(plane[:, 10:30, 5:20], intensities_of(plane))
        np.testing.assert_array_equal(tile, normalise(plane)[:, 10:30, 5:20])


class TestNotImaged:
    @pytest.fixture
    def plane(self, rng):
        plane = rng.normal(100, 10, (2, 60, 70))
        plane[:, 20:30, 20:30] += 200
        return plane

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_pixels_do_not_change_the_others(self, plane, value):
        holes = plane.copy()
        holes[:, 40:] = value
        found = normalise(holes)
        np.testing.assert_array_equal(found[:, :40], normalise(plane[:, :40]))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_pixels_become_ground(self, plane, value):
        holes = plane.copy()
        holes[:, 40:] = value
        ground = np.median(normalise(plane[:, :40]), axis=(1, 2))
        np.testing.assert_allclose(normalise(holes)[:, 40:].mean(axis=(1, 2)), ground, atol=1e-5)

    def test_are_those_of_any_channel(self, plane):
        plane[1, 3, 4] = np.nan
        assert np.argwhere(not_imaged(plane)).tolist() == [[3, 4]]
        assert not_imaged(plane[:1]) is None
        assert not_imaged(plane[:, :3].astype(np.uint16)) is None
