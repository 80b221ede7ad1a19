from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.metrics import adapted_rand_error, variation_of_information

from napari_unet.core.metrics.rand import rand_error, v_info, v_rand
from napari_unet.errors import InvalidInput

TRUTH = np.array([[1, 1, 2, 2]])
MERGED = np.array([[5, 5, 5, 5]])
SPLIT = np.array([[1, 1, 2, 3]])


class TestByHand:
    """Four foreground pixels, two true segments of two: t = (1/2, 1/2)."""

    def test_perfect(self):
        assert rand_error(TRUTH * 7, TRUTH) == 0
        assert v_rand(TRUTH * 7, TRUTH).score == 1
        assert v_info(TRUTH * 7, TRUTH).score == pytest.approx(1)

    def test_merger(self):
        """S has one segment, s = (1): sum p**2 = 1/2, sum s**2 = 1, sum t**2 = 1/2."""
        score = v_rand(MERGED, TRUTH)
        assert (score.split, score.merge) == (1, 1 / 2)
        assert score.score == pytest.approx(2 / 3)
        # 6 pairs in S, 2 in T, 2 in both: precision 1/3, recall 1.
        assert rand_error(MERGED, TRUTH) == pytest.approx(1 - 2 * (1 / 3) / (4 / 3))

    def test_merger_shares_no_information(self):
        score = v_info(MERGED, TRUTH)
        assert (score.score, score.split, score.merge) == (0, 1, 0)

    def test_split(self):
        """s = (1/2, 1/4, 1/4): sum p**2 = sum s**2 = 3/8."""
        score = v_rand(SPLIT, TRUTH)
        assert (score.split, score.merge) == (3 / 4, 1)
        assert score.score == pytest.approx(6 / 7)
        # 1 pair in S and in both, 2 in T.
        assert rand_error(SPLIT, TRUTH) == pytest.approx(1 / 3)

    def test_split_information(self):
        """H(T) = I = 1 bit, H(S) = 3/2 bits."""
        score = v_info(SPLIT, TRUTH)
        assert (score.split, score.merge) == pytest.approx((2 / 3, 1))
        assert score.score == pytest.approx(4 / 5)

    def test_background_of_the_truth_is_not_scored(self):
        truth = np.array([[1, 1, 0, 2, 2]])
        assert v_rand(np.array([[1, 1, 1, 2, 2]]), truth).score == 1
        assert rand_error(np.array([[1, 1, 9, 2, 2]]), truth) == 0

    def test_predicted_background_on_true_foreground_is_one_segment_a_pixel(self):
        """Arganda-Carreras et al.: such pixels are singletons, not one large segment."""
        holes, singletons = np.array([[0, 1, 2, 0]]), np.array([[8, 1, 2, 9]])
        assert v_rand(holes, TRUTH) == v_rand(singletons, TRUTH)
        assert v_info(holes, TRUTH) == v_info(singletons, TRUTH)
        assert rand_error(holes, TRUTH) == rand_error(singletons, TRUTH) == 1

    def test_one_segment_in_both_is_perfect(self):
        assert v_info(MERGED, MERGED * 2).score == 1
        assert v_rand(MERGED, MERGED * 2).score == 1

    def test_a_truth_without_foreground_is_nan(self):
        nothing = np.zeros((2, 2), int)
        assert math.isnan(rand_error(MERGED.reshape(2, 2), nothing))
        assert math.isnan(v_rand(nothing, nothing).score)
        assert math.isnan(v_info(nothing, nothing).merge)


segmentations = hnp.arrays(np.uint16, (6, 7), elements=st.sampled_from([1, 2, 3, 40, 65535]))


@settings(max_examples=60, deadline=None)
@given(segmentations, segmentations)
def test_rand_error_is_that_of_scikit_image(prediction, truth):
    truth = np.where(truth == 3, 0, truth)
    if np.count_nonzero(truth) < 6:
        return
    expected, _, _ = adapted_rand_error(truth.astype(int), prediction.astype(int))
    assert rand_error(prediction, truth) == pytest.approx(expected)


@settings(max_examples=60, deadline=None)
@given(segmentations, segmentations)
def test_v_info_agrees_with_the_variation_of_information_of_scikit_image(prediction, truth):
    """H(S|T) = H(S) - I and H(T|S) = H(T) - I are the two parts of scikit-image's variation."""
    splits, mergers = variation_of_information(truth.astype(int), prediction.astype(int))
    sizes = [np.unique(image, return_counts=True)[1] / image.size for image in (prediction, truth)]
    h_s, h_t = (-(fractions * np.log2(fractions)).sum() for fractions in sizes)
    score = v_info(prediction, truth)
    assert (1 - score.split) * h_s == pytest.approx(splits, abs=1e-9)
    assert (1 - score.merge) * h_t == pytest.approx(mergers, abs=1e-9)


@settings(max_examples=60, deadline=None)
@given(segmentations, segmentations)
def test_scores_are_the_harmonic_means_of_their_parts(prediction, truth):
    for score in (v_rand(prediction, truth), v_info(prediction, truth)):
        parts = score.split + score.merge
        expected = 2 * score.split * score.merge / parts if parts else 0
        assert score.score == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("score", [rand_error, v_rand, v_info])
def test_bad_input_is_refused(score):
    with pytest.raises(InvalidInput, match="shape"):
        score(TRUTH[:, :3], TRUTH)
    with pytest.raises(InvalidInput, match="labels"):
        score(TRUTH / 2, TRUTH)
    with pytest.raises(InvalidInput, match="negative"):
        score(TRUTH, -TRUTH)
