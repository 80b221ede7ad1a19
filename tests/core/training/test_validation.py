from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch

from napari_unet.core.labels.classes import describe_classes
from napari_unet.core.labels.targets import make_target
from napari_unet.core.models.header import TrainingRecord
from napari_unet.core.network.unet import crop
from napari_unet.core.training.dataset import Dataset
from napari_unet.core.training.validation import Scorer
from scenes import small_network, volume_network

CPU = torch.device("cpu")
CONFIG = small_network(n_classes=3)


class Oracle:
    """A network that says what its input shows: pixels of class k have the grey value k."""

    def __init__(self, wrong: float = 0.0) -> None:
        self.sides: list[int] = []
        self.wrong = wrong

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.sides.append(x.shape[-1])
        side = x.shape[-1] - 2 * CONFIG.margins[-1]
        shown = crop(x, x.shape[-2] - 2 * CONFIG.margins[-1], side)[:, 0].round()
        shown = torch.where(shown == self.wrong, 0.0, shown) if self.wrong else shown
        return torch.stack([(shown == k).float() for k in range(3)], dim=1)


def dataset_of(*labels: np.ndarray, held_out: float = 0.0) -> Dataset:
    """Planes that show their own labels (1, 2, 3) as grey values 0, 1, 2."""
    images, targets = [], []
    for plane in labels:
        target = make_target(plane, "scribbles", [1, 2, 3], w0=0)
        if held_out:
            target.held_out[plane > 0] = (
                np.random.default_rng(0).random((plane > 0).sum()) < held_out
            )
        images.append(np.maximum(plane.astype(np.float32) - 1, 0)[None])
        targets.append(target)
    return Dataset(tuple(images), tuple(targets), describe_classes((1, 2, 3), "scribbles"))


@pytest.fixture
def labels(rng) -> np.ndarray:
    """A third of the pixels labelled, at random, with three classes."""
    return np.where(rng.random((300, 520)) < 0.3, rng.integers(1, 4, (300, 520)), 0)


class TestScorer:
    @pytest.mark.parametrize("balanced", [True, False])
    @pytest.mark.parametrize("held_out", [0.0, 0.2])
    def test_of_a_perfect_network_is_1(self, labels, balanced, held_out):
        scorer = Scorer(
            dataset_of(labels, held_out=held_out), CONFIG, balanced=balanced, device=CPU
        )
        assert scorer.held_out == (held_out > 0)
        assert scorer.judge(Oracle()).per_class == (1, 1, 1)

    def test_of_a_network_that_misses_a_class(self, labels):
        scorer = Scorer(dataset_of(labels), CONFIG, balanced=True, device=CPU)
        assert scorer.judge(Oracle(wrong=2)).per_class == pytest.approx((0.5, 1, 0))

    def test_looks_at_held_out_pixels_alone(self):
        labels = np.full((64, 64), 1)
        labels[:, 32:] = 2
        dataset = dataset_of(labels)
        dataset.targets[0].held_out[:, :32] = True
        scorer = Scorer(dataset, CONFIG, balanced=False, device=CPU)
        first, second, third = scorer.judge(Oracle(wrong=1)).per_class
        assert first == 1
        assert math.isnan(second) and math.isnan(third)

    def test_looks_at_six_tiles_at_most_and_at_every_class(self, rng):
        planes = [np.full((256, 256), 1) for _ in range(12)]
        planes[3][5, 5], planes[9][100, 100] = 2, 3
        oracle = Oracle()
        scores = (
            Scorer(dataset_of(*planes), CONFIG, balanced=True, device=CPU).judge(oracle).per_class
        )
        assert scores == (1, 1, 1)
        assert 2 <= len(oracle.sides) <= 6

    def test_halved_tiles_show_the_same_pixels(self, labels):
        scorer = Scorer(dataset_of(labels), CONFIG, balanced=False, device=CPU)
        before, smaller = Oracle(wrong=1), Oracle(wrong=1)
        scores = scorer.judge(before).per_class
        assert scorer.halve_tiles()
        assert scorer.halve_tiles()
        assert scorer.judge(smaller).per_class == scores
        assert max(smaller.sides) < max(before.sides)

    def test_tiles_cannot_be_halved_for_ever(self, labels):
        scorer = Scorer(dataset_of(labels[:40, :40]), CONFIG, balanced=False, device=CPU)
        halvings = 0
        while scorer.halve_tiles():
            halvings += 1
            assert halvings < 20
        assert scorer.judge(Oracle()).per_class == (1, 1, 1)


class TestVolumes:
    @pytest.mark.parametrize("voxels", [(1, 1, 1), (4, 1, 1)])
    @pytest.mark.parametrize("padded", [True, False])
    @pytest.mark.parametrize("smaller", [0, 2])
    def test_are_read_where_their_labels_are(self, rng, voxels, padded, smaller):
        """The network says what its input shows, so that every voxel is right, if in its place."""
        config = volume_network(voxels).model_copy(update={"pad_in_training": padded})
        shape = (11, 37, 30)
        labels = np.where(rng.random(shape) < 0.3, rng.integers(1, 4, shape), 0)
        sizes = []

        def network(x, *, padded=False):
            sizes.append(x.shape[2:])
            if padded:
                assert all(n % s == 0 for n, s in zip(sizes[-1], config.strides, strict=True))
            else:
                x = crop(x, *(n - 2 * m for n, m in zip(x.shape[2:], config.margins, strict=True)))
            return torch.stack([(x[:, 0].round() == k).float() for k in range(3)], dim=1)

        scorer = Scorer(dataset_of(labels), config, balanced=False, device=CPU)
        for _ in range(smaller):
            assert scorer.halve_tiles()
        assert scorer.judge(network).per_class == (1.0, 1.0, 1.0)
        assert len(sizes) == 2**smaller


class TestReport:
    def strokes(self):
        """Four strokes of class 2 and two of class 3, 20 pixels each, all held out."""
        labels = np.zeros((64, 96), int)
        for number in range(4):
            labels[8 + 12 * number, 10:30] = 2
        labels[8, 50:70], labels[30, 50:70] = 3, 3
        dataset = dataset_of(labels)
        dataset.targets[0].held_out[:] = labels > 0
        return dataset

    def test_says_how_good_it_is_at_each_class_and_where_it_is_worst(self):
        dataset = self.strokes()
        dataset.images[0][0, 20, 10:15] = 2  # a quarter of the second stroke is taken for class 3
        dataset.images[0][0, 32, 10:25] = 2  # and three quarters of the third
        places = ((("stack", (7,)), (1000, 2000)),)
        dataset = dataclasses.replace(dataset, places=places)
        scorer = Scorer(dataset, CONFIG, balanced=False, device=CPU)
        said = scorer.report(scorer.judge(Oracle()))
        two, three = said["by_class"][2], said["by_class"][3]
        assert (two.strokes, two.pixels) == (4, 80)
        assert (three.strokes, three.pixels) == (2, 40)
        assert (two.iou, two.precision, two.recall) == (0.75, 1, 0.75)
        assert (three.iou, three.precision, three.recall) == (40 / 60, 40 / 60, 1)
        plane, row, column = two.worst
        assert (plane, row) == (7, 1032)
        assert 2010 <= column < 2025
        assert two.worst_right == 0.25
        assert three.worst == ()
        assert said["mistake"] == (2, 3, 0.25)
        nothing = said["by_class"][1]
        assert (nothing.iou, nothing.strokes, nothing.pixels) == (None, 0, 0)
        assert TrainingRecord.model_fields.keys() >= said.keys()

    def test_says_nothing_where_nothing_is_held_out(self, labels):
        scorer = Scorer(dataset_of(labels), CONFIG, balanced=True, device=CPU)
        assert scorer.report(scorer.judge(Oracle())) == {}
