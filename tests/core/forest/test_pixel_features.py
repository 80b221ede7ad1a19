"""Filters and taps of a plane, block by block."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_unet.core.forest.filters import BLOCK, MARGIN, filters
from napari_unet.core.forest.pixel_features import PixelFeatures
from napari_unet.core.images.normalise import normalise
from napari_unet.core.network import encoder
from napari_unet.core.network.pretrained import pretrained_encoder
from napari_unet.core.network.taps import values_at


@pytest.fixture(scope="module")
def plane() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 200, (2, BLOCK + 40, BLOCK + 30), dtype=np.uint8)


def test_blocks_join_without_a_seam(plane):
    """The same values as of the whole plane, away from its borders."""
    whole = normalise(plane)
    rows = np.full(7, BLOCK // 2)
    columns = np.arange(BLOCK - 3, BLOCK + 4)
    found = PixelFeatures(plane).at(rows, columns)
    by_filters, by_encoder = found[:, : -encoder.FEATURES], found[:, -encoder.FEATURES :]
    np.testing.assert_allclose(by_filters[:3], filters(whole)[rows[:3], columns[:3]], atol=2e-3)
    with torch.inference_mode():
        taps = pretrained_encoder(2)(encoder.fill_up(torch.from_numpy(whole)[None]))
    expected = values_at(taps, rows, columns)
    # They are kept in half precision.
    np.testing.assert_allclose(by_encoder, expected, rtol=2e-3, atol=2e-3 * expected.std())


def test_a_block_depends_on_no_more_than_the_margin():
    assert encoder.MARGIN + encoder.STRIDE == MARGIN
    rng = np.random.default_rng(1)
    side = 2 * BLOCK + MARGIN + 50
    plane = rng.random((1, 40, side), dtype=np.float32)
    other = plane.copy()
    other[:, :, 2 * BLOCK + MARGIN :] = rng.random((1, 40, 50))
    one, two = PixelFeatures(plane), PixelFeatures(other)
    two.scaled = one.scaled
    at = np.arange(40).repeat(3), np.tile([BLOCK, 2 * BLOCK - 2, 2 * BLOCK - 1], 40)
    np.testing.assert_array_equal(one.at(*at), two.at(*at))


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 5, 37), (3, 33, 16), (5, 20, 20)])
def test_any_size_and_any_number_of_channels(shape):
    plane = np.random.default_rng(0).random(shape)
    rows, columns = (grid.ravel() for grid in np.mgrid[: shape[1], : shape[2]])
    found = PixelFeatures(plane).at(rows, columns)
    assert found.shape == (len(rows), 24 * shape[0] + encoder.FEATURES)
    assert np.isfinite(found).all()
