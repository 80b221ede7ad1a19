from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.labels.border_weights import (
    border_weights,
    separate_touching,
)
from napari_unet.errors import InvalidInput


def plain_border_weights(instances, w0, sigma, sampling=None):
    """Equation 2 of the U-Net paper with one distance transform for each object."""
    ids = [i for i in np.unique(instances) if i != 0]
    if len(ids) < 2:
        return np.zeros(instances.shape)
    to_each = [ndimage.distance_transform_edt(instances != i, sampling) for i in ids]
    distances = np.sort(to_each, axis=0)
    return w0 * np.exp(-((distances[0] + distances[1]) ** 2) / (2 * sigma**2))


label_images = st.one_of(
    hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24),
    hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=9),
).flatmap(
    lambda shape: hnp.arrays(
        dtype=st.sampled_from([np.uint8, np.int16, np.uint32, np.int64]),
        shape=shape,
        elements=st.sampled_from([0, 1, 2, 7, 100]),
        fill=st.just(0),
    )
)


@settings(max_examples=200, deadline=None)
@given(
    instances=label_images,
    w0=st.sampled_from([0.0, 1e-6, 0.5, 10.0, 5000.0]),
    sigma=st.sampled_from([0.3, 2.0, 5.0, 40.0]),
)
def test_equals_one_distance_transform_for_each_object(instances, w0, sigma):
    """Ronneberger et al. 2015, eq. 2; the tolerance is that of float32 where w0 is large."""
    expected = plain_border_weights(instances, w0, sigma)
    np.testing.assert_allclose(border_weights(instances, w0, sigma), expected, rtol=1e-6, atol=1e-4)


@settings(max_examples=60, deadline=None)
@given(
    instances=label_images,
    sampling=st.tuples(*[st.sampled_from([0.5, 1.0, 2.7, 10.0])] * 3),
)
def test_distances_are_those_of_the_voxels(instances, sampling):
    sampling = sampling[: instances.ndim]
    expected = plain_border_weights(instances, 10.0, 5.0, sampling)
    found = border_weights(instances, 10.0, 5.0, sampling=sampling)
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("sampling", [(1,), (1, 2, 3), (0, 1), (1, float("inf"))])
def test_a_sampling_that_does_not_fit_is_refused(sampling):
    with pytest.raises(InvalidInput, match="2 axes"):
        border_weights(np.eye(4, dtype=int), sampling=sampling)


@settings(max_examples=40, deadline=None)
@given(hnp.arrays(np.uint8, (7, 6), elements=st.sampled_from([0, 0, 0, 1, 2, 3])))
def test_equals_the_distances_to_every_pixel_of_every_object(instances):
    """Ronneberger et al. 2015, eq. 2, d1 and d2 by trying all pixels: no distance transform."""
    pixels = np.argwhere(np.ones_like(instances))
    to_each = [
        np.hypot(*(pixels[:, None] - np.argwhere(instances == i)).transpose(2, 0, 1)).min(axis=1)
        for i in np.unique(instances[instances > 0])
    ]
    weights = border_weights(instances)
    if len(to_each) < 2:
        assert not weights.any()
        return
    d1, d2 = np.sort(to_each, axis=0)[:2]
    expected = 10 * np.exp(-((d1 + d2) ** 2) / (2 * 5**2))
    np.testing.assert_allclose(weights.ravel(), expected, atol=2e-5)


@pytest.mark.parametrize("seed", range(3))
def test_equals_plain_on_an_image_larger_than_one_block_and_than_the_reach(seed):
    rng = np.random.default_rng(seed)
    seeds = np.zeros((410, 330), np.uint16)
    seeds[rng.integers(0, 410, 40), rng.integers(0, 330, 40)] = rng.permutation(1000)[:40] + 1
    distance, nearest = ndimage.distance_transform_edt(seeds == 0, return_indices=True)
    instances = np.where(distance < 22, seeds[tuple(nearest)], 0)
    np.testing.assert_allclose(
        border_weights(instances), plain_border_weights(instances, 10, 5), atol=1e-4
    )


def test_default_is_w0_10_and_sigma_5_pixels():
    """Section 3: 'In our experiments we set w0 = 10 and sigma ~ 5 pixels.'"""
    instances = np.zeros((1, 12), int)
    instances[0, [2, 9]] = 1, 2
    # Column 5 lies 3 pixels from object 1 and 4 pixels from object 2.
    assert border_weights(instances)[0, 5] == pytest.approx(10 * np.exp(-(7**2) / 50), abs=1e-5)


def test_distance_inside_an_object_is_0():
    """d1 denotes the distance to the border of the nearest cell: none inside it."""
    instances = np.array([[1, 1, 1, 0, 2]])
    expected = 10 * np.exp(-(np.array([4, 3, 2, 2, 2]) ** 2) / 50)
    np.testing.assert_allclose(border_weights(instances)[0], expected, atol=1e-5)


@pytest.mark.parametrize("ids", [[], [3]])
def test_is_0_with_fewer_than_two_objects(ids):
    instances = np.zeros((9, 9), np.int32)
    instances[4, 4 : 4 + len(ids)] = ids
    weights = border_weights(instances)
    assert weights.dtype == np.float32
    assert weights.shape == (9, 9)
    assert not weights.any()


def test_ids_beyond_32_bits_stay_apart():
    instances = np.array([[2**63, 0, 2**63 + 1]], np.uint64)
    assert (border_weights(instances) > 5).all()


def test_two_parts_with_one_id_are_one_object():
    assert not border_weights(np.array([[5, 0, 5]])).any()


def test_an_empty_image_has_no_weights():
    assert border_weights(np.zeros((0, 4), int)).shape == (0, 4)


@pytest.mark.parametrize(
    ("instances", "w0", "sigma"),
    [
        (np.full((3, 3), 0.5), 10, 5),
        (np.zeros((3, 3), complex), 10, 5),
        (np.full((3, 3), -1), 10, 5),
        (np.zeros(3, int), 10, 5),
        (np.zeros((3, 3), int), -1, 5),
        (np.zeros((3, 3), int), np.nan, 5),
        (np.zeros((3, 3), int), 10, 0),
        (np.zeros((3, 3), int), 10, np.inf),
    ],
)
def test_bad_input_is_refused(instances, w0, sigma):
    with pytest.raises(InvalidInput):
        border_weights(instances, w0, sigma)


class TestSeparateTouching:
    """Section 3: 'the separation border is computed using morphological operations'."""

    def test_opens_a_gap_between_touching_objects(self):
        instances = np.array([[1, 1, 1, 4, 4, 4, 0, 9]])
        np.testing.assert_array_equal(separate_touching(instances), [[1, 1, 0, 0, 4, 4, 0, 9]])

    def test_diagonal_contact_counts(self):
        instances = np.zeros((4, 4), np.uint8)
        instances[:2, :2] = 1
        instances[2:, 2:] = 2
        separated = separate_touching(instances)
        assert separated.dtype == np.uint8
        assert separated[1, 1] == separated[2, 2] == 0
        assert np.count_nonzero(separated) == 6

    def test_objects_that_do_not_touch_are_left_alone(self):
        instances = np.array([[1, 0, 2], [1, 0, 2]])
        np.testing.assert_array_equal(separate_touching(instances), instances)

    def test_a_thin_object_between_thick_ones_survives(self):
        instances = np.array([[1, 1, 5, 7, 7]] * 3)
        np.testing.assert_array_equal(separate_touching(instances), [[1, 0, 5, 0, 7]] * 3)

    def test_ids_beyond_float64_survive(self):
        ids = np.array([[2**63 + 1, 2**63 + 1, 2**63 + 3, 2**63 + 3]], np.uint64)
        np.testing.assert_array_equal(separate_touching(ids), ids * np.array([[1, 0, 0, 1]], "u8"))

    @settings(max_examples=200, deadline=None)
    @given(label_images)
    def test_deletes_pixels_but_never_an_object(self, instances):
        separated = separate_touching(instances)
        assert ((separated == instances) | (separated == 0)).all()
        assert set(np.unique(separated)) | {0} == set(np.unique(instances)) | {0}

    @settings(max_examples=100, deadline=None)
    @given(hnp.arrays(np.uint8, (4, 5), elements=st.integers(0, 3)))
    def test_thick_objects_are_one_background_pixel_apart(self, coarse):
        separated = separate_touching(np.kron(coarse, np.ones((4, 4), np.uint8)))
        for i in np.unique(separated[separated > 0]):
            around = ndimage.binary_dilation(separated == i, np.ones((3, 3)))
            assert set(np.unique(separated[around])) <= {0, i}

    @settings(max_examples=60, deadline=None)
    @given(hnp.arrays(np.uint8, (4, 5), elements=st.integers(0, 3)))
    def test_is_the_erosion_of_each_object_by_the_others_dilation(self, coarse):
        """Section 3 names "morphological operations": object minus the 3x3 dilation of the rest."""
        instances = np.kron(coarse, np.ones((4, 4), np.uint8))
        expected = instances.copy()
        for i in np.unique(instances[instances > 0]):
            others = (instances != i) & (instances > 0)
            expected[(instances == i) & ndimage.binary_dilation(others, np.ones((3, 3)))] = 0
        np.testing.assert_array_equal(separate_touching(instances), expected)

    def test_the_gap_is_two_pixels_wide(self):
        """One from each side; the paper does not say how wide the border is."""
        instances = np.repeat([[1] * 5 + [2] * 5], 5, axis=0)
        np.testing.assert_array_equal(
            separate_touching(instances), [[1, 1, 1, 1, 0, 0, 2, 2, 2, 2]] * 5
        )

    def test_bad_input_is_refused(self):
        with pytest.raises(InvalidInput):
            separate_touching(np.full((3, 3), 0.5))
