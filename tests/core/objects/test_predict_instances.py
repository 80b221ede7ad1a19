"""Objects by a model."""

from __future__ import annotations

import numpy as np
import pytest

import napari_unet as nu
from napari_unet.core.models.header import background_output
from napari_unet.core.objects.label_instances import label_instances
from napari_unet.core.objects.predict_instances import stack_instances
from napari_unet.core.objects.split_touching import InstanceSettings
from scenes import random_model, volume_network


def certain(mask):
    return np.stack([~mask, mask]).astype(np.float32)


def square(row, column):
    mask = np.zeros((40, 40), bool)
    mask[row : row + 10, column : column + 10] = True
    return mask


def test_four_discs_are_found(trained, discs):
    found = nu.predict_instances(trained, discs.image)
    assert found.dtype == np.int32
    assert found.shape == discs.image.shape
    centres = [found[y, x] for y in (16, 48) for x in (16, 48)]
    assert 0 not in centres
    assert len(set(centres)) == 4


def test_tiles_change_nothing(trained, discs):
    """The network's tiles agree to 1e-5; what is left is the same mask here."""
    whole = nu.predict_instances(trained, discs.image)
    tiled = nu.predict_instances(trained, discs.image, tile=16)
    np.testing.assert_array_equal(whole, tiled)


def test_no_id_is_in_two_planes_of_a_stack(trained, discs):
    stack = np.stack([discs.image, discs.image[::-1]])
    found = nu.predict_instances(trained, stack)
    assert found.shape == stack.shape
    first, second = (set(np.unique(plane)) - {0} for plane in found)
    assert first and second and not first & second
    np.testing.assert_array_equal(np.unique(found), np.arange(found.max() + 1))


def test_linked_planes_share_ids(trained):
    series = [certain(square(5, 5)), certain(square(7, 8) | square(25, 25)), certain(square(9, 11))]
    found = stack_instances(trained, series, linked=True)
    assert found[0][6, 6] == found[1][10, 10] == found[2][12, 15] == 1
    assert found[1][30, 30] == 2
    assert found.max() == 2


def test_an_id_is_not_used_again_after_its_object_has_gone(trained):
    series = [certain(square(5, 5)), certain(square(25, 25)), certain(square(5, 5))]
    found = stack_instances(trained, series, linked=True)
    assert [plane.max() for plane in found] == [1, 2, 3]


def test_settings_are_heeded(trained, discs):
    none = nu.predict_instances(trained, discs.image, settings=InstanceSettings(smallest=10_000))
    assert not none.any()


def test_the_background_is_the_one_of_the_labels(trained):
    """Class 1 of strokes, the first output."""
    assert background_output(trained.header) == 0
    found = label_instances(certain(square(3, 3)), background_output(trained.header))
    assert found.max() == 1


class TestVolumes:
    @pytest.fixture(scope="class")
    def model(self):
        return random_model(volume_network((1.0, 1.0, 1.0)))

    @pytest.mark.parametrize("lead", [(), (2,)])
    def test_objects_of_volumes_are_those_of_their_probabilities(self, model, rng, lead):
        image = rng.random((*lead, 6, 20, 24))
        settings = InstanceSettings(smallest=1)
        found = nu.predict_instances(model, image, settings=settings, device="cpu")
        assert found.shape == image.shape
        probabilities = nu.predict_probabilities(model, image, device="cpu")
        volumes = probabilities.reshape(len(probabilities), -1, *image.shape[-3:]).swapaxes(0, 1)
        ids = [
            np.asarray(label_instances(v, background_output(model.header), settings))
            for v in volumes
        ]
        for one, other in zip(found.reshape(-1, *image.shape[-3:]), ids, strict=True):
            np.testing.assert_array_equal(one > 0, other > 0)
            assert len(np.unique(one)) == len(np.unique(other)) > 1
        assert len(np.unique(found)) - 1 == found.max()
