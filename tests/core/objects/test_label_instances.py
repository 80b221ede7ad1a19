"""Objects from probabilities: what is cut, what is kept, and that chunks change nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from napari_unet.core.objects.label_instances import class_map, label_instances
from napari_unet.core.objects.split_touching import InstanceSettings
from napari_unet.errors import InvalidInput

EVERYTHING = InstanceSettings(smallest=1)


def balls(shape, *centres_and_radii, spacing=None):
    """Return a mask of discs or balls, each (*centre, radius) in pixels times spacing."""
    spacing = spacing or (1,) * len(shape)
    grid = [g * s for g, s in zip(np.indices(shape), spacing, strict=True)]
    mask = np.zeros(shape, bool)
    for *centre, radius in centres_and_radii:
        mask |= sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)) < radius**2
    return mask


def probabilities(*masks):
    """Return certain probabilities: background, then a class for each mask."""
    return np.stack([~np.any(masks, axis=0), *masks]).astype(np.float32)


def partition(labels):
    """Return labels numbered in the order in which raster order meets them."""
    _, first, ranks = np.unique(labels, return_index=True, return_inverse=True)
    ids = np.zeros(len(first), int)
    foreground = np.flatnonzero(labels.ravel()[first] > 0)
    ids[foreground[np.argsort(first[foreground])]] = np.arange(1, len(foreground) + 1)
    return ids[ranks].reshape(labels.shape)


def assert_same_objects(a, b):
    np.testing.assert_array_equal(partition(np.asarray(a)), partition(np.asarray(b)))


class TestSplitting:
    def test_touching_discs_come_apart_in_the_middle(self):
        found = label_instances(probabilities(balls((40, 60), (20, 20, 10), (20, 37, 10))))
        assert found.max() == 2
        assert len(np.unique(found[:, :28][found[:, :28] > 0])) == 1
        assert len(np.unique(found[:, 30:][found[:, 30:] > 0])) == 1

    def test_four_discs_in_a_square_around_a_hole_come_apart(self):
        mask = balls((60, 60), (20, 20, 10), (20, 39, 10), (39, 20, 10), (39, 39, 10))
        assert label_instances(probabilities(mask)).max() == 4

    @pytest.mark.parametrize("angle", [0, 20, 45, 90])
    @pytest.mark.parametrize("axes", [(24, 12), (24, 5), (8, 3)])
    def test_an_ellipse_stays_one(self, angle, axes):
        rows, columns = np.indices((64, 64)) - 32
        turn = np.deg2rad(angle)
        along = np.cos(turn) * columns + np.sin(turn) * rows
        across = np.cos(turn) * rows - np.sin(turn) * columns
        found = label_instances(probabilities((along / axes[0]) ** 2 + (across / axes[1]) ** 2 < 1))
        assert found.max() == 1

    def test_a_ragged_outline_stays_one(self, rng):
        rough = balls((64, 64), (32, 32, 20)) ^ (
            (rng.random((64, 64)) < 0.3) & (np.abs(np.hypot(*(np.indices((64, 64)) - 32)) - 20) < 1)
        )
        assert label_instances(probabilities(ndimage.binary_opening(rough))).max() == 1

    def test_a_line_of_doubt_cuts_where_the_outline_does_not(self):
        certain = probabilities(np.pad(np.ones((16, 40), bool), 4))
        doubtful = certain.copy()
        doubtful[1, 4:20, 24], doubtful[0, 4:20, 24] = 0.55, 0.45
        assert label_instances(certain).max() == 1
        found = label_instances(doubtful)
        assert found.max() == 2
        assert (found > 0).sum() == 16 * 40

    def test_balls_come_apart_in_3d(self):
        mask = balls((24, 28, 44), (12, 14, 14, 9), (12, 14, 29, 9))
        found = label_instances(probabilities(mask))
        assert found.max() == 2
        assert abs(int((found == 1).sum()) - int((found == 2).sum())) < 0.05 * mask.sum()

    def test_width_is_measured_with_the_spacing(self):
        """Two balls one above the other, in planes four pixels apart."""
        spacing = (4, 1, 1)
        mask = balls((16, 40, 40), (20, 20, 20, 14), (43, 20, 20, 14), spacing=spacing)
        assert label_instances(probabilities(mask), spacing=spacing).max() == 2

    def test_parts_that_are_too_small_stay_with_their_neighbour(self):
        mask = balls((40, 60), (20, 20, 14), (20, 38, 5))
        assert label_instances(probabilities(mask)).max() == 2
        found = label_instances(probabilities(mask), settings=InstanceSettings(smallest=150))
        np.testing.assert_array_equal(found, mask)

    def test_without_a_neck_nothing_is_cut(self):
        mask = balls((40, 60), (20, 20, 10), (20, 39, 10))
        found = label_instances(probabilities(mask), settings=InstanceSettings(neck=0))
        assert found.max() == 1

    def test_every_object_is_connected_and_all_fill_the_mask(self, rng):
        mask = ndimage.gaussian_filter(rng.normal(size=(150, 150)), 3) > 0
        found = label_instances(probabilities(mask), settings=EVERYTHING)
        np.testing.assert_array_equal(found > 0, mask)
        for number in range(1, found.max() + 1):
            assert ndimage.label(found == number)[1] == 1


class TestWhatIsKept:
    def test_specks_of_noise_are_dropped(self, rng):
        mask = balls((64, 64), (32, 32, 12))
        noisy = mask | (rng.random((64, 64)) < 0.02)
        found = label_instances(probabilities(noisy))
        assert found.max() == 1
        assert found[mask].all()

    def test_objects_at_the_border_go_where_they_are_not_wanted(self):
        mask = balls((40, 60), (20, 4, 10), (20, 21, 10), (20, 45, 7))
        inner = InstanceSettings(border_objects=False)
        assert label_instances(probabilities(mask)).max() == 3
        found = label_instances(probabilities(mask), settings=inner)
        assert sorted(np.unique(found)) == [0, 1, 2]
        assert found[20, 4] == 0
        assert found[20, 21] and found[20, 45]

    def test_classes_separate_where_they_touch(self):
        mask = np.zeros((2, 20, 40), bool)
        mask[0, 5:15, 5:20] = mask[1, 5:15, 20:35] = True
        found = label_instances(probabilities(*mask))
        assert found.max() == 2
        assert len(np.unique(found[mask[0]])) == len(np.unique(found[mask[1]])) == 1

    def test_an_unsure_class_does_not_make_a_hole(self):
        """Neither class reaches the threshold in the middle; together they do."""
        found = np.zeros((3, 20, 20), np.float32)
        found[0] = 1
        found[:, 5:15, 5:15] = np.array([0.1, 0.8, 0.1])[:, None, None]
        found[:, 9:11, 9:11] = np.array([0.2, 0.45, 0.35])[:, None, None]
        assert (label_instances(found) > 0).sum() == 100
        assert np.unique(class_map(found)).tolist() == [0, 2]

    def test_the_background_may_be_any_class_or_none(self):
        mask = balls((30, 30), (15, 15, 8))
        swapped = probabilities(mask)[::-1]
        assert (label_instances(swapped, background=1) > 0).sum() == mask.sum()
        both = label_instances(swapped, None, InstanceSettings(neck=0))
        assert both.all()
        assert both.max() == 2

    def test_ids_are_int32_from_1_without_gaps(self, rng):
        mask = ndimage.gaussian_filter(rng.normal(size=(128, 128)), 2) > 0.1
        found = label_instances(probabilities(mask))
        assert found.dtype == np.int32
        np.testing.assert_array_equal(np.unique(found), np.arange(found.max() + 1))

    @pytest.mark.parametrize("shape", [(2, 9, 12), (2, 4, 9, 12)])
    @pytest.mark.parametrize("value", [0.0, np.nan])
    def test_nothing_is_found_in_nothing(self, shape, value):
        found = label_instances(np.full(shape, value, np.float32))
        assert found.shape == shape[1:]
        assert not found.any()

    def test_one_object_may_fill_the_image(self):
        found = label_instances(probabilities(np.ones((600, 600), bool)))
        assert (found == 1).all()

    def test_more_than_65535_objects(self):
        mask = np.zeros((560, 560), bool)
        mask[::2, ::2] = True
        found = label_instances(probabilities(mask), settings=EVERYTHING)
        assert found.max() == 280 * 280 > 70_000
        np.testing.assert_array_equal(np.unique(found[mask]), np.arange(1, 280 * 280 + 1))


class TestChunks:
    @settings(max_examples=100, deadline=None)
    @given(
        seed=st.integers(0, 2**16),
        shape=st.one_of(
            st.tuples(st.integers(1, 80), st.integers(1, 80)),
            st.tuples(st.integers(1, 10), st.integers(1, 24), st.integers(1, 24)),
        ),
        chunk=st.integers(1, 60),
        smallest=st.integers(1, 30),
        neck=st.floats(0.5, 0.99),
        border_objects=st.booleans(),
        classes=st.integers(1, 2),
        float_type=st.sampled_from([np.float16, np.float32, np.float64]),
    )
    def test_any_chunk_gives_the_same_objects(
        self, seed, shape, chunk, smallest, neck, border_objects, classes, float_type
    ):
        rng = np.random.default_rng(seed)
        noise = rng.normal(size=(classes + 1, *shape))
        smooth = ndimage.gaussian_filter(noise, (0, *[2.0] * len(shape)), mode="wrap") * 20
        found = (np.exp(smooth) / np.exp(smooth).sum(axis=0)).astype(float_type)
        how = InstanceSettings(smallest=smallest, neck=neck, border_objects=border_objects)
        whole = label_instances(found, settings=how)
        assert_same_objects(label_instances(found, settings=how, chunk=chunk), whole)

    @settings(max_examples=25, deadline=None)
    @given(seed=st.integers(0, 2**16), chunk=st.integers(1, 40))
    def test_uncut_objects_are_the_connected_components_of_the_image(self, seed, chunk):
        mask = np.random.default_rng(seed).random((30, 37)) < 0.6
        how = InstanceSettings(smallest=1, neck=0)
        found = label_instances(probabilities(mask), settings=how, chunk=chunk)
        assert_same_objects(found, ndimage.label(mask)[0])

    @pytest.mark.parametrize("spacing", [None, (1.3, 0.7)])
    def test_each_piece_is_cut_as_if_it_were_alone(self, rng, spacing):
        """In any order in memory: the watershed's queue must not mix what pieces have in it."""
        noise = ndimage.gaussian_filter(rng.normal(size=(160, 160)), 2)
        pieces, count = ndimage.label(noise > 0)
        how = InstanceSettings(smallest=1, neck=0.95)
        together = label_instances(probabilities(pieces > 0), settings=how, spacing=spacing)
        assert count > 20 and together.max() > 2 * count
        for number in range(1, count + 1):
            mask = pieces == number
            alone = label_instances(probabilities(mask), settings=how, spacing=spacing)
            assert_same_objects(np.where(mask, together, 0), alone)

    def test_files_larger_than_memory_are_read_and_written_in_place(self, tmp_path):
        mask = balls((70, 90), (20, 20, 10), (20, 37, 10), (50, 60, 15))
        stored = np.lib.format.open_memmap(
            tmp_path / "p.npy", "w+", np.float32, shape=(2, *mask.shape)
        )
        stored[:] = probabilities(mask)
        out = np.lib.format.open_memmap(tmp_path / "ids.npy", "w+", np.int32, shape=mask.shape)
        assert label_instances(stored, chunk=16, out=out) is out
        out.flush()
        written = np.load(tmp_path / "ids.npy")
        assert_same_objects(written, label_instances(probabilities(mask)))
        np.testing.assert_array_equal(np.unique(written), [0, 1, 2, 3])

    def test_no_more_is_read_than_a_chunk_or_a_piece(self):
        mask = balls((100, 100), (20, 20, 10), (52, 50, 10), (80, 80, 12))

        class Watched:
            shape = (2, 100, 100)
            largest = 0

            def __getitem__(self, index):
                found = probabilities(mask)[index]
                self.largest = max(self.largest, found[0].size)
                return found

        watched = Watched()
        label_instances(watched, chunk=25)
        assert watched.largest <= 25 * 25


class TestRefusals:
    @pytest.mark.parametrize(
        "values",
        [{"threshold": 0}, {"threshold": 1.5}, {"smallest": 0}, {"neck": 1}, {"neck": -0.1}],
    )
    def test_settings_out_of_range(self, values):
        with pytest.raises(InvalidInput, match="choose"):
            InstanceSettings(**values)

    @pytest.mark.parametrize(
        ("shape", "more"),
        [
            ((2, 9), {}),
            ((2, 0, 9), {}),
            ((1, 9, 9), {}),
            ((2, 9, 9), {"background": 2}),
            ((2, 9, 9), {"chunk": 0}),
            ((2, 9, 9), {"spacing": (1, 1, 1)}),
            ((2, 9, 9), {"spacing": (1, 0)}),
            ((2, 9, 9), {"out": np.zeros((9, 8), np.int32)}),
        ],
    )
    def test_input_that_makes_no_sense(self, shape, more):
        with pytest.raises(InvalidInput):
            label_instances(np.zeros(shape, np.float32), **more)
