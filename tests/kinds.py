"""The kinds of images that every operation has to work on, as small scenes whose truth is known."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import pytest
import tifffile
import zarr

import napari_unet as nu
from napari_unet.core.io.open_image import open_image
from napari_unet.core.models.model import Model
from napari_unet.core.segmentation.result_paths import is_result
from scenes import random_model, small_network, volume_network

ROWS, COLUMNS = 48, 64
_LENGTHS = {"T": 3, "Z": 4}
_UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}


@dataclass(frozen=True)
class Kind:
    """A kind of image.

    Attributes
    ----------
    name
        As the table of ``docs/images.md`` has it.
    axes
        A letter an axis of the array.
    dtype
        Of its pixels.
    dimensions
        2 where it is worked on as planes, 3 as volumes.
    held
        Whether it is one array in memory, ``"levels"`` or ``"dask"``.
    pixel_size
        Of the finest level, by axis.
    """

    name: str
    axes: str
    dtype: type = np.uint8
    dimensions: int = 2
    held: str = "memory"
    pixel_size: dict[str, float] = field(
        default_factory=lambda: {"T": 5.0, "Z": 2.0, "Y": 0.5, "X": 0.25}
    )

    @property
    def plane_axes(self) -> str:
        """Time and slices."""
        return "".join(letter for letter in self.axes if letter in "TZ")

    @property
    def lead(self) -> tuple[int, ...]:
        """Lengths of the axes of planes."""
        return tuple(_LENGTHS[letter] for letter in self.plane_axes)

    @property
    def channels(self) -> int:
        """2 of an axis of channels, 3 of RGB."""
        return {"C": 2, "S": 3}.get("".join(set(self.axes) & set("CS")), 1)

    @property
    def result_axes(self) -> str:
        """The axes of a result in a file."""
        return self.plane_axes + "YX"

    @property
    def sizes(self) -> dict[str, float]:
        """The pixel sizes of the axes that it has."""
        return {letter: self.pixel_size[letter] for letter in self.result_axes}

    @property
    def units(self) -> dict[str, str]:
        """Of them, in long words."""
        return {letter: _UNITS[letter] for letter in self.result_axes}

    def per_axis(self, known: dict[str, Any], other: Any) -> tuple[Any, ...]:
        """Give a value for each axis that napari sees of it."""
        return tuple(known.get(letter, other) for letter in self.axes.removesuffix("S"))

    def truth(self) -> np.ndarray:
        """Two discs, class 2, on a ground, class 1; from plane to plane 2 px to the right.

        (planes..., 48, 64) uint8, discs of radius 9 around (16, 18) and (32, 44).
        """
        rows, columns = np.mgrid[:ROWS, :COLUMNS]
        out = np.ones((*self.lead, ROWS, COLUMNS), np.uint8)
        for number, index in enumerate(np.ndindex(self.lead)):
            for row, column in ((16, 18), (32, 44)):
                out[index][np.hypot(rows - row, columns - column - 2 * number) < 9] = 2
        return out

    def pixels(self) -> np.ndarray:
        """The array: bright discs on dark ground; in other channels than the second, mirrored."""
        truth = self.truth()
        noise = np.random.default_rng(0).normal(0, 8, (3, *truth.shape))
        shown, mirrored = np.where(truth == 2, 170, 60), np.where(truth[..., ::-1] == 2, 170, 60)
        planes = np.clip(np.stack([mirrored, shown, mirrored]) + noise, 0, 255)
        planes = (planes * (10 if self.dtype == np.uint16 else 1)).astype(self.dtype)
        if "S" in self.axes:
            return np.moveaxis(planes, 0, -1)
        return np.moveaxis(planes[:2], 0, self.axes.index("C")) if "C" in self.axes else planes[1]

    def data(self) -> Any:
        """The same as it is held: an array, a list of levels, or an array of dask."""
        pixels = self.pixels()
        if self.held == "levels":
            return [pixels, pixels[..., ::2, ::2]]
        return da.from_array(pixels, chunks=24) if self.held == "dask" else pixels

    def lines(self, number: int) -> list[tuple[int, range, int]]:
        """Where strokes on a plane lie, the first being 0: row, columns and class of each."""
        by = 2 * number
        return [
            (16, range(12 + by, 25 + by), 2),
            (32, range(38 + by, 51 + by), 2),
            (2, range(4, 60), 1),
            (45, range(4, 60), 1),
            (16, range(42 - by, 51 - by), 1),
            (32, range(14 - by, 25 - by), 1),
        ]

    def strokes(self) -> np.ndarray:
        """Strokes on the first and the last plane, each a line of 3 px; (planes..., 48, 64)."""
        out = np.zeros((*self.lead, ROWS, COLUMNS), np.uint8)
        indices = list(np.ndindex(self.lead))
        for number in sorted({0, len(indices) - 1}):
            for row, columns, class_id in self.lines(number):
                out[indices[number]][row - 1 : row + 2, columns.start : columns.stop] = class_id
        return out

    def write(self, folder: Path) -> Path:
        """Write it as a file: OME-TIFF, or OME-Zarr where it is not one array in memory."""
        if self.held != "memory":
            return self._write_zarr(folder / f"{self.name}.ome.zarr")
        metadata: dict[str, Any] = {"axes": self.axes}
        for letter, size in self.sizes.items():
            name = "TimeIncrement" if letter == "T" else f"PhysicalSize{letter}"
            metadata |= {name: size, f"{name}Unit": "s" if letter == "T" else "µm"}
        path = folder / f"{self.name}.ome.tif"
        colour = "rgb" if "S" in self.axes else "minisblack"
        tifffile.imwrite(path, self.pixels(), metadata=metadata, photometric=colour)
        return path

    def _write_zarr(self, path: Path) -> Path:
        group, datasets = zarr.open_group(path, mode="w", zarr_format=3), []
        levels = self.data() if self.held == "levels" else [self.pixels()]
        for number, level in enumerate(levels):
            chunks = (*[1] * (level.ndim - 2), 24, 24)
            array = group.create_array(
                str(number), shape=level.shape, chunks=chunks, dtype=level.dtype
            )
            array[...] = level
            scale = [
                self.pixel_size.get(x, 1.0) * (2**number if x in "YX" else 1) for x in self.axes
            ]
            change = [{"type": "scale", "scale": scale}]
            datasets.append({"path": str(number), "coordinateTransformations": change})
        types = {"T": "time", "C": "channel"}
        axes: list[dict[str, str]] = [
            {"name": letter.lower(), "type": types.get(letter, "space")} for letter in self.axes
        ]
        for letter, entry in zip(self.axes, axes, strict=True):
            if letter in _UNITS:
                entry["unit"] = _UNITS[letter]
        image = {"axes": axes, "datasets": datasets}
        group.attrs["ome"] = {"version": "0.5", "multiscales": [image]}
        return path


KINDS = (
    Kind("plane", "YX", np.float32),
    Kind("rgb", "YXS"),
    Kind("channels", "CYX", np.uint16),
    Kind("time", "TYX"),
    Kind("slices", "ZYX", np.uint16),
    Kind("channels-in-stack", "ZCYX"),
    Kind("volume", "ZYX", dimensions=3),
    Kind("pyramid", "YX", held="levels"),
    Kind("dask", "CYX", held="dask"),
)

every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


def model_for(kind: Kind) -> Model:
    """Return a model with random weights that fits."""
    if kind.dimensions == 3:
        voxels = tuple(kind.pixel_size[letter] for letter in "ZYX")
        return random_model(volume_network(voxels))
    return random_model(small_network(in_channels=kind.channels))


def expected(model: Model, kind: Kind) -> np.ndarray:
    """Return what the model says of each plane, or of the volume, alone."""
    data = kind.pixels()
    if kind.dimensions == 3:
        return nu.predict(model, data, device="cpu")
    channel = next((letter for letter in "CS" if letter in kind.axes), None)
    if channel is None:
        return np.stack(
            [nu.predict(model, plane, device="cpu") for plane in data.reshape(-1, *data.shape[-2:])]
        ).reshape(data.shape)
    data = np.moveaxis(data, kind.axes.index(channel), -3)
    planes = data.reshape(-1, *data.shape[-3:])
    found = [nu.predict(model, plane, device="cpu") for plane in planes]
    return np.stack(found).reshape(*data.shape[:-3], *data.shape[-2:])


def check_result(path: Path, model: Model, kind: Kind) -> None:
    """A file of class ids is right: values, axes, pixel size and units."""
    with open_image(path) as source:
        assert is_result(path)
        assert (source.axes, source.dtype) == (kind.result_axes, np.dtype(np.uint8))
        assert source.pixel_size == pytest.approx(kind.sizes)
        assert source.units == kind.units
        assert source.guesses == ()
        np.testing.assert_array_equal(source.levels[0][...], expected(model, kind))
