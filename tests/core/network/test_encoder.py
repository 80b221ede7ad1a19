"""The encoder: tile by tile as of the whole, and for any number of channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from napari_unet.core.network.encoder import (
    MARGIN,
    STRIDE,
    TAP_CHANNELS,
    TAP_STRIDES,
    colour_matrix,
    fill_up,
    window,
)
from napari_unet.core.network.pretrained import pretrained_encoder
from napari_unet.core.network.taps import enlarge, values_at


@pytest.fixture(scope="module")
def encoder() -> nn.Module:
    return pretrained_encoder(3)


@torch.no_grad()
def test_taps_have_the_channels_and_strides_that_are_said(encoder):
    taps = encoder(torch.rand(1, 3, 64, 48))
    assert [tap.shape[1] for tap in taps] == list(TAP_CHANNELS)
    assert [64 // tap.shape[2] for tap in taps] == list(TAP_STRIDES)


@pytest.mark.parametrize("place", [0, 240, 433])
@torch.no_grad()
def test_a_window_gives_what_the_whole_gives(encoder, place):
    image = torch.rand(1, 3, 497, 64, generator=torch.Generator().manual_seed(2))
    whole = encoder(fill_up(image))
    stop = min(place + 64, 497)
    begin, end = window(place, stop, 497)
    assert begin % STRIDE == 0
    part = encoder(fill_up(image[:, :, begin:end]))
    for tap, of_part, stride in zip(whole, part, TAP_STRIDES, strict=True):
        rows = slice(-(-place // stride), stop // stride)
        moved = slice(rows.start - begin // stride, rows.stop - begin // stride)
        torch.testing.assert_close(of_part[:, :, moved], tap[:, :, rows], rtol=0, atol=1e-5)


@torch.no_grad()
def test_the_margin_is_what_the_deepest_tap_depends_on(encoder):
    image = torch.rand(1, 3, 512, 32, generator=torch.Generator().manual_seed(3))
    changed = image.clone()
    changed[:, :, : 256 - MARGIN] = 0
    first, second = encoder(image)[-1], encoder(changed)[-1]
    torch.testing.assert_close(first[:, :, 16:], second[:, :, 16:], rtol=0, atol=1e-6)
    assert not torch.equal(first[:, :, :10], second[:, :, :10])


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 7])
@torch.no_grad()
def test_equal_channels_give_what_grey_gives(channels):
    grey = torch.rand(1, 1, 32, 32, generator=torch.Generator().manual_seed(4))
    found = pretrained_encoder(channels)(grey.expand(-1, channels, -1, -1))
    for ours, of_grey in zip(found, pretrained_encoder(1)(grey), strict=True):
        torch.testing.assert_close(ours, of_grey, rtol=1e-3, atol=1e-4)


def test_every_channel_counts():
    for channels in range(1, 8):
        matrix = colour_matrix(channels)
        assert (matrix.sum(dim=0) > 0).all()
        torch.testing.assert_close(matrix.sum(dim=1), torch.ones(3))


@torch.no_grad()
def test_values_at_pixels_are_those_of_the_enlarged_taps(encoder):
    taps = encoder(torch.rand(1, 3, 48, 64, generator=torch.Generator().manual_seed(5)))
    large = torch.cat(
        [enlarge(tap, s, (48, 64)) for tap, s in zip(taps, TAP_STRIDES, strict=True)], 1
    )
    rows, columns = np.array([0, 1, 17, 47, 47]), np.array([0, 63, 30, 0, 63])
    wanted = large[0, :, rows, columns].T
    np.testing.assert_allclose(values_at(taps, rows, columns), wanted, atol=1e-5)
