from __future__ import annotations

import itertools
import tracemalloc
from contextlib import nullcontext

import numpy as np
import pytest
import torch

import napari_unet as nu
from napari_unet.core.events import Notice, Progress
from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.prediction import test_time_augmentation
from napari_unet.core.prediction.predict import TileProbabilities
from napari_unet.core.prediction.test_time_augmentation import orientations, predict_orientations
from napari_unet.core.segmentation.provenance import Choices
from napari_unet.core.segmentation.segment import Segmented, segment
from scenes import random_model, small_network

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def model():
    return random_model(small_network(n_classes=3), ids=(1, 2, 9))


def averaged(model, image, **options) -> np.ndarray:
    return nu.predict_probabilities(model, image, device="cpu", average_rotations=True, **options)


class TestOrientations:
    def test_are_the_eight_different_ones(self):
        image = np.arange(6).reshape(2, 3)
        seen = {(turned.shape, tuple(turned.flat)) for turned in orientations(image)}
        assert len(seen) == 8

    def test_are_closed_under_turns_and_flips(self):
        """Any orientation of any orientation is again one of the eight."""
        image = np.arange(12).reshape(3, 4)
        seen = {(turned.shape, tuple(turned.flat)) for turned in orientations(image)}
        for turned, again in itertools.product(range(8), repeat=2):
            other = list(orientations(list(orientations(image))[turned]))[again]
            assert (other.shape, tuple(other.flat)) in seen

    def test_are_views(self):
        image = np.zeros((2, 3, 4))
        for turned in orientations(image):
            turned[:, 0, 0] += 1
        assert image[0, [0, 0, -1, -1], [0, -1, 0, -1]].tolist() == [2, 2, 2, 2]
        assert image.sum() == 16


class TestAveragedPrediction:
    """Ronneberger et al. 2015, section 4: "averaged over 7 rotated versions of the input data"."""

    @pytest.mark.parametrize("shape", [(41, 41), (50, 37)])
    def test_of_a_turned_image_is_the_turned_average(self, model, rng, shape):
        image = rng.normal(size=shape).astype(np.float32)
        expected = averaged(model, image)
        plain = nu.predict_probabilities(model, image, device="cpu")
        turned_plain = nu.predict_probabilities(model, np.rot90(image), device="cpu")
        assert np.abs(turned_plain - np.rot90(plain, axes=(1, 2))).max() > 0.01
        pairs = zip(orientations(image), orientations(expected), strict=True)
        for turned_image, turned_expected in pairs:
            np.testing.assert_allclose(averaged(model, turned_image), turned_expected, atol=1e-5)

    def test_is_the_mean_of_the_eight_predictions_turned_back(self, model, rng):
        image = rng.normal(size=(30, 45))
        total = np.zeros((3, 30, 45))
        for number, turned in enumerate(orientations(image)):
            found = nu.predict_probabilities(model, turned, device="cpu")
            found = np.rot90(found, -(number % 4), axes=(1, 2))
            total += found[..., ::-1] if number >= 4 else found
        np.testing.assert_allclose(averaged(model, image), total / 8, atol=1e-6)

    def test_has_the_shape_and_the_sum_of_a_prediction(self, rng):
        model = random_model(small_network(in_channels=3))
        stack = rng.normal(size=(2, 20, 30, 3))
        found = averaged(model, stack)
        assert (found.shape, found.dtype) == ((2, 2, 20, 30), np.float32)
        np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-6)

    def test_does_not_depend_on_the_tile(self, model, rng):
        image = rng.normal(size=(50, 37))
        np.testing.assert_allclose(
            averaged(model, image, tile=16), averaged(model, image), atol=1e-5
        )

    def test_classes_are_the_most_probable_on_average(self, model, rng):
        image = rng.normal(size=(40, 33))
        found = nu.predict(model, image, device="cpu", average_rotations=True)
        expected = np.array([1, 2, 9])[averaged(model, image).argmax(axis=0)]
        np.testing.assert_array_equal(found, expected)

    def test_comes_once_after_a_word_on_each_other_orientation(self, model, rng):
        plane = rng.normal(size=(1, 20, 30)).astype(np.float32)
        *words, result = predict_orientations(model, plane, device=CPU)
        assert words == [Progress(count, 8) for count in range(1, 8)]
        assert (result.tile, result.fraction) == (Tile((0, 20), (0, 30)), 1)
        np.testing.assert_array_equal(result.probabilities, averaged(model, plane[0]))

    def test_a_file_is_written_once(self, model, rng):
        written = []

        class Target:
            def __setitem__(self, where, values):
                written.append(values.shape)

        source = ImageSource.from_array(rng.normal(size=(5, 20, 30)).astype(np.float32))
        outputs = {"labels": lambda result: nullcontext(Target())}
        events = segment(model, source, outputs, Choices(average_rotations=True), device=CPU)
        fractions = [event.fraction for event in events if isinstance(event, Segmented)]
        assert written == [(20, 30)] * 5
        assert fractions == pytest.approx(np.arange(1, 41) / 40)

    def test_tells_that_memory_ran_out(self, model, rng, monkeypatch):
        plain = test_time_augmentation.predict_tiles

        def told(*args, **options):
            yield Notice("smaller tiles")
            yield from plain(*args, **options)

        monkeypatch.setattr(test_time_augmentation, "predict_tiles", told)
        with pytest.warns(UserWarning, match="smaller tiles"):
            averaged(model, rng.normal(size=(20, 30)))

    def test_memory_holds_one_sum_however_many_orientations(self, model, monkeypatch):
        """One sum: not one array an orientation, nor eight of the image."""
        side = 512
        plane = np.zeros((1, side, side), np.float32)

        def tiles(model, plane, **options):
            for row in range(0, side, 64):
                part = np.full((3, 64, side), 1 / 3, np.float32)
                yield TileProbabilities(Tile((row, row + 64), (0, side)), part, (row + 64) / side)

        monkeypatch.setattr(test_time_augmentation, "predict_tiles", tiles)
        monkeypatch.setattr(test_time_augmentation, "intensities_of", lambda plane: ())
        size = 3 * side**2 * 4
        tracemalloc.start()
        for part in predict_orientations(model, plane, device=CPU):
            del part
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size <= peak < 1.5 * size
