from __future__ import annotations

import dask.array as da
import numpy as np
import pytest

from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.lazy_plane import intensities_of, whole_plane
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.errors import InvalidInput, UnreadableFile


class Chunked:
    """An array that is read in chunks and remembers which of them were touched."""

    def __init__(self, data: np.ndarray, chunk: int) -> None:
        self._data, self._chunk = data, chunk
        self.shape, self.dtype = data.shape, data.dtype
        self.touched: set[tuple[int, int]] = set()
        self.largest = 0

    def __getitem__(self, index):
        rows, columns = (range(n)[i] for n, i in zip(self.shape[-2:], index[-2:], strict=True))
        for row in {r // self._chunk for r in rows}:
            self.touched |= {(row, c // self._chunk) for c in columns}
        self.largest = max(self.largest, len(rows) * len(columns))
        return self._data[index]


class TestGuessing:
    def test_says_what_was_guessed_and_why(self):
        said = ImageSource.from_array(np.ones((3, 30, 9, 8))).guesses
        assert len(said) == 2
        assert said[0].startswith("axis 0 of (3, 30, 9, 8), 3 long, is taken as channels (C), bec")
        assert "slices (Z)" in said[1]

    def test_of_a_plane_says_nothing(self):
        assert ImageSource.from_array(np.ones((9, 8))).guesses == ()

    def test_can_be_overruled(self):
        source = ImageSource.from_array(np.ones((3, 9, 8)), "TYX")
        assert (source.axes, source.guesses) == ("TYX", ())
        other = ImageSource.from_array(np.ones((3, 9, 8)), "zyx")
        assert (other.axes, other.channels, other.lead, other.guesses) == ("ZYX", 1, (3,), ())

    @pytest.mark.parametrize("axes", ["YX", "QYX", "YYX", "CTZ", "TCZYX"])
    def test_axes_that_do_not_fit_are_refused(self, axes):
        with pytest.raises(InvalidInput, match="the axes"):
            ImageSource.from_array(np.ones((3, 9, 8)), axes)

    def test_too_many_axes_are_not_guessed(self):
        with pytest.raises(InvalidInput, match="more axes than can be guessed"):
            ImageSource.from_array(np.ones((5, 5, 5, 5, 9, 8)))

    @pytest.mark.parametrize("data", [np.ones(5), np.ones((0, 8)), np.ones((3, 0, 4)), [], 1])
    def test_what_is_no_image_is_refused(self, data):
        with pytest.raises(InvalidInput):
            ImageSource.from_array(data)

    def test_text_is_refused(self):
        with pytest.raises(InvalidInput, match="not numeric"):
            ImageSource.from_array(np.full((4, 4), "a"))


class TestPlanes:
    @pytest.mark.parametrize("axes", ["TCZYX", "CZTYX", "YXCTZ", "XTZYC"])
    def test_read_channels_first_whatever_the_order(self, rng, axes):
        lengths = {"T": 2, "C": 3, "Z": 4, "Y": 9, "X": 8}
        data = rng.integers(0, 255, [lengths[a] for a in axes])
        source = ImageSource.from_array(data, axes)
        plain = data.transpose([axes.index(a) for a in [*source.plane_axes, *"CYX"]])
        for index in source.plane_indices():
            found = source.plane(index, channels=(2, 0)).read(np.array([3, 1]), np.arange(8))
            np.testing.assert_array_equal(found, plain[index][[2, 0]][:, [3, 1]])
        assert len(list(source.plane_indices())) == 8

    def test_rgb_is_channels_and_opacity_is_left_out(self, rng):
        data = rng.integers(0, 255, (9, 8, 4), np.uint8)
        source = ImageSource.from_array(data)
        assert source.channels == 3
        assert "opacity" in source.guesses[-1]
        np.testing.assert_array_equal(whole_plane(source.plane()), np.moveaxis(data, -1, 0)[:3])

    @pytest.mark.parametrize("kind", [np.asarray, da.from_array])
    def test_of_numpy_and_dask(self, rng, kind):
        data = rng.normal(size=(2, 9, 8))
        plane = ImageSource.from_array(kind(data), "ZYX").plane((1,))
        np.testing.assert_array_equal(whole_plane(plane)[0], data[1])

    @pytest.mark.parametrize(("channels", "level"), [((1,), 0), ((-1,), 0), (None, 1), (None, -1)])
    def test_what_is_not_there_is_refused(self, channels, level):
        with pytest.raises(InvalidInput, match="there is no"):
            ImageSource.from_array(np.ones((9, 8))).plane(channels=channels, level=level)

    def test_levels_have_their_own_shape_and_pixel_size(self):
        levels = [np.ones((101, 80)), np.ones((51, 40)), np.ones((25, 20))]
        source = ImageSource.from_array(levels, pixel_size={"Y": 0.5, "X": 0.25})
        assert source.plane(level=2).shape == (1, 25, 20)
        assert source.pixel_size_at(1) == {"Y": 1.0, "X": 0.5}
        assert source.pixel_size_at(2) == {"Y": 2.0, "X": 1.0}

    def test_only_the_chunks_that_are_needed_are_read(self, rng):
        data = Chunked(rng.integers(0, 255, (100, 100)), chunk=10)
        plane = ImageSource.from_array(data).plane()
        plane.read(np.array([12, 11, 10, 11]), np.arange(35, 42))
        assert data.touched == {(1, 3), (1, 4)}

    @pytest.mark.parametrize("bad", [np.nan, np.inf])
    def test_pixels_that_are_not_finite_are_read_as_they_are(self, bad):
        data = np.zeros((50, 50))
        data[30, 30] = bad
        plane = ImageSource.from_array(data).plane()
        found = plane.read(np.arange(40), np.arange(50))
        np.testing.assert_array_equal(found, data[None, :40])

    def test_a_part_that_cannot_be_read_is_told(self):
        class Broken(Chunked):
            def __getitem__(self, index):
                raise RuntimeError("error during blosc decompression: -1\nand more")

        source = ImageSource.from_array(Broken(np.ones((9, 9)), 3), name="a.zarr")
        with pytest.raises(UnreadableFile, match=r"a\.zarr cannot be read \(damaged"):
            source.plane().read(np.arange(3), np.arange(3))


class TestIntensities:
    def test_in_memory_is_that_of_the_plane(self, rng):
        data = rng.normal(size=(2, 90, 80))
        found = ImageSource.from_array(data, "CYX").plane().intensities()
        assert found == intensities_of(data)

    def test_of_a_small_lazy_plane_is_the_same(self, rng):
        data = rng.integers(0, 255, (90, 80), np.uint8)
        plane = ImageSource.from_array(Chunked(data, 16)).plane()
        assert plane.intensities() == intensities_of(data[None])

    def test_of_a_large_one_comes_from_a_bounded_sample(self, rng, monkeypatch):
        monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_WHOLE", 2**22)
        data = Chunked(rng.integers(0, 255, (3000, 4000), np.uint8), chunk=500)
        plane = ImageSource.from_array(data).plane()
        (found,) = plane.intensities()
        assert data.largest <= 2**22 // 256
        whole = np.percentile(data[:, :], (1, 99.8))
        np.testing.assert_allclose((found.low, found.high), whole, atol=1)
        assert (found,) == plane.intensities()

    def test_of_a_large_one_do_not_depend_on_what_holds_it(self, rng, monkeypatch):
        monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_WHOLE", 2**16)
        monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_SAMPLED", 2**14)
        data = rng.gamma(1.0, 100.0, (500, 600))
        data *= np.linspace(0, 1, 600)  # so that a sample differs from the whole
        lazy = ImageSource.from_array(Chunked(data, 100)).plane().intensities()
        assert lazy == intensities_of(data[None])
        assert lazy == ImageSource.from_array(data).plane().intensities()

    def test_of_a_channel_that_is_constant_where_it_was_looked_at(self):
        """The single bright pixel lies between the blocks of the sample."""
        data = np.zeros((6000, 6000), np.uint8)
        data[135, 135] = 9
        plane = ImageSource.from_array(Chunked(data, 500)).plane()
        (found,) = plane.intensities()
        assert (found.low, found.high) == (0, 9)


def test_answers_read_little_more_than_a_tile(trained, rng):
    """A tile's context is what is read, chunk by chunk, once the range is known."""
    import torch

    from napari_unet.core.images.box import Tile

    data = Chunked(rng.integers(0, 255, (2500, 2500), np.uint8), chunk=64)
    plane = ImageSource.from_array(data).plane()
    answers = Answers(trained, plane, device=torch.device("cpu"), dtype=torch.float32)
    data.touched.clear()
    answers.probabilities(Tile((1024, 1088), (1024, 1088)))
    side = (64 + 2 * trained.header.network.margins[-1]) // 64 + 2
    assert 0 < len(data.touched) <= side**2
