"""Several images as the channels of one."""

from __future__ import annotations

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.images.stacked_channels import same_size, stack_channels
from napari_unet.errors import InvalidInput, UnreadableFile

AXES = st.sampled_from(["ZYX", "CZYX", "ZCYX", "TYX", "ZYXS", "ZXY"])
LENGTHS = {"T": 3, "Z": 3, "C": 2, "Y": 4, "X": 5, "S": 3}


def source(axes: str, seed: int = 0) -> ImageSource:
    shape = [LENGTHS[letter] for letter in axes]
    data = np.random.default_rng(seed).integers(0, 255, shape).astype(np.uint8)
    return ImageSource.from_array(data, axes, name=f"{axes} {seed}")


@given(st.lists(AXES, min_size=1, max_size=3), st.integers(0, 2))
def test_each_channel_is_that_of_its_image(kinds, index):
    parts = [source(axes, seed) for seed, axes in enumerate(kinds)]
    together = stack_channels(parts)
    alone = np.concatenate([whole_plane(part.plane([index])) for part in parts])
    assert together.channels == len(alone)
    assert together.lead == (3,)
    assert np.array_equal(whole_plane(together.plane([index])), alone)
    last = together.channels - 1
    chosen = whole_plane(together.plane([index], channels=(last, 0)))
    assert np.array_equal(chosen, alone[[last, 0]])


def test_only_a_chunk_under_what_is_asked_is_computed():
    computed = []

    def block(block_info=None):
        computed.append(block_info[None]["chunk-location"])
        return np.ones((4, 4))

    lazy = da.map_blocks(block, chunks=((4,) * 4, (4,) * 4), dtype=float, meta=np.zeros(()))
    grey = ImageSource.from_array(np.zeros((16, 16), np.uint8), "YX")
    plane = stack_channels([grey, ImageSource.from_array(lazy, "YX")]).plane()
    part = plane.read(np.arange(5, 7), np.arange(9, 11))
    assert part.shape == (2, 2, 2)
    assert (part[1] == 1).all()
    assert set(computed) == {(1, 2)}


def test_types_that_differ_become_one_that_holds_both():
    bits = ImageSource.from_array(np.full((4, 5), 200, np.uint8), "YX")
    more = ImageSource.from_array(np.full((4, 5), -300, np.int16), "YX")
    plane = whole_plane(stack_channels([bits, more]).plane())
    assert plane.dtype == np.int16
    assert plane[:, 0, 0].tolist() == [200, -300]
    assert stack_channels([bits, more]).plane(channels=[0]).read(*[np.arange(2)] * 2).dtype == (
        np.int16
    )


def test_levels_that_are_of_one_size_in_all_stay():
    data = np.zeros((8, 8))
    three = ImageSource.from_array([data, data[::2, ::2], data[::4, ::4]], "YX")
    two = ImageSource.from_array([data, data[::2, ::2]], "YX")
    odd = ImageSource.from_array([data, data[::3, ::3]], "YX")
    assert [level.shape for level in stack_channels([three, two]).levels] == [(2, 8, 8), (2, 4, 4)]
    assert len(stack_channels([three, odd]).levels) == 1


def test_images_of_different_sizes_are_refused():
    one, other = source("ZYX"), ImageSource.from_array(np.zeros((4, 5)), "YX", name="flat")
    assert not same_size(one, other)
    with pytest.raises(InvalidInput, match="ZYX 0 and flat are of different sizes"):
        stack_channels([one, other])


def test_a_damaged_part_is_said_with_the_name_of_the_whole():
    def broken(_block):
        raise OSError("bad chunk")

    lazy = da.zeros((4, 5), chunks=2).map_blocks(broken, dtype=float, meta=np.zeros(()))
    parts = [
        ImageSource.from_array(x, "YX", name=n) for x, n in ((np.zeros((4, 5)), "a"), (lazy, "b"))
    ]
    with pytest.raises(UnreadableFile, match=r"a \+ b cannot be read"):
        whole_plane(stack_channels(parts).plane())
