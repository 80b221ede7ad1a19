"""OME-Zarr 0.4 and 0.5 (ngff.openmicroscopy.org) and plain Zarr arrays."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from napari_unet.core.images.axes import UNTOLD
from napari_unet.core.images.units import known_size, long_name
from napari_unet.core.io.file_content import Stored
from napari_unet.core.io.optional import needed
from napari_unet.errors import UnreadableFile

_MARKS = ("zarr.json", ".zgroup", ".zarray")
_BY_TYPE = {"time": "T", "channel": "C"}


def is_zarr(path: Path) -> bool:
    """Tell whether a folder is a Zarr group or array."""
    return any((path / mark).is_file() for mark in _MARKS)


def open_zarr(path: Path) -> Stored:
    """Open a Zarr array, or the first image of an OME-Zarr.

    ``UnreadableFile`` if it is no such folder, or its description does not hold together.
    """
    if not is_zarr(path):
        raise UnreadableFile(f"{path} is a folder and no OME-Zarr; give a file or an OME-Zarr.")
    zarr = needed("zarr", "zarr", f"reading {path}")
    node = zarr.open(str(path), mode="r")
    if isinstance(node, zarr.Array):
        return Stored("zarr", (node,))
    described = ome_of(node)
    said: tuple[str, ...] = ()
    if "bioformats2raw.layout" in described and "0" in node:
        said = ("of several images in one OME-Zarr the first is taken.",)
        path, node = path / "0", node["0"]
        described = ome_of(node)
    if "plate" in described:
        raise UnreadableFile(f"{path} is a plate of many images; give the folders of its fields.")
    scales = described.get("multiscales")
    if not isinstance(scales, Sequence) or not scales or not isinstance(scales[0], Mapping):
        raise UnreadableFile(
            f"{path} holds no image that OME-Zarr describes; give one of its arrays."
        )
    return _pyramid(path, node, scales[0], said)


def ome_of(group: Any) -> Mapping[str, Any]:
    """Return what OME-Zarr says of a group: under ``ome`` since version 0.5."""
    attributes = dict(group.attrs)
    inner = attributes.get("ome")
    return inner if isinstance(inner, Mapping) else attributes


def _pyramid(path: Path, group: Any, image: Mapping[str, Any], said: tuple[str, ...]) -> Stored:
    damaged = UnreadableFile(
        f"the description of {path} is damaged or not of OME-Zarr 0.4 or 0.5; write it anew."
    )
    try:
        entries = list(image["datasets"])
        levels = tuple(_array(path, group, str(entry["path"])) for entry in entries)
        axes = image.get("axes")
        if axes is not None and len(axes) != levels[0].ndim:
            raise damaged
        if any(level.ndim != levels[0].ndim for level in levels):
            raise damaged
        told = None if axes is None else "".join(_letter(axis) for axis in axes)
        if told is not None and len(set(told) - {UNTOLD}) < len(told.replace(UNTOLD, "")):
            raise damaged
        scale = _scale(entries[0], levels[0].ndim)
        above = _scale(image, levels[0].ndim)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        raise damaged from None
    sizes, units = {}, {}
    for letter, axis, first, second in zip(told or "", axes or (), scale, above, strict=False):
        size = known_size(first * second)
        unit = long_name(axis.get("unit")) if isinstance(axis, Mapping) else None
        if letter in "TZYX" and size is not None and unit is not None:
            sizes[letter], units[letter] = size, unit
    return Stored("zarr", levels, told, sizes, units, said)


def _array(root: Path, group: Any, name: str) -> Any:
    """Return an array of a group; never one outside its folder."""
    inside = root.resolve()
    if not (root / name).resolve().is_relative_to(inside) or name.startswith("/"):
        raise UnreadableFile(f"{root} refers to {name}, which is outside of it; it is not read.")
    array = group[name]
    array.ndim  # noqa: B018 - a group has none
    return array


def _letter(axis: Any) -> str:
    name = str(axis["name"] if isinstance(axis, Mapping) else axis).upper()
    if isinstance(axis, Mapping) and axis.get("type") in _BY_TYPE:
        return _BY_TYPE[axis["type"]]
    return name if name in set("TCZYX") else UNTOLD


def _scale(entry: Mapping[str, Any], ndim: int) -> list[float]:
    """Return the scale among an entry's transformations; 1 where there is none."""
    for transformation in entry.get("coordinateTransformations") or ():
        if transformation.get("type") == "scale":
            scale = [float(value) for value in transformation["scale"]]
            if len(scale) != ndim:
                raise ValueError("a scale of the wrong length")
            return scale
    return [1.0] * ndim
