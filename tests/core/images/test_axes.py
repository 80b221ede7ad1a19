"""Which axis is what, where nobody says it."""

from __future__ import annotations

import numpy as np
import pytest

from napari_unet.core.images.arrange import as_plane, pieces_for
from napari_unet.core.images.axes import channel_axis, guess_axes
from napari_unet.core.images.image_source import ImageSource
from napari_unet.errors import InvalidInput

CASES = [
    ((9, 8), "u1", None, "YX"),
    ((9, 8, 3), "u1", None, "YXS"),
    ((9, 8, 4), "u1", None, "YXS"),
    ((5, 9, 8, 3), "u1", None, "ZYXS"),
    ((3, 9, 8), "u2", None, "CYX"),
    ((30, 9, 8), "u2", None, "ZYX"),
    ((7, 30, 9, 8), "u2", None, "TZYX"),
    ((7, 30, 3, 9, 8), "u2", None, "TZCYX"),
    ((3, 9, 8), "u2", 1, "ZYX"),
    ((3, 9, 8, 3), "u1", 1, "ZYXS"),
    ((9, 8, 3), "u1", 3, "YXS"),
    ((9, 8, 2), "f4", 2, "YXC"),
    ((6, 5, 9, 8), "u2", 6, "CZYX"),
    ((6, 6, 9, 8), "u2", 6, "ZCYX"),
    # Axes of length 1 take what names are left.
    ((1, 1, 1, 9, 8), "u2", None, "CTZYX"),
    ((10, 20, 1, 9, 8), "u2", None, "TZCYX"),
    ((1, 1, 30, 9, 8), "u2", None, "CTZYX"),
    ((1, 30, 1, 9, 8), "u2", None, "CZTYX"),
    ((1, 9, 8), "u2", None, "ZYX"),
    ((1, 2, 30, 9, 8), "u2", None, "TCZYX"),
    # Of three long ones the shortest is channels.
    ((6, 30, 7, 9, 8), "u2", None, "CTZYX"),
    # A last axis of 2 to 4 is channels, unless planes are as small.
    ((32, 34, 2), "u2", None, "YXC"),
    ((32, 34, 2), "u2", 1, "YXC"),
    ((7, 32, 34, 3), "f4", None, "ZYXC"),
    ((2, 32, 34, 3), "f4", 2, "CZYX"),
    ((30, 4, 4), "u2", None, "ZYX"),
    ((30, 5, 4), "u2", None, "YXC"),
    ((30, 4, 4), "u1", None, "ZYX"),
    ((1, 32, 34, 2), "u2", None, "ZYXC"),
]


@pytest.mark.parametrize(("shape", "dtype", "channels", "axes"), CASES)
def test_each_axis_gets_a_name(shape, dtype, channels, axes):
    source = ImageSource.from_array(np.ones(shape, dtype), channels=channels)
    assert source.axes == axes
    at = channel_axis(shape, np.dtype(dtype), channels)
    named = {letter for letter, length in zip(axes, shape, strict=True) if length > 1}
    if at is not None or not {"T", "Z", "C"} <= named:
        assert {"C", "S"} & named == (set() if at is None else {axes[at]})


@pytest.mark.parametrize("shape", [(5, 5, 5, 5, 9, 8), (1, 1, 1, 1, 9, 8)])
def test_more_than_five_axes_are_refused(shape):
    with pytest.raises(InvalidInput, match="more axes than can be guessed"):
        guess_axes(shape, np.dtype("u2"))


def test_what_is_told_is_kept():
    assert guess_axes((32, 34, 2), np.dtype("u2"), told="Z??").axes == "ZYX"
    assert guess_axes((32, 34, 2), np.dtype("u2"), told="?YX").axes == "ZYX"
    assert guess_axes((7, 32, 34, 2), np.dtype("u2"), told="T???").axes == "TYXC"


@pytest.mark.parametrize(("shape", "dtype", "channels", "axes"), CASES)
def test_arrays_given_to_a_model_are_arranged_by_the_same_guess(shape, dtype, channels, axes, rng):
    image = rng.integers(0, 200, shape).astype(dtype)
    source = ImageSource.from_array(image, channels=channels)
    planes = pieces_for(image, source.channels, 2)
    index = next(iter(source.plane_indices()))
    rows, columns = (np.arange(n) for n in source.plane_shape())
    np.testing.assert_array_equal(planes.data[0], source.plane(index).read(rows, columns))
    if "Z" in axes and axes[-1] != "S":
        volume = source.volume(index[: "T" in axes])
        volumes = pieces_for(image, source.channels, 3)
        slices = np.arange(source.sizes()["Z"])
        assert volumes.data.shape[1:] == (source.channels, len(slices), *source.plane_shape())
        if axes.replace("C", "") in ("ZYX", "TZYX"):
            found = volume.read(slices, rows, columns)
            np.testing.assert_array_equal(volumes.data[0], found)


@pytest.mark.parametrize(
    ("shape", "channels"), [((32, 34, 2), 2), ((2, 32, 34), 2), ((7, 32, 34), 7), ((32, 34), 1)]
)
def test_a_plane_has_its_channels_first(shape, channels):
    assert as_plane(np.random.default_rng(0).random(shape)).shape == (channels, 32, 34)
