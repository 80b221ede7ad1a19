from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

# The generator lies beside the package, not in it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from starter.scenes import KINDS, SMALLEST_SHARE, scene, strokes
from starter.textures import TEXTURES, Texture, blur, fill, smooth_noise

SIDE = 96


@pytest.fixture(scope="module")
def drawn():
    """Forty scenes of 96 x 96, one for each of the first forty seeds."""
    return [scene(np.random.default_rng(seed), SIDE) for seed in range(40)]


def test_the_same_seed_gives_the_same_scene():
    first, second = (scene(np.random.default_rng(7), SIDE) for _ in range(2))
    assert first.kind == second.kind
    np.testing.assert_array_equal(first.images, second.images)
    np.testing.assert_array_equal(first.labels, second.labels)


def test_images_and_labels_have_their_shape_and_type(drawn):
    for one in drawn:
        assert one.images.shape == one.labels.shape == (2, SIDE, SIDE)
        assert one.images.dtype == np.float32
        assert one.labels.dtype == np.uint8
        assert one.kind in KINDS


def test_images_are_finite_and_not_flat(drawn):
    for one in drawn:
        assert np.isfinite(one.images).all()
        assert (one.images.std(axis=(1, 2)) > 0).all()


def test_every_class_covers_enough_of_the_first_image_and_is_in_the_second(drawn):
    for one in drawn:
        counts = np.bincount(one.labels[0].ravel())
        assert len(counts) == one.n_classes
        assert counts.min() >= SMALLEST_SHARE * SIDE**2
        assert set(np.unique(one.labels[1])) == set(range(one.n_classes))


def test_scenes_have_two_or_three_classes_of_many_kinds(drawn):
    assert {one.n_classes for one in drawn} == {2, 3}
    assert len({one.kind for one in drawn}) > 10


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_each_kind_maps_every_part_it_draws_to_a_class(kind):
    for seed in range(3):
        drawing = KINDS[kind](np.random.default_rng(seed), np.random.default_rng(seed + 100), SIDE)
        for classes in drawing.binary + drawing.ternary:
            assert drawing.parts.max() < len(classes)
        assert all(max(classes) == 1 for classes in drawing.binary)
        assert all(max(classes) == 2 for classes in drawing.ternary)
        assert drawing.parts.dtype == np.uint8
        assert drawing.objects.min() >= 0
        assert drawing.height.min() >= 0 and drawing.height.max() <= 1


def test_strokes_lie_inside_their_class_and_leave_most_unpainted(drawn):
    for seed, one in enumerate(drawn):
        painted = strokes(np.random.default_rng(seed), one.labels[0], one.n_classes)
        assert painted.dtype == np.uint8
        touched = painted > 0
        np.testing.assert_array_equal(painted[touched] - 1, one.labels[0][touched])
        assert set(np.unique(painted[touched])) == set(range(1, one.n_classes + 1))
        assert touched.mean() < 0.3


def test_a_class_that_is_not_there_gets_no_stroke():
    labels = np.zeros((32, 32), np.uint8)
    assert set(np.unique(strokes(np.random.default_rng(0), labels, 2))) == {0, 1}


@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_has_mean_zero_and_the_amplitude_asked(name):
    field = fill(np.random.default_rng(0), Texture(name, 3.0, 0.4, 0.2), 64)
    assert field.dtype == np.float32
    assert field.mean() == pytest.approx(0, abs=1e-4)
    assert field.std() == pytest.approx(0.2, rel=1e-3)


def test_blur_keeps_a_flat_image_and_noise_has_unit_variance():
    np.testing.assert_allclose(blur(np.full((32, 32), 3, np.float32), 2.0), 3, rtol=1e-5)
    rng = np.random.default_rng(0)
    noise = np.stack([smooth_noise(rng, 64, 8) for _ in range(50)])
    assert noise.std() == pytest.approx(1, abs=0.15)
