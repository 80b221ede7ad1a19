"""TIFF, OME-TIFF and ImageJ's TIFF: pixels where they are needed, axes, pixel sizes."""

import logging
import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile

from napari_unet.core.images.axes import KNOWN, UNTOLD
from napari_unet.core.images.units import known_size, long_name
from napari_unet.core.io.file_content import ReadOnce, Stored
from napari_unet.core.io.optional import needed
from napari_unet.errors import UnreadableFile

_MOST_READ_ONCE = 2**28  # bytes; larger compressed ones are read in parts
_LARGEST_XML = 2**26
# None of these makes more than that of a byte, however alike they are; others, as JPEG XL, may.
_BYTE_CODECS = ("LZW", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA", "ZSTD")
_MOST_FROM_A_BYTE = 2**15
_CENTIMETRE = 3
_PLAUSIBLE = (1e-4, 1e4)  # micrometres


def open_tiff(path: Path) -> Stored:
    """Open the first series of a TIFF file.

    ``UnreadableFile`` if it ends too early, or is compressed, large, and zarr is not installed.
    """
    with _complaints() as complaints:
        tiff = tifffile.TiffFile(path)
        try:
            series = tiff.series[0]
            _check_complete(path, tiff, series, complaints)
            _check_bits(path, series)
            _check_room(path, series)
            levels = tuple(_level(path, tiff, level) for level in series.levels)
            sizes, units = _pixel_sizes(tiff, series)
        except BaseException as error:
            tiff.close()
            if isinstance(error, IndexError | ValueError) and _misses_pages(complaints):
                raise _cut_off(path, tiff.filehandle.size) from None
            raise
    return Stored("tiff", levels, _told(series.axes), sizes, units, close=tiff.close)


def ome_pixels(xml: str) -> ElementTree.Element | None:
    """Return the ``Pixels`` of the first image in OME-XML; ``None`` if there are none."""
    return next((e for e in _elements(xml) if _name(e) == "Pixels"), None)


def map_annotations(xml: str, namespace: str) -> dict[str, str]:
    """Return the keys and values that a program left in OME-XML under its namespace."""
    return {
        pair.get("K", ""): pair.text or ""
        for element in _elements(xml)
        if _name(element) == "MapAnnotation" and element.get("Namespace") == namespace
        for pair in element.iter()
        if _name(pair) == "M"
    }


def _elements(xml: str) -> Iterator[ElementTree.Element]:
    """Iterate over the elements of XML; entities are not read, since it comes from outside."""
    if len(xml) > _LARGEST_XML or "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        return
    try:
        yield from ElementTree.fromstring(xml).iter()
    except ElementTree.ParseError:
        return


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect what tifffile logs in this thread, which is how it tells that pages are missing."""
    said: list[str] = []
    here = threading.get_ident()

    def collect(record: logging.LogRecord) -> bool:
        if record.thread == here:
            said.append(record.getMessage())
        return record.thread != here  # what other threads read is theirs to hear of

    logger = logging.getLogger("tifffile")
    logger.addFilter(collect)
    try:
        yield said
    finally:
        logger.removeFilter(collect)


def _check_complete(path: Path, tiff: Any, series: Any, complaints: list[str]) -> None:
    """Refuse a file that is cut off, of which tifffile shows the pages that are left."""
    if _misses_pages(complaints):
        raise _cut_off(path, tiff.filehandle.size)
    if series.dataoffset is not None:
        if series.dataoffset + series.nbytes > tiff.filehandle.size:
            raise _cut_off(path, tiff.filehandle.size)
        return
    pages = [page for level in series.levels for page in level.pages if page is not None]
    missing = sum(len(level.pages) for level in series.levels) - len(pages)
    if missing:
        raise UnreadableFile(
            f"{path} is not complete ({missing} of its planes are missing); take another copy of "
            "the file."
        )
    sizes = {file: _size_inside(path, file) for file in {page.parent for page in pages}}
    for page in pages:
        spans = zip(page.dataoffsets, page.databytecounts, strict=False)
        if max((start + count for start, count in spans), default=0) > sizes[page.parent]:
            raise _cut_off(path, sizes[page.parent])


def _check_bits(path: Path, series: Any) -> None:
    """Refuse pixels of more bits than the file says, which would be read as half an image."""
    page = series.keyframe
    if page.compression != 1 or page.is_tiled or page.bitspersample not in (8, 16, 32):
        return
    said, there = page.size * page.bitspersample // 8, sum(page.databytecounts)
    # Some programs give the first page the bytes of all pages.
    if there in (2 * said, 4 * said, 8 * said) and there != series.nbytes:
        raise UnreadableFile(
            f"{path} says that a value has {page.bitspersample} bits and holds "
            f"{there // said * page.bitspersample} for each; save it anew with the program that "
            "made it."
        )


def _check_room(path: Path, series: Any) -> None:
    """Refuse a compressed image that says it is larger than what is stored could make."""
    codecs = {tifffile.COMPRESSION[name] for name in _BYTE_CODECS}
    for page in (level.keyframe for level in series.levels):
        if page.compression not in codecs:
            continue
        stored = page.databytecounts  # 0 where a part is left out, as it is empty
        part = math.prod(page.chunks) * page.dtype.itemsize
        too_large = any(stored) and part > _MOST_FROM_A_BYTE * max(stored)
        if too_large or len(stored) < math.prod(page.chunked):
            raise UnreadableFile(
                f"{path} says that it has {' x '.join(map(str, page.shape))} values, which the "
                f"{sum(stored)} bytes in it cannot hold; take another copy of the file."
            )


def _size_inside(path: Path, file: Any) -> int:
    """Return the size of one of the files of an image; each must lie in the image's folder."""
    inside = path.resolve().parent
    if not Path(file.filehandle.path).resolve().is_relative_to(inside):
        raise UnreadableFile(f"{path} refers to a file outside of its folder; it is not read.")
    return int(file.filehandle.size)


def _misses_pages(complaints: list[str]) -> bool:
    return any("invalid page offset" in text for text in complaints)


def _cut_off(path: Path, size: int) -> UnreadableFile:
    return UnreadableFile(
        f"{path} is not complete (it ends after {size} bytes, in the middle of the image); take "
        "another copy of the file."
    )


def _level(path: Path, tiff: Any, series: Any) -> Any:
    """Return the array of one level."""
    shape, dtype = tuple(map(int, series.shape)), np.dtype(series.dtype)
    if 0 in shape:
        return np.empty(shape, dtype)
    if series.dataoffset is not None:
        stored = dtype.newbyteorder(tiff.byteorder)
        return np.memmap(path, stored, mode="r", offset=series.dataoffset, shape=shape)
    if series.nbytes <= _MOST_READ_ONCE:
        return ReadOnce(shape, dtype, partial(_read_quietly, series))
    zarr = needed("zarr", "zarr", f"reading {path}, large and compressed, in parts")
    return zarr.open_array(series.aszarr(level=0), mode="r")


def _read_quietly(series: Any) -> np.ndarray:
    with _complaints():
        return np.asarray(series.asarray())


def _told(axes: str) -> str:
    """Return tifffile's axes, of which some letters say no more than that there is an axis.

    So does an S before the rows: tifffile marks any three planes that it writes as RGB.
    """
    early = "" if axes.endswith("S") else "S"
    return "".join(letter if letter in set(KNOWN) - set(early) else UNTOLD for letter in axes)


def _pixel_sizes(tiff: Any, series: Any) -> tuple[dict[str, float], dict[str, str]]:
    """Return pixel sizes and their units by axis."""
    if tiff.is_ome and tiff.ome_metadata:
        return _by_ome(tiff.ome_metadata)
    tags = series.keyframe.tags
    if tiff.is_imagej:
        return _by_imagej(tiff.imagej_metadata or {}, tags)
    unit = tags.get("ResolutionUnit")
    if unit is None or int(unit.value) != _CENTIMETRE:  # an inch is for printers
        return {}, {}
    found = _by_resolution(tags, 1e4)
    plausible = {a: size for a, size in found.items() if _PLAUSIBLE[0] < size < _PLAUSIBLE[1]}
    return plausible, dict.fromkeys(plausible, "micrometer")


def _by_ome(xml: str) -> tuple[dict[str, float], dict[str, str]]:
    pixels = ome_pixels(xml)
    if pixels is None:
        return {}, {}
    names = {axis: f"PhysicalSize{axis}" for axis in "ZYX"} | {"T": "TimeIncrement"}
    sizes, units = {}, {}
    for axis, name in names.items():
        size = known_size(pixels.get(name))
        unit = long_name(pixels.get(f"{name}Unit", "s" if axis == "T" else "µm"))
        if size is not None and unit is not None:
            sizes[axis], units[axis] = size, unit
    return sizes, units


def _by_imagej(metadata: dict[str, Any], tags: Any) -> tuple[dict[str, float], dict[str, str]]:
    unit = long_name(metadata.get("unit"))
    sizes, units = {}, {}
    if unit is not None:
        sizes = _by_resolution(tags, 1.0)
        depth = known_size(metadata.get("spacing"))
        sizes |= {} if depth is None else {"Z": depth}
        units = dict.fromkeys(sizes, unit)
    interval = known_size(metadata.get("finterval"))
    if interval is not None:
        sizes["T"], units["T"] = interval, long_name(metadata.get("tunit")) or "second"
    return sizes, units


def _by_resolution(tags: Any, factor: float) -> dict[str, float]:
    """Return the sizes that are ``factor`` divided by the tags' pixels a unit."""
    sizes = {}
    for axis in "YX":
        tag = tags.get(f"{axis}Resolution")
        if tag is None:
            continue
        pixels, unit = tag.value
        size = known_size(factor * unit / pixels) if pixels else None
        if size is not None:
            sizes[axis] = size
    return sizes
