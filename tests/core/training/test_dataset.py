from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.images.cutout import Cutout
from napari_unet.core.images.intensity import Intensity
from napari_unet.core.images.lazy_plane import intensities_of
from napari_unet.core.images.normalise import normalise
from napari_unet.core.labels.classes import ClassInfo
from napari_unet.core.labels.targets import IGNORED
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from scenes import random_model, small_network


def settings(kind="scribbles", **values) -> TrainSettings:
    return TrainSettings(steps=1, label_kind=kind, **values)


@pytest.fixture
def image(rng) -> np.ndarray:
    return rng.normal(size=(12, 14))


@pytest.fixture
def strokes() -> np.ndarray:
    strokes = np.zeros((12, 14), np.uint8)
    strokes[2, 2:9], strokes[8, 2:9] = 1, 3
    return strokes


class TestPlanes:
    def test_are_normalised(self, image, strokes):
        dataset = make_dataset([image], [strokes], settings())
        np.testing.assert_array_equal(dataset.images[0], normalise(image[None]))
        assert dataset.channels == 1

    def test_of_scribbles_are_the_painted_ones_of_every_image(self, rng, image, strokes):
        stack, labels = rng.normal(size=(3, 12, 14)), np.zeros((3, 12, 14), int)
        labels[2, 5, 5] = 2
        dataset = make_dataset([image, stack], [strokes, labels], settings())
        assert len(dataset.images) == 2
        np.testing.assert_array_equal(dataset.images[1], normalise(stack[2:]))
        assert [entry.id for entry in dataset.classes] == [1, 2, 3]

    @pytest.mark.parametrize("kind", ["classes", "instances"])
    def test_of_dense_labels_are_all(self, rng, kind):
        labels = np.zeros((3, 12, 14), int)
        labels[2, 5, 5] = 2
        dataset = make_dataset([rng.normal(size=(3, 12, 14))], [labels], settings(kind))
        assert len(dataset.images) == len(dataset.targets) == 3

    def test_images_may_differ_in_size_and_dtype(self, rng, image, strokes):
        other = rng.integers(0, 255, (20, 9), np.uint8)
        labels = np.zeros((20, 9), float)
        labels[4, 4] = 1
        dataset = make_dataset([image, other], [strokes, labels], settings())
        assert [plane.shape for plane in dataset.images] == [(1, 12, 14), (1, 20, 9)]

    def test_what_is_newest_goes_with_its_plane(self, rng):
        labels = np.zeros((3, 12, 14), np.uint8)
        labels[0, 1, 1], labels[2, 5, 5] = 1, 2
        newest = labels == 2
        dataset = make_dataset(
            [rng.normal(size=labels.shape)], [labels], settings(), newest=[newest]
        )
        assert [target.newest.sum() for target in dataset.targets] == [0, 1]

    def test_the_seed_decides_what_is_held_out(self, rng):
        image, labels = rng.normal(size=(60, 60)), (rng.random((60, 60)) < 0.5).astype(int)

        def held_out(seed):
            dataset = make_dataset([image], [labels], settings("classes", seed=seed))
            assert dataset.held_out
            return dataset.targets[0].held_out

        np.testing.assert_array_equal(held_out(3), held_out(3))
        assert (held_out(3) != held_out(4)).any()


class TestClasses:
    def test_are_in_the_order_of_their_ids_with_the_names_given(self, image, strokes):
        known = [ClassInfo(id=3, name="nucleus", color="#123456")]
        dataset = make_dataset([image], [strokes], settings(), known=known)
        assert [(entry.id, entry.name) for entry in dataset.classes] == [
            (1, "background"),
            (3, "nucleus"),
        ]

    def test_labelled_pixels_are_counted_by_id(self, image, strokes):
        strokes[9, 9] = 3
        assert make_dataset([image], [strokes], settings()).labelled_pixels() == {1: 7, 3: 8}

    def test_of_a_model_come_first_and_stay_where_nobody_painted_them(self, image, strokes):
        model = random_model(small_network(n_classes=3), ids=(2, 5, 3))
        dataset = make_dataset([image], [strokes], settings(), model=model)
        assert [entry.id for entry in dataset.classes] == [2, 3, 5, 1]
        assert dataset.targets[0].classes[2, 2] == 3
        assert dataset.targets[0].classes[8, 2] == 1
        assert dataset.labelled_pixels() == {2: 0, 3: 7, 5: 0, 1: 7}

    def test_of_a_model_take_new_names(self, image, strokes):
        model = random_model(small_network(), ids=(1, 3))
        known = [ClassInfo(id=3, name="renamed", color="#000000")]
        dataset = make_dataset([image], [strokes], settings(), model=model, known=known)
        assert [entry.name for entry in dataset.classes] == ["background", "renamed"]


class TestBadInput:
    @pytest.mark.parametrize(("images", "labels"), [(0, 0), (1, 0), (1, 2), (2, 1)])
    def test_not_one_label_array_for_each_image(self, image, strokes, images, labels):
        with pytest.raises(InvalidInput, match="one label array for each image"):
            make_dataset([image] * images, [strokes] * labels, settings())

    def test_labels_of_another_shape(self, image, strokes):
        with pytest.raises(InvalidInput, match="does not fit"):
            make_dataset([image], [strokes[:, :-1]], settings())

    @pytest.mark.parametrize("value", [1e300, -1e300])
    def test_beyond_float32(self, image, strokes, value):
        image[3, 3] = value
        with pytest.raises(InvalidInput, match="beyond what float32"):
            make_dataset([image], [strokes], settings())

    def test_nothing_imaged(self, strokes):
        with pytest.raises(InvalidInput, match="nothing was imaged"):
            make_dataset([np.full((12, 14), np.nan)], [strokes], settings())

    def test_constant(self, strokes):
        with pytest.raises(InvalidInput, match="every pixel"):
            make_dataset([np.zeros((12, 14))], [strokes], settings())

    def test_no_strokes(self, image):
        with pytest.raises(InvalidInput, match="nothing is painted"):
            make_dataset([image], [np.zeros((12, 14), int)], settings())

    def test_one_class_only(self, image):
        with pytest.raises(InvalidInput, match="only class 1"):
            make_dataset([image], [np.eye(12, 14, dtype=int)], settings())

    def test_images_of_different_channels(self, rng, image, strokes):
        with pytest.raises(InvalidInput, match="1 and 3 channels"):
            make_dataset([image, rng.normal(size=(12, 14, 3))], [strokes, strokes], settings())

    def test_another_number_of_channels_than_the_model(self, image, strokes):
        model = random_model(small_network(in_channels=3))
        with pytest.raises(InvalidInput, match="3 channels and these images have 1"):
            make_dataset([image], [strokes], settings(), model=model)

    def test_another_kind_of_labels_than_the_model(self, image, strokes):
        model = random_model(small_network())
        with pytest.raises(InvalidInput, match="'scribbles', these are 'classes'"):
            make_dataset([image], [strokes], settings("classes"), model=model)


class TestStrokesAcrossPlanes:
    """One stroke of each of four places goes through ten slices."""

    @pytest.fixture
    def stack(self, rng):
        labels = np.zeros((10, 40, 30), np.uint8)
        for number in range(10):
            labels[:, 4 * number, 3:9] = 1 + number % 2
        return rng.random((10, 40, 30)), labels

    @staticmethod
    def held_rows(dataset):
        held = np.stack([target.held_out for target in dataset.targets])
        rows = {int(row) for row in np.nonzero(held)[1]}
        assert all(held[:, row, 3:9].all() for row in rows), "whole or not at all"
        return rows

    def test_of_one_array_are_held_out_whole(self, stack):
        image, labels = stack
        dataset = make_dataset([image], [labels], settings())
        assert len(self.held_rows(dataset)) == 2

    def test_of_planes_with_places_too(self, stack):
        places = [("strokes", (z,)) for z in range(10)]
        dataset = make_dataset(*map(list, stack), settings(), places=places)
        assert len(self.held_rows(dataset)) == 2

    def test_of_parts_of_large_planes_too(self, stack):
        image, labels = stack
        cutouts = [
            Cutout(plane[None], (7, 9), (99, 99), (Intensity(0.0, 1.0, 1.0, 0.5, 0.1, 0.0),))
            for plane in image
        ]
        places = [("strokes", (z,)) for z in range(10)]
        dataset = make_dataset(cutouts, list(labels), settings(), places=places)
        assert len(self.held_rows(dataset)) == 2


class TestNotImaged:
    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_pixels_are_unlabelled(self, image, strokes, value):
        rows, columns = np.nonzero(strokes)
        image[rows[0], columns[0]] = value
        (target,) = make_dataset([image], [strokes], settings()).targets
        expected = np.array([-1, 0, -1, 1])[strokes]
        expected[rows[0], columns[0]] = IGNORED
        np.testing.assert_array_equal(target.classes, expected)

    @pytest.mark.parametrize("kind", ["classes", "instances"])
    def test_so_they_are_of_dense_labels(self, image, strokes, kind):
        image[:, :5] = np.nan
        dense = (np.arange(strokes.size).reshape(strokes.shape) % 14 > 7).astype(int)
        dataset = make_dataset([image], [dense], settings(kind))
        (target,) = dataset.targets
        assert (target.classes[:, :5] == IGNORED).all()
        assert (target.classes[:, 5:] != IGNORED).all()
        assert not target.trained[:, :5].any() and not target.held_out[:, :5].any()
        assert np.isfinite(dataset.images[0]).all()


class TestScaling:
    def test_of_an_empty_field_is_that_of_the_full_ones(self, rng):
        full, empty = rng.normal(300, 10, (2, 64, 64))
        full[:30, :30] += 200
        painted = np.zeros((64, 64), int)
        painted[5, 5:20], painted[50, 5:20] = 2, 1
        ground = np.where(painted == 2, 1, painted)
        dataset = make_dataset([full, 3 * empty], [painted, ground], settings())
        background = dataset.images[0][0, 40:]
        assert dataset.images[1].std() == pytest.approx(background.std(), rel=0.2)
        assert dataset.images[1].mean() == pytest.approx(background.mean(), abs=0.05)

    def test_is_in_the_dataset_with_the_ground_that_is_painted(self, rng):
        image = rng.normal(300, 10, (64, 64))
        image[:40] += 200  # most of it is no background
        painted = np.zeros((64, 64), int)
        painted[5, 5:20], painted[50, 5:60] = 2, 1
        (reference,) = make_dataset([image], [painted], settings()).scaling.reference
        assert reference.ground == pytest.approx(300, abs=10)

    def test_each_plane_is_measured_once(self, rng, monkeypatch):
        looks = []

        def look(plane):
            looks.append(plane.shape)
            return intensities_of(plane)

        for module in ("training.dataset", "images.normalise"):
            monkeypatch.setattr(f"napari_unet.core.{module}.intensities_of", look)
        painted = np.zeros((3, 64, 64), int)
        painted[:, 5, 5:20], painted[:, 50, 5:60] = 2, 1
        make_dataset([rng.normal(300, 10, (3, 64, 64))], [painted], settings())
        assert looks == [(1, 64, 64)] * 3
