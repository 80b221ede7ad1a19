from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from napari_unet.core.images.arrange import pieces_like
from napari_unet.core.labels.border_weights import border_weights
from napari_unet.core.labels.check_labels import check_labels
from napari_unet.core.labels.targets import (
    IGNORED,
    class_ids,
    hold_out,
    labelled_planes,
    make_target,
)
from napari_unet.errors import InvalidInput

EIGHT = np.ones((3, 3))


def drawn(picture: str) -> np.ndarray:
    """Turn rows of digits into labels."""
    return np.array([[int(digit) for digit in row] for row in picture.split()], np.uint8)


class TestCheck:
    @pytest.mark.parametrize("dtype", ["bool", "u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8"])
    def test_any_whole_numbers_are_labels(self, dtype):
        labels = np.array([[0, 1], [1, 0]], dtype)
        found = check_labels(labels)
        assert found.dtype.kind in "iu"
        np.testing.assert_array_equal(found, labels)

    @pytest.mark.parametrize("dtype", ["f2", "f4", "f8"])
    def test_floats_are_labels_if_they_are_whole(self, dtype):
        found = check_labels(np.array([[0.0, 3.0]], dtype))
        assert found.dtype.kind in "iu"
        assert found.tolist() == [[0, 3]]

    @pytest.mark.parametrize("value", [0.5, np.nan, np.inf])
    def test_other_floats_are_refused(self, value):
        with pytest.raises(InvalidInput, match="whole numbers"):
            check_labels(np.array([[0.0, value]]))

    def test_negative_labels_are_refused(self):
        with pytest.raises(InvalidInput, match="not be negative"):
            check_labels(np.array([[0, -1]]))

    def test_what_is_no_number_is_refused(self):
        with pytest.raises(InvalidInput, match="not class ids"):
            check_labels(np.array([["a"]]))


class TestClassIds:
    def test_of_scribbles_are_what_is_painted(self):
        assert class_ids([drawn("002 010"), drawn("700 000")], "scribbles") == [1, 2, 7]

    def test_of_dense_classes_count_0(self):
        assert class_ids([drawn("002 050")], "classes") == [0, 2, 5]

    @pytest.mark.parametrize("labels", ["00 07", "00 12", "11 22"])
    def test_of_instances_are_background_and_object(self, labels):
        """Objects that fill an image touch, and what parts them is background."""
        assert class_ids([drawn(labels)], "instances") == [0, 1]

    def test_without_strokes_says_what_to_paint(self):
        with pytest.raises(InvalidInput, match="nothing is painted yet; paint a stroke of each"):
            class_ids([drawn("00 00")], "scribbles")

    @pytest.mark.parametrize(
        ("labels", "kind", "only"),
        [
            ("02 00", "scribbles", 2),
            ("00 00", "classes", 0),
            ("33 33", "classes", 3),
            ("00 00", "instances", 0),
            ("44 44", "instances", 4),
        ],
    )
    def test_one_class_alone_is_refused(self, labels, kind, only):
        with pytest.raises(InvalidInput, match=f"only class {only} is labelled"):
            class_ids([drawn(labels)], kind)

    def test_ids_too_large_for_classes_hint_at_instances(self):
        with pytest.raises(InvalidInput, match="'instances'"):
            class_ids([np.array([[0, 70_000]])], "classes")
        assert class_ids([np.array([[0, 70_000]])], "instances") == [0, 1]

    @pytest.mark.parametrize("kind", ["scribbles", "classes", "instances"])
    def test_no_labels_at_all_are_refused(self, kind):
        with pytest.raises(InvalidInput):
            class_ids([np.zeros((0, 5), int)], kind)


class TestScribbles:
    def test_0_is_unlabelled_and_ids_become_indices(self):
        target = make_target(drawn("0010 0000 7033"), "scribbles", [1, 3, 7])
        assert target.classes.tolist() == [[-1, -1, 0, -1], [-1] * 4, [2, -1, 1, 1]]
        np.testing.assert_array_equal(target.trained, target.classes != IGNORED)

    def test_a_stroke_is_what_touches_of_one_class(self):
        target = make_target(drawn("1100 0020 1002"), "scribbles", [1, 2])
        strokes = target.strokes
        assert strokes[0, 0] == strokes[0, 1] != strokes[2, 0]
        assert strokes[1, 2] == strokes[2, 3]  # diagonal neighbours
        assert len(np.unique(strokes[strokes > 0])) == 3

    def test_the_border_term_is_on_labelled_background_between_objects_alone(self):
        labels = np.zeros((9, 15), np.uint8)
        labels[4, [2, 12]] = 2
        labels[4, 5:9] = 1
        target = make_target(labels, "scribbles", [1, 2])
        expected = 10 * np.exp(-(10**2) / (2 * 5**2))
        np.testing.assert_allclose(target.border[4, 5:9], expected, rtol=1e-5)
        assert (target.border[labels != 1] == 0).all()
        assert (make_target(labels, "scribbles", [1, 2], w0=0).border == 0).all()

    @given(
        hnp.arrays(np.uint8, (9, 11), elements=st.integers(0, 3)),
        st.permutations([1, 2, 3]),
    )
    def test_permuted_ids_give_permuted_classes(self, labels, permutation):
        ids = [1, 2, 3]
        permuted = np.array([0, *permutation], np.uint8)[labels]
        target = make_target(permuted, "scribbles", ids, w0=0)
        back = np.where(target.classes < 0, 0, np.array(ids)[target.classes])
        np.testing.assert_array_equal(back, permuted)
        plain = make_target(labels, "scribbles", ids, w0=0)
        np.testing.assert_array_equal(target.trained, plain.trained)

    def test_the_newest_are_kept(self):
        labels = drawn("110 000 022")
        newest = labels == 2
        np.testing.assert_array_equal(
            make_target(labels, "scribbles", [1, 2], newest=newest).newest, newest
        )
        assert not make_target(labels, "scribbles", [1, 2]).newest.any()


class TestDense:
    def test_every_pixel_of_classes_counts_and_0_is_a_class(self):
        target = make_target(drawn("05 50"), "classes", [0, 5])
        assert target.classes.tolist() == [[0, 1], [1, 0]]
        assert target.trained.all()
        assert (target.border == 0).all()

    def test_instances_are_trained_as_background_and_object(self):
        labels = np.zeros((20, 20), np.int32)
        labels[3:9, 3:9], labels[12:18, 3:9] = 4, 90_000
        target = make_target(labels, "instances", [0, 1])
        np.testing.assert_array_equal(target.classes, labels > 0)
        assert target.trained.all()

    def test_instances_have_border_weights(self):
        """Ronneberger et al. 2015, equation 2, with w_c left to the loss."""
        labels = np.zeros((20, 20), np.int32)
        labels[3:9, 3:9], labels[12:18, 3:9] = 1, 2
        target = make_target(labels, "instances", [0, 1], w0=7.0, sigma=3.0)
        np.testing.assert_allclose(target.border, border_weights(labels, 7.0, 3.0))
        assert (make_target(labels, "instances", [0, 1], w0=0).border == 0).all()

    def test_touching_instances_are_parted_by_background(self):
        """Section 3: "the separation border" between touching cells is background."""
        labels = np.repeat(drawn("1111 1111 1111 2222 2222 2222"), 2, axis=1)
        target = make_target(labels, "instances", [0, 1])
        _, count = ndimage.label(target.classes == 1, structure=EIGHT)
        assert count == 2

    def test_the_gap_is_opened_before_the_weights_are_computed(self):
        """Section 3: first the separation border, then equation 2 on what is left of the cells.

        In the middle row the gap is columns 5 and 6, 1 pixel from one cell and 2 from the other.
        """
        labels = np.zeros((9, 12), np.int32)
        labels[:, :6], labels[:, 6:] = 1, 2
        target = make_target(labels, "instances", [0, 1])
        np.testing.assert_array_equal(np.flatnonzero(target.classes[4] == 0), [5, 6])
        np.testing.assert_allclose(target.border[4, 5:7], 10 * np.exp(-((1 + 2) ** 2) / 50))
        # One pixel inside a cell the other is 3 pixels away.
        np.testing.assert_allclose(target.border[4, [4, 7]], 10 * np.exp(-(3**2) / 50))

    def test_a_class_that_only_the_model_knows_may_be_missing(self):
        target = make_target(drawn("05 50"), "classes", [5, 9, 0])
        assert target.classes.tolist() == [[2, 0], [0, 2]]


def dashes(counts, per_row=4) -> np.ndarray:
    """Draw ``counts[k]`` separate dashes of class k + 1."""
    total = sum(counts)
    labels = np.zeros((2 * -(-total // per_row) + 1, 5 * per_row), np.uint8)
    order = np.repeat(np.arange(len(counts)) + 1, counts)
    for number, class_id in enumerate(order):
        row, column = 2 * (number // per_row), 5 * (number % per_row)
        labels[row, column : column + 3] = class_id
    return labels


class TestHoldOutStrokes:
    @settings(deadline=None)
    @given(
        st.lists(st.lists(st.integers(0, 7), min_size=3, max_size=3), min_size=1, max_size=3),
        st.integers(0, 100),
    )
    def test_never_part_of_a_stroke_nor_the_last_of_a_class(self, counts, seed):
        targets = [make_target(dashes(count), "scribbles", [1, 2, 3]) for count in counts]
        held = hold_out(targets, "scribbles", 3, np.random.default_rng(seed))
        for before, target in zip(targets, held, strict=True):
            np.testing.assert_array_equal(before.classes, target.classes)
            assert not (target.held_out & (target.classes == IGNORED)).any()
            for stroke in np.unique(target.strokes[target.strokes > 0]):
                assert len(np.unique(target.held_out[target.strokes == stroke])) == 1
        for index in range(3):
            of_class = [target.classes == index for target in held]
            if any(mask.any() for mask in of_class):
                assert any(
                    (mask & target.trained).any()
                    for mask, target in zip(of_class, held, strict=True)
                )

    @pytest.mark.parametrize(("count", "expected"), [(4, 1), (5, 1), (10, 2), (20, 4)])
    def test_a_fifth_of_each_classs_strokes(self, count, expected):
        targets = [make_target(dashes([count, count]), "scribbles", [1, 2])]
        (target,) = hold_out(targets, "scribbles", 2, np.random.default_rng(0))
        for index in (0, 1):
            held = target.strokes[target.held_out & (target.classes == index)]
            assert len(np.unique(held)) == expected

    def test_nothing_while_a_class_has_fewer_than_four(self):
        targets = [make_target(dashes([9, 3]), "scribbles", [1, 2])]
        (target,) = hold_out(targets, "scribbles", 2, np.random.default_rng(0))
        assert not target.held_out.any()

    def test_strokes_count_over_all_planes(self):
        targets = [make_target(dashes([2, 2]), "scribbles", [1, 2]) for _ in range(2)]
        held = hold_out(targets, "scribbles", 2, np.random.default_rng(0))
        assert sum(target.held_out.sum() for target in held) == 2 * 3

    def test_the_generator_decides_which(self):
        def chosen(seed):
            targets = [make_target(dashes([20, 20]), "scribbles", [1, 2])]
            return hold_out(targets, "scribbles", 2, np.random.default_rng(seed))[0].held_out

        np.testing.assert_array_equal(chosen(1), chosen(1))
        assert (chosen(1) != chosen(2)).any()


class TestHoldOutDense:
    def test_regions_of_few_planes(self, rng):
        labels = (rng.random((60, 66)) < 0.3).astype(np.uint8)
        targets = [make_target(labels, "classes", [0, 1]) for _ in range(2)]
        held = hold_out(targets, "classes", 2, np.random.default_rng(0))
        share = np.mean([target.held_out for target in held])
        assert 0.05 < share < 0.15
        for target in held:
            for region in np.unique(target.strokes):
                assert len(np.unique(target.held_out[target.strokes == region])) == 1

    def test_whole_planes_of_many(self, rng):
        labels = (rng.random((20, 20)) < 0.3).astype(np.uint8)
        targets = [make_target(labels, "classes", [0, 1]) for _ in range(20)]
        held = hold_out(targets, "classes", 2, np.random.default_rng(0))
        assert sorted(float(target.held_out.mean()) for target in held) == [0.0] * 18 + [1.0] * 2

    def test_no_image_of_several_is_the_only_one_that_is_scored(self, rng):
        labels = (rng.random((60, 60)) < 0.3).astype(np.uint8)
        targets = [make_target(labels, "classes", [0, 1]) for _ in range(8)]
        held = hold_out(targets, "classes", 2, np.random.default_rng(0))
        shares = [float(target.held_out.mean()) for target in held]
        assert sum(share > 0 for share in shares) >= 6
        assert max(shares) < 0.5

    def test_the_rarest_class_is_among_what_is_scored(self):
        labels = np.zeros((60, 60), np.uint8)
        labels[2:4, 2:4] = labels[50:52, 50:52] = 1
        for seed in range(5):
            targets = [make_target(labels, "classes", [0, 1])]
            (target,) = hold_out(targets, "classes", 2, np.random.default_rng(seed))
            assert (target.held_out & (labels == 1)).any()
            assert (target.trained & (labels == 1)).any()

    def test_nothing_where_a_class_would_be_left_without_training_or_score(self):
        labels = np.zeros((60, 60), np.uint8)
        labels[2, 2] = 1
        targets = [make_target(labels, "classes", [0, 1])]
        (target,) = hold_out(targets, "classes", 2, np.random.default_rng(0))
        assert not target.held_out.any()


class TestLabelledPlanes:
    def test_of_scribbles_are_the_painted_ones(self, rng):
        labels = np.zeros((3, 5, 6), np.uint8)
        labels[1, 2, 2] = 1
        image = pieces_like(rng.normal(size=labels.shape), labels, 2)
        assert labelled_planes(image, labels, "scribbles") == [1]

    @pytest.mark.parametrize("kind", ["classes", "instances"])
    def test_of_dense_labels_are_all(self, rng, kind):
        labels = np.zeros((3, 5, 6), np.uint8)
        image = pieces_like(rng.normal(size=labels.shape), labels, 2)
        assert labelled_planes(image, labels, kind) == [0, 1, 2]
