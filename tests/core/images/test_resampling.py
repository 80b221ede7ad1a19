from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.images.resampling import Resampled


def resampled(data: np.ndarray, *factors: float) -> Resampled:
    return Resampled(ImageSource.from_array(data, "YX").plane(), factors)


def test_half_the_pixels_are_means_of_four(rng):
    data = rng.random((8, 12))
    found = whole_plane(resampled(data, 0.5, 0.5))
    np.testing.assert_allclose(found[0], data.reshape(4, 2, 6, 2).mean(axis=(1, 3)), rtol=1e-6)


@pytest.mark.parametrize("factors", [(2.0, 2.0), (1.7, 3.0), (0.4, 0.7), (0.3, 2.5)])
def test_a_slope_stays_a_slope(factors):
    """Centres of new pixels lie where the linear function says, away from the borders."""
    rows, columns = np.mgrid[:60, :50].astype(float)
    plane = resampled(3 * rows + columns, *factors)
    real = [new / old for new, old in zip(plane.shape[1:], (60, 50), strict=True)]
    y, x = (np.arange(n) for n in plane.shape[1:])
    expected = 3 * ((y + 0.5) / real[0] - 0.5)[:, None] + ((x + 0.5) / real[1] - 0.5)
    inside = slice(8, -8)
    np.testing.assert_allclose(
        whole_plane(plane)[0][inside, inside], expected[inside, inside], rtol=1e-5
    )


def test_parts_are_those_of_the_whole(rng):
    plane = resampled(rng.random((30, 41)), 1.3, 0.6)
    rows, columns = np.array([5, 4, 3, 4]), np.arange(2, 17)
    whole = whole_plane(plane)
    np.testing.assert_allclose(plane.read(rows, columns), whole[:, rows[:, None], columns])


@pytest.mark.parametrize("factors", [(1.0, 1.0), (0.5, 0.37), (2.3, 1.9), (0.1, 4.0)])
def test_each_own_pixel_gets_its_nearest_from_one_tile(factors):
    plane = resampled(np.random.default_rng(0).random((33, 47)), *factors)
    height, width = plane.shape[1:]
    values = np.arange(height * width).reshape(height, width)
    found = np.full((33, 47), -1)
    for top in range(0, height, 5):
        for left in range(0, width, 7):
            tile = Tile((top, min(top + 5, height)), (left, min(left + 7, width)))
            slices, part = plane.put_back(tile, values[tile.slices])
            assert (found[slices] == -1).all()
            found[slices] = part
    y = ((np.arange(33) + 0.5) * height / 33).astype(int)
    x = ((np.arange(47) + 0.5) * width / 47).astype(int)
    np.testing.assert_array_equal(found, values[y[:, None], x])


def test_the_range_is_that_of_the_plane_as_it_is(rng):
    data = rng.random((30, 41))
    plane = ImageSource.from_array(data, "YX").plane()
    assert Resampled(plane, (0.5, 0.5)).intensities() == plane.intensities()


def test_a_single_row_and_column():
    plane = resampled(np.array([[5.0]]), 3.0, 0.2)
    np.testing.assert_array_equal(whole_plane(plane), np.full((1, 3, 1), 5))
