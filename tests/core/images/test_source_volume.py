"""Volumes of an image: read in parts, predicted tile by tile, written chunk by chunk."""

from __future__ import annotations

from dataclasses import replace

import dask.array as da
import numpy as np
import pytest
import tifffile
import torch
import zarr
from hypothesis import given, settings
from hypothesis import strategies as st

import napari_unet as nu
from napari_unet.core.batch.options import BatchOptions
from napari_unet.core.batch.plan import plan_batch
from napari_unet.core.images.box import Tile
from napari_unet.core.images.image_source import ImageSource
from napari_unet.core.images.lazy_plane import intensities_of, whole_plane
from napari_unet.core.io.open_image import open_image
from napari_unet.core.prediction.plane_predictor import Answers
from napari_unet.core.segmentation.model_fit import check_channels, resampling, slices_said
from napari_unet.core.segmentation.provenance import Choices
from napari_unet.core.segmentation.segment import segment
from napari_unet.errors import InvalidInput, UnreadableFile
from scenes import random_model, volume_network

CPU = torch.device("cpu")
MODEL = random_model(volume_network((2, 1, 1), 2))
MICROMETRES = dict.fromkeys("ZYX", "micrometer")


class Counted:
    """An array that remembers which voxels were asked for."""

    def __init__(self, data: np.ndarray) -> None:
        self._data = data
        self.shape, self.dtype = data.shape, data.dtype
        self.asked = np.zeros(data.shape, bool)

    def __getitem__(self, index):
        self.asked[index] = True
        return self._data[index]


def segmented(
    source: ImageSource, path, what="labels", model=MODEL, *, tile=None, **choices
) -> np.ndarray:
    """Segment an image into a file and read it back."""
    parts = segment(model, source, {what: path}, Choices(**choices), device=CPU, tile=tile)
    events = list(parts)
    assert events[-1].fraction == pytest.approx(1)
    with open_image(path) as result:
        return np.asarray(result.levels[0][...])


def known_voxels(size=(2.0, 0.5, 0.5)) -> nu.Model:
    """The model, of voxels of that size in micrometres."""
    update = {"pixel_size": size, "pixel_unit": "µm"}
    return replace(MODEL, header=MODEL.header.model_copy(update=update))


class TestReading:
    @pytest.mark.parametrize("axes", ["TCZYX", "ZCTYX", "YXCTZ", "XTZYC"])
    def test_channels_first_whatever_the_order(self, rng, axes):
        lengths = {"T": 2, "C": 3, "Z": 4, "Y": 9, "X": 8}
        data = rng.integers(0, 255, [lengths[a] for a in axes])
        source = ImageSource.from_array(data, axes)
        plain = data.transpose([axes.index(a) for a in "TCZYX"])
        volume = source.volume((1,), channels=(2, 0))
        assert volume.shape == (2, 4, 9, 8)
        rows, columns = np.array([3, 1, 3]), np.arange(2, 7)
        found = volume.read(np.array([2, 1]), rows, columns)
        expected = plain[1][[2, 0]][:, [2, 1]][:, :, rows][..., columns]
        np.testing.assert_array_equal(found, expected)

    def test_colours_are_channels(self, rng):
        data = rng.integers(0, 255, (5, 9, 8, 4), np.uint8)
        volume = ImageSource.from_array(data).volume()
        np.testing.assert_array_equal(whole_plane(volume), np.moveaxis(data, -1, 0)[:3])

    def test_of_dask_and_levels(self, rng):
        fine = rng.normal(size=(6, 20, 20))
        levels = [da.from_array(fine, 4), da.from_array(fine[::2, ::2, ::2], 4)]
        source = ImageSource.from_array(levels, "ZYX", pixel_size={"Z": 1.0, "Y": 1.0, "X": 1.0})
        np.testing.assert_array_equal(whole_plane(source.volume(level=1))[0], fine[::2, ::2, ::2])

    def test_only_what_lies_under_a_tile_is_asked_for(self, rng):
        data = Counted(rng.integers(0, 255, (60, 80, 80), np.uint8))
        volume = ImageSource.from_array(data, "ZYX").volume()
        answers = Answers(MODEL, volume, device=CPU, dtype=torch.float32)
        data.asked[:] = False
        answers.probabilities(Tile((28, 32), (40, 44), (40, 48)))
        for axis, (margin, side) in enumerate(
            zip(MODEL.header.network.margins, (4, 4, 8), strict=True)
        ):
            others = tuple({0, 1, 2} - {axis})
            assert 0 < data.asked.any(axis=others).sum() <= side + 2 * margin + 8

    def test_a_part_that_cannot_be_read_is_told(self):
        class Broken(Counted):
            def __getitem__(self, index):
                raise RuntimeError("error during blosc decompression: -1")

        volume = ImageSource.from_array(Broken(np.ones((5, 9, 9))), "ZYX", name="a.zarr").volume()
        with pytest.raises(UnreadableFile, match=r"a\.zarr cannot be read"):
            volume.read(np.arange(3), np.arange(3), np.arange(3))

    def test_without_slices_there_is_none(self):
        with pytest.raises(InvalidInput, match=r"TYX has no slices.*\.$"):
            ImageSource.from_array(np.ones((3, 9, 8)), "TYX").volume((0,))


class TestIntensities:
    def test_in_memory_is_that_of_all_planes_together(self, rng):
        data = rng.normal(size=(2, 7, 30, 20)) + np.arange(7)[:, None, None]
        volume = ImageSource.from_array(data, "CZYX").volume()
        assert volume.intensities() == intensities_of(data)

    def test_of_a_small_lazy_volume_is_the_same(self, rng):
        data = rng.integers(0, 255, (7, 30, 20), np.uint8)
        volume = ImageSource.from_array(Counted(data), "ZYX").volume()
        assert volume.intensities() == intensities_of(data[None])

    def test_of_a_large_one_comes_from_a_bounded_sample(self, rng, monkeypatch):
        monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_WHOLE", 2**16)
        monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_SAMPLED", 2**16)
        ramp = np.arange(40)[:, None, None]
        data = Counted((rng.integers(0, 200, (40, 120, 130)) + ramp).astype(np.uint8))
        volume = ImageSource.from_array(data, "ZYX").volume()
        (found,) = volume.intensities()
        assert data.asked.sum() <= 2**16
        assert data.asked.any(axis=(1, 2)).sum() == 16
        whole = np.percentile(data[:], (1, 99.8))
        np.testing.assert_allclose((found.low, found.high), whole, atol=3)
        assert (found,) == volume.intensities() == intensities_of(data[:][None])

    def test_of_a_channel_that_is_constant_where_it_was_looked_at(self, monkeypatch):
        monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_WHOLE", 2**10)
        monkeypatch.setattr("napari_unet.core.images.lazy_plane._MOST_SAMPLED", 2**14)
        data = np.zeros((40, 100, 100), np.uint8)
        data[1, 5, 5] = 9  # between the slices of the sample
        volume = ImageSource.from_array(Counted(data), "ZYX").volume()
        (found,) = volume.intensities()
        assert (found.low, found.high) == (0, 9)


class TestSegmenting:
    @settings(deadline=None, max_examples=15)
    @given(
        st.tuples(st.integers(1, 13), st.integers(1, 15), st.integers(5, 15)),
        st.integers(4, 12),
        st.sampled_from(["r.tif", "r.ome.zarr"]),
        st.integers(0, 99),
    )
    def test_tiled_equals_whole_whatever_the_shape(self, tmp_path_factory, shape, tile, name, seed):
        image = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
        path = tmp_path_factory.mktemp("volume") / name
        source = ImageSource.from_array(image, "ZYX")
        found = segmented(source, path, "probabilities", tile=tile)
        whole = nu.predict_probabilities(MODEL, image, tile=4096, device="cpu")
        np.testing.assert_allclose(found.reshape(whole.shape), whole, atol=1e-5)

    def test_time_points_are_volumes_of_their_own(self, rng, tmp_path):
        data = rng.integers(0, 255, (2, 6, 20, 18)).astype(np.uint16)
        data[1] *= 7  # of another grey range
        tifffile.imwrite(tmp_path / "a.ome.tif", data, metadata={"axes": "TZYX"})
        with open_image(tmp_path / "a.ome.tif", channels=1) as source:
            found = segmented(source, tmp_path / "labels.tif")
        np.testing.assert_array_equal(found, nu.predict(MODEL, data, device="cpu"))

    def test_channels_are_taken_in_the_order_that_is_given(self, rng, tmp_path):
        model = random_model(volume_network((2, 1, 1)).model_copy(update={"in_channels": 2}))
        data = rng.normal(size=(6, 3, 20, 18)).astype(np.float32)
        source = ImageSource.from_array(data, "ZCYX")
        found = segmented(source, tmp_path / "labels.tif", model=model, channels=(2, 0))
        expected = nu.predict(model, np.moveaxis(data, 1, 0)[[2, 0]], device="cpu")
        np.testing.assert_array_equal(found, expected)

    def test_of_zarr_into_zarr_chunk_by_chunk(self, rng, tmp_path):
        data = rng.integers(0, 255, (9, 40, 37), np.uint8)
        zarr.create_array(str(tmp_path / "in.zarr"), data=data, chunks=(4, 12, 12))
        with open_image(tmp_path / "in.zarr", "ZYX") as source:
            found = segmented(source, tmp_path / "out.ome.zarr", tile=16)
        np.testing.assert_array_equal(found, nu.predict(MODEL, data, device="cpu"))
        finest = zarr.open_group(str(tmp_path / "out.ome.zarr"))["0"]
        assert finest.chunks == (9, 16, 16)

    def test_coarser_levels_of_chunks_with_several_slices(self, rng, tmp_path, monkeypatch):
        monkeypatch.setattr("napari_unet.core.io.write_zarr._COARSEST", 12)
        data = rng.normal(size=(5, 21, 38)).astype(np.float32)
        source = ImageSource.from_array(data, "ZYX")
        path = tmp_path / "p.ome.zarr"
        list(segment(MODEL, source, {"probabilities": path}, device=CPU, tile=4))
        with open_image(path) as result:
            fine, coarse, coarsest = (np.asarray(level[...]) for level in result.levels)
        assert (coarse.shape, coarsest.shape) == ((2, 5, 11, 19), (2, 5, 6, 10))
        mean = fine[..., :20, :].reshape(2, 5, 10, 2, 19, 2).mean(axis=(3, 5))
        np.testing.assert_allclose(coarse[..., :10, :], mean, atol=1e-6)

    def test_orientations_are_averaged(self, rng, tmp_path):
        image = rng.normal(size=(4, 12, 12)).astype(np.float32)
        source = ImageSource.from_array(image, "ZYX")
        path = tmp_path / "p.tif"
        found = segmented(source, path, "probabilities", average_rotations=True)
        options = {"device": "cpu", "average_rotations": True}
        expected = nu.predict_probabilities(MODEL, image, **options)
        np.testing.assert_allclose(found, expected, atol=1e-5)

    def test_a_constant_volume_is_refused_and_leaves_nothing(self, tmp_path):
        source = ImageSource.from_array(np.full((4, 12, 12), 3), "ZYX")
        with pytest.raises(InvalidInput, match="every pixel of the image is 3"):
            segmented(source, tmp_path / "labels.tif")
        assert not list(tmp_path.iterdir())


class TestPixelSize:
    def test_rows_and_columns_are_resampled_and_slices_stay(self, rng, tmp_path):
        """Pixels of the image half as large: the network sees the mean of 2 x 2."""
        data = np.kron(rng.integers(0, 9, (6, 16, 12)), np.ones((2, 2))).astype(np.float32)
        source = ImageSource.from_array(data, "ZYX")
        path = tmp_path / "p.tif"
        found = segmented(source, path, "probabilities", factors=(0.5, 0.5), tile=8)
        assert found.shape == (2, 6, 32, 24)
        expected = nu.predict_probabilities(MODEL, data[:, ::2, ::2], device="cpu")
        np.testing.assert_allclose(found, np.kron(expected, np.ones((2, 2))), atol=1e-5)

    def test_the_size_that_is_said_is_that_of_rows_and_columns(self):
        size = {"Z": 2.0, "Y": 0.25, "X": 0.25}
        source = ImageSource.from_array(
            np.ones((4, 9, 9)), "ZYX", pixel_size=size, units=MICROMETRES
        )
        factors, said = resampling(known_voxels().header, source, 0, wanted=True)
        assert factors == (0.5, 0.5)
        assert "0.25 x 0.25 µm" in said
        assert "0.5 x 0.5 µm" in said

    @pytest.mark.parametrize(("distance", "told"), [(2.0, False), (2.1, False), (4.0, True)])
    def test_slices_of_another_distance_are_told(self, distance, told):
        size = {"Z": distance, "Y": 0.5, "X": 0.5}
        source = ImageSource.from_array(
            np.ones((4, 9, 9)), "ZYX", pixel_size=size, units=MICROMETRES
        )
        said = slices_said(known_voxels().header, source)
        assert (said is not None) == told
        if said is not None:
            assert "4 µm apart" in said
            assert "trained on 2 µm" in said


class TestRefusals:
    def test_an_image_without_slices(self):
        source = ImageSource.from_array(np.zeros((20, 30), np.uint8))
        with pytest.raises(InvalidInput, match=r"for volumes.*no axis of slices \(Z\).*\.$"):
            check_channels(MODEL.header, source)

    def test_frames_are_no_slices_unless_they_are_named_so(self):
        source = ImageSource.from_array(np.zeros((5, 20, 30), np.uint8), "TYX")
        with pytest.raises(InvalidInput, match="name the axes"):
            check_channels(MODEL.header, source)
        check_channels(MODEL.header, ImageSource.from_array(np.zeros((5, 20, 30), np.uint8), "ZYX"))

    def test_a_guess_that_the_first_axis_is_slices_is_said(self):
        source = ImageSource.from_array(np.zeros((5, 20, 30), np.uint8), channels=1)
        assert source.axes == "ZYX"
        assert "is taken as slices (Z)" in source.guesses[0]

    def test_a_batch_runs_stacks_and_refuses_planes(self, rng, tmp_path):
        stack = rng.integers(0, 255, (5, 20, 30), np.uint8)
        voxels = {"PhysicalSizeZ": 4.0, "PhysicalSizeY": 0.5, "PhysicalSizeX": 0.5}
        tifffile.imwrite(tmp_path / "a.ome.tif", stack, metadata={"axes": "ZYX", **voxels})
        tifffile.imwrite(tmp_path / "b.ome.tif", stack[0], metadata={"axes": "YX"})
        plan = plan_batch([tmp_path], known_voxels(), tmp_path / "out", BatchOptions())
        assert plan.summary == "1 of 2 will run, 1 has no slices."
        run, refused = plan.items
        assert (run.action, refused.action) == ("run", "refused")
        assert "slices are 4 µm apart" in run.sentences[-1]
