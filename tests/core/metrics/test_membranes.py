from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.core.metrics.membranes import boundary_scores, membrane_segments
from napari_unet.core.metrics.rand import v_rand
from napari_unet.errors import InvalidInput


class TestMembraneSegments:
    def test_cells_are_4_connected(self):
        membrane = np.eye(5, dtype=bool)
        assert membrane_segments(membrane, thin=False).max() == 2

    def test_thick_membranes_end_up_one_pixel_wide_in_their_middle(self):
        membrane = np.zeros((9, 15), bool)
        membrane[:, 5:10] = True
        segments = membrane_segments(membrane)
        np.testing.assert_array_equal(np.flatnonzero(segments[4] == 0), [7])
        np.testing.assert_array_equal(segments, np.tile(segments[4], (9, 1)))

    def test_a_border_reaches_the_edge_of_the_image(self):
        """Or the segments on its two sides would be one."""
        membrane = np.zeros((9, 15), bool)
        membrane[:, 3:12] = True
        assert membrane_segments(membrane).max() == 2

    def test_a_loose_end_of_membrane_vanishes(self):
        membrane = np.zeros((9, 9), bool)
        membrane[:5, 3:6] = True
        assert (membrane_segments(membrane) == 1).all()

    @settings(max_examples=60, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    def test_thinning_keeps_every_segment_and_leaves_borders_one_pixel_wide(self, seed):
        noise = np.random.default_rng(seed).normal(size=(40, 40))
        membrane = ndimage.gaussian_filter(noise, 2) > 0.02
        wide, thin = membrane_segments(membrane, thin=False), membrane_segments(membrane)
        assert (thin[wide > 0] > 0).all()
        assert len(np.unique(np.stack([wide, thin])[:, wide > 0], axis=1).T) == wide.max()
        assert thin.max() == wide.max()
        blocks = np.lib.stride_tricks.sliding_window_view(thin == 0, (2, 2)).all(axis=(2, 3))
        assert blocks.sum() <= 3, "only where four segments meet may a border be wider"

    def test_all_membrane_has_no_segments(self):
        assert not membrane_segments(np.ones((4, 4), bool)).any()

    @pytest.mark.parametrize("membrane", [np.zeros((4, 4)), np.zeros((2, 4, 4), bool)])
    def test_bad_input_is_refused(self, membrane):
        with pytest.raises(InvalidInput):
            membrane_segments(membrane)


class TestScores:
    @pytest.fixture
    def truth(self):
        """Four cells behind a cross of membrane three pixels wide."""
        membrane = np.zeros((21, 21), bool)
        membrane[9:12] = membrane[:, 9:12] = True
        return membrane

    def test_a_perfect_map_scores_best(self, truth):
        scores = boundary_scores(truth, truth)
        assert (scores.v_rand, scores.v_info, scores.rand_error) == pytest.approx((1, 1, 0))

    def test_the_width_of_the_membrane_does_not_count_in_thinned_scores(self, truth):
        scores = boundary_scores(ndimage.binary_dilation(truth, np.ones((3, 3))), truth)
        assert (scores.v_rand, scores.v_info) == pytest.approx((1, 1))
        assert scores.rand_error > 0

    def test_a_gap_in_the_membrane_is_a_merger(self, truth):
        gap = truth.copy()
        gap[9:12, 2] = False
        thin = membrane_segments(truth)
        expected = np.where(thin == thin[20, 0], thin[0, 0], thin)
        scores = boundary_scores(gap, truth)
        assert scores.v_rand == pytest.approx(v_rand(expected, thin).score, abs=0.02)
        assert scores.v_rand < 0.9

    def test_without_any_true_cell_all_scores_are_nan(self):
        scores = boundary_scores(np.zeros((4, 4), bool), np.ones((4, 4), bool))
        assert math.isnan(scores.v_rand)
        assert math.isnan(scores.v_info)
        assert math.isnan(scores.rand_error)

    def test_planes_are_averaged_and_planes_without_cells_left_out(self, truth):
        everywhere = np.ones_like(truth)
        stack = np.stack([truth, truth, everywhere])
        flat = np.zeros_like(truth)
        predicted = np.stack([truth, flat, truth])
        one, other = boundary_scores(predicted[0], truth), boundary_scores(flat, truth)
        scores = boundary_scores(predicted, stack)
        assert scores.v_rand == pytest.approx((one.v_rand + other.v_rand) / 2)
        assert scores.rand_error == pytest.approx((one.rand_error + other.rand_error) / 2)
        assert math.isnan(boundary_scores(truth, everywhere).v_rand)

    def test_bad_input_is_refused(self, truth):
        with pytest.raises(InvalidInput):
            boundary_scores(truth[:3], truth)
        with pytest.raises(InvalidInput):
            boundary_scores(truth[0], truth[0])
