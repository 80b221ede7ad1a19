from __future__ import annotations

import logging
import re
import sys
import threading
from unittest.mock import Mock

import numpy as np
import pytest
import tifffile
import zarr
from imageio.v3 import imwrite

from napari_unet.core.images.lazy_plane import whole_plane
from napari_unet.core.io import read_tiff
from napari_unet.core.io.open_image import is_readable, open_image, read_whole
from napari_unet.errors import InvalidInput, UnreadableFile, UserError


@pytest.fixture
def stack(rng) -> np.ndarray:
    """(5, 2, 24, 20) uint16."""
    return rng.integers(0, 4000, (5, 2, 24, 20)).astype(np.uint16)


def ngff(path, levels, axes, *, version, sizes=None, units=None):
    """Write an OME-Zarr as its specification says, by hand."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    types = {"t": "time", "c": "channel"}
    entries = []
    for number, data in enumerate(levels):
        chunks = (*[1] * (data.ndim - 2), 8, 8)
        array = group.create_array(str(number), shape=data.shape, chunks=chunks, dtype=data.dtype)
        array[...] = data
        scale = [
            (sizes or {}).get(a.upper(), 1.0) * (2.0**number if a in "yx" else 1) for a in axes
        ]
        transformations = [{"type": "scale", "scale": scale}]
        entries.append({"path": str(number), "coordinateTransformations": transformations})
    described = [{"name": a, "type": types.get(a, "space")} for a in axes]
    for entry in described:
        if (units or {}).get(entry["name"].upper()):
            entry["unit"] = units[entry["name"].upper()]
    image = {"axes": described, "datasets": entries, "version": version}
    if version == "0.4":
        group.attrs["multiscales"] = [image]
    else:
        group.attrs["ome"] = {"version": version, "multiscales": [image]}
    return group


def check_planes(source, data):
    """Compare each plane with (T, C, Y, X) data of which the first axis are planes."""
    for index, plane in zip(source.plane_indices(), data, strict=True):
        np.testing.assert_array_equal(whole_plane(source.plane(index)), plane)


class TestTiff:
    @pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"tile": (16, 16)}])
    @pytest.mark.parametrize("big", [False, True])
    def test_ome(self, tmp_path, stack, options, big):
        metadata = {
            "axes": "TCYX",
            "PhysicalSizeX": 0.25,
            "PhysicalSizeXUnit": "µm",
            "PhysicalSizeY": 500,
            "PhysicalSizeYUnit": "nm",
            "TimeIncrement": 2,
            "TimeIncrementUnit": "s",
        }
        path = tmp_path / "a.ome.tif"
        tifffile.imwrite(path, stack, metadata=metadata, bigtiff=big, **options)
        with open_image(path) as source:
            assert (source.axes, source.guesses, source.dtype) == ("TCYX", (), np.uint16)
            assert source.pixel_size == {"T": 2, "Y": 500, "X": 0.25}
            assert source.units == {"T": "second", "Y": "nanometer", "X": "micrometer"}
            check_planes(source, stack)

    def test_imagej(self, tmp_path, stack):
        path = tmp_path / "a.tif"
        metadata = {"axes": "ZCYX", "unit": "um", "spacing": 2.0, "finterval": 3}
        tifffile.imwrite(path, stack, imagej=True, resolution=(4, 2), metadata=metadata)
        with open_image(path) as source:
            assert source.axes == "ZCYX"
            assert source.pixel_size == {"Z": 2.0, "Y": 0.5, "X": 0.25}
            assert set(source.units.values()) == {"micrometer"}
            check_planes(source, stack)

    def test_an_imagej_file_without_a_unit_has_no_pixel_size(self, tmp_path, stack):
        tifffile.imwrite(tmp_path / "a.tif", stack[:, 0], imagej=True, resolution=(72, 72))
        with open_image(tmp_path / "a.tif") as source:
            assert source.pixel_size == {}

    @pytest.mark.parametrize(
        ("unit", "sizes"), [("CENTIMETER", {"Y": 0.5, "X": 0.25}), ("INCH", {}), ("NONE", {})]
    )
    def test_resolution_in_centimetres_counts_and_that_of_printers_does_not(
        self, tmp_path, stack, unit, sizes
    ):
        options = {"resolution": (40000, 20000), "resolutionunit": unit}
        tifffile.imwrite(tmp_path / "a.tif", stack[0, 0], **options)
        with open_image(tmp_path / "a.tif") as source:
            assert source.pixel_size == pytest.approx(sizes)

    def test_axes_of_plain_tiff_are_guessed_with_the_reason(self, tmp_path, stack):
        tifffile.imwrite(tmp_path / "a.tif", stack)
        with open_image(tmp_path / "a.tif") as source:
            assert source.axes == "ZCYX"
            assert len(source.guesses) == 2
        with open_image(tmp_path / "a.tif", "TZYX") as source:
            assert (source.axes, source.guesses) == ("TZYX", ())
        with open_image(tmp_path / "a.tif", channels=1) as source:
            assert source.axes == "TZYX"

    @pytest.mark.parametrize("planar", ["contig", "separate"])
    def test_rgb(self, tmp_path, rng, planar):
        data = rng.integers(0, 255, (24, 20, 3), np.uint8)
        stored = data if planar == "contig" else np.moveaxis(data, -1, 0)
        tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", planarconfig=planar)
        with open_image(tmp_path / "a.tif") as source:
            assert source.channels == 3
            np.testing.assert_array_equal(whole_plane(source.plane()), np.moveaxis(data, -1, 0))

    def test_three_planes_that_were_marked_as_rgb_may_be_slices(self, tmp_path, rng):
        """As ``tifffile.imwrite`` marks them."""
        options = {"photometric": "rgb", "planarconfig": "separate"}
        tifffile.imwrite(tmp_path / "a.tif", rng.random((3, 24, 20)), **options)
        with open_image(tmp_path / "a.tif", channels=1) as source:
            assert (source.axes, len(source.guesses)) == ("ZYX", 1)

    def test_a_pyramid(self, tmp_path, rng):
        data = rng.integers(0, 255, (64, 48), np.uint8)
        options = {"tile": (16, 16), "compression": "zlib"}
        with tifffile.TiffWriter(tmp_path / "a.ome.tif") as tiff:
            tiff.write(data, subifds=1, metadata={"axes": "YX", "PhysicalSizeX": 1}, **options)
            tiff.write(data[::2, ::2], subfiletype=1, **options)
        with open_image(tmp_path / "a.ome.tif") as source:
            assert [source.plane_shape(level) for level in (0, 1)] == [(64, 48), (32, 24)]
            assert source.pixel_size_at(1) == {"X": 2}
            np.testing.assert_array_equal(whole_plane(source.plane(level=1))[0], data[::2, ::2])

    def test_a_large_compressed_one_is_read_in_parts(self, tmp_path, rng, monkeypatch):
        monkeypatch.setattr(read_tiff, "_MOST_READ_ONCE", 100)
        data = rng.integers(0, 255, (64, 48), np.uint8)
        tifffile.imwrite(tmp_path / "a.tif", data, tile=(16, 16), compression="zlib")
        with open_image(tmp_path / "a.tif") as source:
            assert isinstance(source.levels[0], zarr.Array)
            found = source.plane().read(np.arange(20, 30), np.arange(3))
        np.testing.assert_array_equal(found[0], data[20:30, :3])

    @pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.99])
    @pytest.mark.parametrize(
        "options", [{}, {"imagej": True}, {"compression": "zlib"}, {"tile": (16, 16)}]
    )
    def test_one_that_is_cut_off_is_never_taken_for_a_smaller_one(
        self, tmp_path, stack, options, share
    ):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, stack[:, 0], **options)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(share * len(whole))])
        try:
            with open_image(path) as source:  # ImageJ's pixels come first and may all be there
                np.testing.assert_array_equal(source.levels[0][...], stack[:, 0])
                assert share >= 0.9
        except UnreadableFile as error:
            assert re.search(r"a\.tif (is not complete|cannot be read)", str(error))

    def test_one_that_is_cut_off_between_its_description_and_its_planes(self, tmp_path, stack):
        """OME-XML promises ten planes and one is there."""
        path = tmp_path / "a.ome.tif"
        tifffile.imwrite(path, stack, metadata={"axes": "TCYX"}, compression="zlib")
        with tifffile.TiffFile(path) as tiff:
            end = tiff.pages[1].offset
        path.write_bytes(path.read_bytes()[:end])
        with pytest.raises(UnreadableFile, match="is not complete"):
            open_image(path)

    @pytest.mark.parametrize(
        "tags", [["ImageWidth"], ["ImageLength"], ["ImageLength", "RowsPerStrip"]]
    )
    def test_a_small_one_that_says_it_is_huge_takes_no_memory(self, tmp_path, stack, tags):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, stack[0, 0], compression="zlib", metadata=None)
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            for tag in tags:
                tiff.pages[0].tags[tag].overwrite(2**28)
        with pytest.raises(UnreadableFile, match="cannot hold"):
            open_image(path)

    @pytest.mark.parametrize("options", [{"rowsperstrip": 3000}, {"tile": (256, 256)}])
    def test_a_large_empty_one_that_compresses_well_is_read(self, tmp_path, options):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, np.zeros((3000, 3000), np.uint16), compression="zlib", **options)
        with open_image(path) as source:
            assert source.levels[0][...].shape == (3000, 3000)

    @pytest.mark.fault("read error")
    def test_damaged_pixels_are_told_when_they_are_read(self, tmp_path, stack):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, stack[0, 0], compression="zlib")
        with tifffile.TiffFile(path) as tiff:
            start = tiff.pages[0].dataoffsets[0]
        data = bytearray(path.read_bytes())
        data[start : start + 40] = bytes(40)
        path.write_bytes(data)
        with open_image(path) as source, pytest.raises(UnreadableFile, match=r"a\.tif cannot be"):
            whole_plane(source.plane())

    @pytest.mark.parametrize("compression", [None, "zlib"])
    @pytest.mark.parametrize("place", ["", "below"])
    def test_of_several_files_none_may_lie_outside_of_the_folder(
        self, tmp_path, rng, place, compression
    ):
        """OME-XML names the file of each plane."""
        data = rng.integers(0, 255, (2, 24, 20), np.uint8)
        (tmp_path / "below").mkdir()
        other = {"compression": compression, "metadata": None}
        tifffile.imwrite(tmp_path / "b.tif", data[1], description="no more", **other)
        xml = (
            '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="urn:uuid:a">'
            '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" '
            'SizeX="20" SizeY="24" SizeZ="2" SizeC="1" SizeT="1">'
            '<Channel ID="Channel:0:0" SamplesPerPixel="1"/>'
            '<TiffData IFD="0" FirstZ="0" PlaneCount="1">'
            '<UUID FileName="a.ome.tif">urn:uuid:a</UUID></TiffData>'
            '<TiffData IFD="0" FirstZ="1" PlaneCount="1">'
            f'<UUID FileName="{"../" if place else ""}b.tif">urn:uuid:b</UUID></TiffData>'
            "</Pixels></Image></OME>"
        )
        path = tmp_path / place / "a.ome.tif"
        tifffile.imwrite(path, data[0], description=xml, **other)
        if place:
            with pytest.raises(UnreadableFile, match="outside of its folder"):
                open_image(path)
        else:
            with open_image(path) as source:
                np.testing.assert_array_equal(source.levels[0][...], data)

    def test_xml_with_entities_is_not_read(self):
        xml = '<!DOCTYPE a [<!ENTITY b "c">]><OME><Image><Pixels SizeX="1"/></Image></OME>'
        assert read_tiff.ome_pixels(xml) is None
        assert read_tiff.ome_pixels(xml.partition("]>")[2]) is not None
        assert read_tiff.ome_pixels("<OME>") is None


class TestZarr:
    @pytest.mark.parametrize("version", ["0.4", "0.5"])
    def test_ome_zarr(self, tmp_path, stack, version):
        units = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
        sizes = {"T": 2.0, "Y": 0.5, "X": 0.25}
        levels = [stack, stack[..., ::2, ::2]]
        path = tmp_path / "a.ome.zarr"
        ngff(path, levels, "tcyx", version=version, sizes=sizes, units=units)
        with open_image(path) as source:
            assert (source.axes, source.guesses, source.kind) == ("TCYX", (), "zarr")
            assert source.pixel_size == sizes
            assert source.units["T"] == "second"
            assert source.pixel_size_at(1) == {"T": 2.0, "Y": 1.0, "X": 0.5}
            check_planes(source, stack)

    def test_only_the_chunks_under_a_part_are_read(self, tmp_path, rng, monkeypatch):
        data = rng.integers(0, 255, (40, 40), np.uint8)
        ngff(tmp_path / "a.zarr", [data], "yx", version="0.5")
        read = []
        get = zarr.storage.LocalStore.get

        def counted(self, key, *args, **options):
            read.append(key)
            return get(self, key, *args, **options)

        monkeypatch.setattr(zarr.storage.LocalStore, "get", counted)
        with open_image(tmp_path / "a.zarr") as source:
            source.plane().read(np.arange(10, 17), np.arange(3, 5))
        assert {key for key in read if "/c/" in key} == {"0/c/1/0", "0/c/2/0"}

    def test_a_plain_array(self, tmp_path, stack):
        zarr.save_array(tmp_path / "a.zarr", stack)
        with open_image(tmp_path / "a.zarr", "TCYX") as source:
            check_planes(source, stack)

    def test_of_several_images_the_first_is_taken_and_that_is_said(self, tmp_path, stack):
        group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
        group.attrs["bioformats2raw.layout"] = 3
        ngff(tmp_path / "a.zarr" / "0", [stack], "tcyx", version="0.4")
        with open_image(tmp_path / "a.zarr") as source:
            assert "the first is taken" in source.guesses[0]
            assert source.axes == "TCYX"

    @pytest.mark.parametrize("content", [b"garbage", b""])
    @pytest.mark.fault("read error")
    def test_a_corrupt_chunk_is_told_when_it_is_read(self, tmp_path, rng, content):
        ngff(tmp_path / "a.zarr", [rng.integers(0, 255, (40, 40))], "yx", version="0.5")
        (tmp_path / "a.zarr" / "0" / "c" / "1" / "1").write_bytes(content)
        with open_image(tmp_path / "a.zarr") as source:
            source.plane().read(np.arange(8), np.arange(8))
            with pytest.raises(UnreadableFile, match=r"a\.zarr cannot be read \("):
                whole_plane(source.plane())

    @pytest.mark.parametrize(
        "change",
        [
            {"axes": [{"name": "y"}]},
            {"axes": [{"name": "y"}, {"name": "y"}]},
            {"axes": 5},
            {"datasets": []},
            {"datasets": [{"path": "7"}]},
            {"datasets": [{"path": "0", "coordinateTransformations": 3}]},
            {"datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale"}]}]},
        ],
    )
    def test_a_damaged_description_is_refused(self, tmp_path, rng, change):
        group = ngff(tmp_path / "a.zarr", [rng.random((20, 20))], "yx", version="0.5")
        ome = dict(group.attrs["ome"])
        ome["multiscales"] = [ome["multiscales"][0] | change]
        group.attrs["ome"] = ome
        with pytest.raises(UnreadableFile, match="damaged"):
            open_image(tmp_path / "a.zarr")

    def test_nothing_outside_of_the_folder_is_read(self, tmp_path, rng):
        zarr.save_array(tmp_path / "secret", rng.random((20, 20)))
        group = ngff(tmp_path / "a.zarr", [rng.random((20, 20))], "yx", version="0.5")
        for name in ("../secret", str(tmp_path / "secret")):
            ome = dict(group.attrs["ome"])
            ome["multiscales"] = [ome["multiscales"][0] | {"datasets": [{"path": name}]}]
            group.attrs["ome"] = ome
            with pytest.raises(UnreadableFile, match="outside"):
                open_image(tmp_path / "a.zarr")

    def test_without_the_package_it_says_what_to_install(self, tmp_path, rng, monkeypatch):
        zarr.save_array(tmp_path / "a.zarr", rng.random((20, 20)))
        monkeypatch.setitem(sys.modules, "zarr", None)
        with pytest.raises(UnreadableFile, match=r'pip install "napari-unet-live\[zarr\]"'):
            open_image(tmp_path / "a.zarr")

    def test_a_group_that_is_no_image_is_refused(self, tmp_path):
        zarr.open_group(tmp_path / "a.zarr", mode="w")
        with pytest.raises(UnreadableFile, match="no image"):
            open_image(tmp_path / "a.zarr")


class TestOthers:
    @pytest.mark.parametrize(("shape", "axes"), [((24, 20), "YX"), ((24, 20, 3), "YXS")])
    @pytest.mark.parametrize("suffix", ["png", "jpg", "npy"])
    def test_pictures_and_arrays(self, tmp_path, rng, shape, axes, suffix):
        data = rng.integers(0, 255, shape, np.uint8)
        path = tmp_path / f"a.{suffix}"
        np.save(path, data) if suffix == "npy" else imwrite(path, data)
        with open_image(path) as source:
            assert (source.axes, source.plane_shape()) == (axes, (24, 20))
            found = whole_plane(source.plane())
        if suffix != "jpg":
            np.testing.assert_array_equal(found, np.moveaxis(data.reshape(24, 20, -1), -1, 0))

    def test_opacity_of_a_grey_picture_is_left_out(self, tmp_path, rng):
        data = rng.integers(0, 255, (24, 20, 2), np.uint8)
        imwrite(tmp_path / "a.png", data)
        with open_image(tmp_path / "a.png") as source:
            assert "opacity" in source.guesses[0]
            np.testing.assert_array_equal(whole_plane(source.plane())[0], data[..., 0])

    def test_arrays_are_mapped_not_read(self, tmp_path, stack):
        np.save(tmp_path / "a.npy", stack)
        with open_image(tmp_path / "a.npy") as source:
            assert isinstance(source.levels[0], np.memmap)

    @pytest.mark.parametrize("name", ["a.tif", "a.png", "a.npy", "a.xyz"])
    @pytest.mark.parametrize("content", [b"", b"just some text", bytes(range(256)) * 9])
    def test_what_is_no_image_is_refused_in_one_sentence(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(UnreadableFile, match="cannot be read as an image") as error:
            open_image(tmp_path / name)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize("length", [8, 9, 40])
    @pytest.mark.parametrize("name", ["a.tif", "a.png", "a.npy"])
    def test_a_damaged_file_is_said_to_be_so_not_how_a_library_stumbles(
        self, tmp_path, rng, name, length
    ):
        path, data = tmp_path / name, rng.integers(0, 255, (24, 20), np.uint8)
        np.save(path, data) if name == "a.npy" else imwrite(path, data)
        path.write_bytes(path.read_bytes()[:length])
        with pytest.raises(UnreadableFile, match=r"\(damaged, or no image at all\); take another"):
            open_image(path)

    def test_an_empty_file_is_said_to_be_empty(self, tmp_path):
        (tmp_path / "a.tif").touch()
        with pytest.raises(UnreadableFile, match="it is empty"):
            open_image(tmp_path / "a.tif")

    def test_what_a_library_lacks_or_a_system_refuses_is_said(self, tmp_path, rng, monkeypatch):
        tifffile.imwrite(tmp_path / "a.tif", rng.integers(0, 255, (24, 20), np.uint8))
        for error, said in (
            (ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package"), "imagecodecs"),
            (PermissionError(13, "Permission denied"), "Permission denied"),
            (OSError(22, "Invalid argument"), "damaged"),
        ):
            monkeypatch.setattr(tifffile, "TiffFile", Mock(side_effect=error))
            with pytest.raises(UnreadableFile, match=said):
                open_image(tmp_path / "a.tif")

    def test_damaged_pixels_are_said_when_they_are_read(self, tmp_path, rng):
        path = tmp_path / "a.tif"
        tifffile.imwrite(path, rng.integers(0, 9, (64, 64), np.uint8), compression="zlib")
        content = bytearray(path.read_bytes())
        content[-300:-200] = bytes(100)
        path.write_bytes(content)
        with open_image(path) as source, pytest.raises(UnreadableFile, match="damaged"):
            read_whole(source)

    def test_what_is_not_there_is_refused(self, tmp_path):
        with pytest.raises(UnreadableFile, match="there is no file"):
            open_image(tmp_path / "a.tif")
        with pytest.raises(UnreadableFile, match="no OME-Zarr"):
            open_image(tmp_path)

    @pytest.mark.parametrize("data", [np.ones(5), np.ones((0, 5)), np.ones((4, 5), complex)])
    def test_what_cannot_be_an_image_is_refused(self, tmp_path, data):
        np.save(tmp_path / "a.npy", data)
        with pytest.raises(InvalidInput, match=r"a\.npy: an (array|image)"):
            open_image(tmp_path / "a.npy")

    def test_axes_that_do_not_fit_are_refused_with_the_name(self, tmp_path, stack):
        np.save(tmp_path / "a.npy", stack)
        with pytest.raises(UserError, match=r"a\.npy: the axes YX do not fit"):
            open_image(tmp_path / "a.npy", "YX")

    def test_readable_kinds_are_told_by_their_names(self, tmp_path, rng):
        zarr.save_array(tmp_path / "a.zarr", rng.random((4, 4)))
        (tmp_path / "folder").mkdir()
        assert is_readable(tmp_path / "a.zarr")
        assert is_readable(tmp_path / "A.TIF")
        assert not is_readable(tmp_path / "folder")
        assert not is_readable(tmp_path / "a.csv")
        assert not is_readable(tmp_path / ".a.tif")


def test_complaints_about_files_of_other_threads_are_theirs(caplog):
    logger = logging.getLogger("tifffile")
    with read_tiff._complaints() as said:
        thread = threading.Thread(target=logger.warning, args=["of another file"])
        thread.start()
        thread.join()
        logger.warning("of this file")
    assert said == ["of this file"]
    assert [record.getMessage() for record in caplog.records] == ["of another file"]
