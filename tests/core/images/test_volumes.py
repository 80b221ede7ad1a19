from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.images.arrange import pieces_for, pieces_like
from napari_unet.core.images.lazy_plane import along_rows
from napari_unet.errors import InvalidInput


def ramp(*shape: int) -> np.ndarray:
    return np.arange(np.prod(shape)).reshape(shape)


class TestVolumesLike:
    @pytest.mark.parametrize(
        ("image", "labels", "expected", "lead"),
        [
            ((5, 6, 7), (5, 6, 7), (1, 1, 5, 6, 7), ()),
            ((2, 5, 6, 7), (5, 6, 7), (1, 2, 5, 6, 7), ()),
            ((5, 6, 7, 3), (5, 6, 7), (1, 3, 5, 6, 7), ()),
            ((4, 5, 6, 7), (4, 5, 6, 7), (4, 1, 5, 6, 7), (4,)),
            ((4, 2, 5, 6, 7), (4, 5, 6, 7), (4, 2, 5, 6, 7), (4,)),
            ((2, 4, 5, 6, 7), (4, 5, 6, 7), (4, 2, 5, 6, 7), (4,)),
        ],
    )
    def test_the_axis_that_only_the_image_has_is_channels(self, image, labels, expected, lead):
        volumes = pieces_like(ramp(*image), np.zeros(labels, int), 3)
        assert (volumes.data.shape, volumes.lead) == (expected, lead)
        assert volumes.data.shape[1] == expected[1]

    @pytest.mark.parametrize(
        ("image", "labels"), [((6, 7), (6, 7)), ((5, 6, 7), (6, 7)), ((5, 6, 7), (5, 6, 8))]
    )
    def test_others_are_refused_in_a_sentence(self, image, labels):
        with pytest.raises(InvalidInput, match=r"\.$"):
            pieces_like(ramp(*image), np.zeros(labels, int), 3)


class TestVolumesFor:
    @pytest.mark.parametrize(
        ("shape", "channels", "expected", "lead"),
        [
            ((5, 6, 7), 1, (1, 1, 5, 6, 7), ()),
            ((4, 5, 6, 7), 1, (4, 1, 5, 6, 7), (4,)),
            ((2, 4, 5, 6, 7), 1, (8, 1, 5, 6, 7), (2, 4)),
            ((2, 5, 6, 7), 2, (1, 2, 5, 6, 7), ()),
            ((4, 2, 5, 6, 7), 2, (4, 2, 5, 6, 7), (4,)),
            ((5, 6, 7, 3), 3, (1, 3, 5, 6, 7), ()),
        ],
    )
    def test_channels_are_before_the_planes_or_at_the_end(self, shape, channels, expected, lead):
        volumes = pieces_for(ramp(*shape), channels, 3)
        assert (volumes.data.shape, volumes.lead) == (expected, lead)

    @pytest.mark.parametrize(
        ("shape", "channels"), [((6, 7), 1), ((5, 6, 7), 2), ((3, 5, 6, 7), 2)]
    )
    def test_others_are_refused_with_the_shape(self, shape, channels):
        with pytest.raises(InvalidInput, match=rf"shape \({shape[0]}, {shape[1]}"):
            pieces_for(ramp(*shape), channels, 3)

    def test_results_get_the_leading_axes_back(self):
        image = ramp(2, 4, 5, 6, 7)
        volumes = pieces_for(image, 1, 3)
        np.testing.assert_array_equal(volumes.restore(volumes.data[:, 0]), image)
        two = np.concatenate([volumes.data, -volumes.data], axis=1)  # (V, K, Z, Y, X)
        np.testing.assert_array_equal(volumes.restore(two), np.stack([image, -image]))


def test_pieces_are_what_the_network_sees():
    image = ramp(5, 6, 7)
    assert pieces_for(image, 1, 2).data.shape == (5, 1, 6, 7)
    assert pieces_for(image, 1, 3).data.shape == (1, 1, 5, 6, 7)


def test_along_rows_puts_planes_below_each_other():
    volume = ramp(2, 3, 4, 5)
    assert along_rows(volume).shape == (2, 12, 5)
    np.testing.assert_array_equal(along_rows(volume)[1, 4:8], volume[1, 1])
    plane = ramp(2, 4, 5)
    np.testing.assert_array_equal(along_rows(plane), plane)
