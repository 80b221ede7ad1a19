"""Labels of volumes: strokes on a few slices, border weights and what is held out."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.labels.targets import hold_out, make_target
from napari_unet.core.training.dataset import make_dataset
from napari_unet.core.training.settings import TrainSettings
from napari_unet.errors import InvalidInput
from scenes import random_model, small_network


def settings(**values) -> TrainSettings:
    return TrainSettings(steps=1, dimensions=3, **values)


class TestTargets:
    def test_strokes_on_neighbouring_slices_are_one_and_on_others_another(self):
        labels = np.zeros((9, 10, 10), np.uint8)
        labels[1, 2, 2:8] = labels[2, 3, 2:8] = 1  # touch diagonally
        labels[5, 2, 2:8] = 1
        labels[5, 8, 2:8] = 2
        target = make_target(labels, "scribbles", [1, 2])
        assert target.strokes.max() == 3
        assert len(np.unique(target.strokes[[1, 2]])) == 2
        assert target.classes[0, 0, 0] == -1
        assert target.trained.sum() == (labels > 0).sum()

    def test_border_weights_know_how_far_slices_are_apart(self):
        """Background between two objects: one slice away on both sides is 2 or 8 pixels."""
        labels = np.zeros((3, 5, 5), np.uint8)
        labels[0], labels[1], labels[2] = 2, 1, 3
        for length in (1.0, 4.0):
            target = make_target(labels, "scribbles", [1, 2, 3], voxel_size=(2 * length, 2.0, 2.0))
            expected = 10 * np.exp(-((2 * length) ** 2) / (2 * 5**2))
            assert target.border[1] == pytest.approx(expected, rel=1e-5)
            assert not target.border[[0, 2]].any()

    def test_touching_objects_are_parted_in_space(self):
        labels = np.zeros((6, 9, 9), np.uint16)
        labels[:3], labels[3:] = 1, 2
        target = make_target(labels, "instances", [0, 1])
        assert (target.classes[[2, 3]] == 0).all()
        assert (target.classes[[0, 1, 4, 5]] == 1).all()
        assert target.border[2:4].min() > 5


class TestHeldOut:
    def test_whole_strokes_of_each_class(self):
        labels = np.zeros((20, 30, 30), np.uint8)
        for plane in range(0, 20, 4):
            labels[plane, 4, 3:27], labels[plane, 20, 3:27] = 1, 2
        targets = [make_target(labels, "scribbles", [1, 2])]
        (target,) = hold_out(targets, "scribbles", 2, np.random.default_rng(0))
        for class_id in (1, 2):
            held = target.held_out & (labels == class_id)
            assert held.sum() == 24
            assert len(np.unique(np.nonzero(held)[0])) == 1
        assert not (target.held_out & target.trained).any()

    def test_boxes_of_dense_labels(self, rng):
        labels = rng.integers(0, 2, (12, 24, 18))
        targets = [make_target(labels, "classes", [0, 1])]
        assert targets[0].strokes.max() == 6**3
        (target,) = hold_out(targets, "classes", 2, rng)
        share = target.held_out.mean()
        assert share == pytest.approx(0.1, abs=0.02)
        boxes = np.unique(target.strokes[target.held_out])
        assert (np.isin(target.strokes, boxes) == target.held_out).all()


class TestDataset:
    def test_volumes_are_normalised_as_a_whole(self, rng):
        image = rng.normal(size=(6, 20, 20)) + np.arange(6)[:, None, None]
        labels = np.zeros(image.shape, int)
        labels[0, 0], labels[5, 5] = 1, 2
        dataset = make_dataset([image], [labels], settings())
        assert dataset.images[0].shape == (1, 6, 20, 20)
        means = dataset.images[0][0].mean(axis=(1, 2))
        assert (np.diff(means) > 0).all()
        assert dataset.labelled_pixels() == {1: 20, 2: 20}

    def test_volumes_without_strokes_are_left_out_and_channels_are_kept(self, rng):
        image = rng.normal(size=(3, 2, 6, 20, 20))
        labels = np.zeros((3, 6, 20, 20), int)
        labels[1, 0, 0], labels[1, 5, 5] = 1, 2
        dataset = make_dataset([image], [labels], settings())
        assert (len(dataset.images), dataset.channels) == (1, 2)
        assert dataset.targets[0].classes.shape == (6, 20, 20)

    def test_a_model_of_planes_is_not_trained_on_volumes(self, rng):
        labels = np.ones((4, 8, 8), int)
        labels[0] = 2
        with pytest.raises(InvalidInput, match="2D and this training 3D"):
            make_dataset(
                [rng.normal(size=labels.shape)],
                [labels],
                settings(),
                model=random_model(small_network()),
            )
