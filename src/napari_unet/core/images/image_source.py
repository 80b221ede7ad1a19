"""One model of an image, wherever it comes from: levels, named axes, pixel size and units."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any, Self

import numpy as np

from napari_unet.core.images.axes import checked_axes, guess_axes
from napari_unet.core.images.source_piece import SourcePlane, SourceVolume
from napari_unet.errors import InvalidInput

PLANE_AXES = "TZ"  # a network of planes sees one at a time of each of these


@dataclass(frozen=True, eq=False)
class ImageSource:
    """An image as an array, or as a pyramid of arrays, none of which need be in memory.

    ``levels`` are arrays of numpy, dask or zarr, or what has their ``shape``, ``dtype`` and
    indexing; the finest first, all of the same axes: a letter each out of T (time), C (channels), Z
    (slices), Y (rows), X (columns) and S (red, green, blue, and maybe opacity, which is left out),
    Y and X always there. ``pixel_size`` is the distance of two neighbours along T, Z, Y and X of
    the finest level, where known, in ``units`` as OME-Zarr names them. ``guesses`` say what was
    guessed and why. ``kind`` is ``"array"``, or of which kind of file: ``"tiff"``, ``"zarr"``,
    ``"npy"`` or ``"picture"``. ``file`` is what it is read from; ``None`` for arrays, unless one is
    known to read from it whenever a part of it is wanted. ``closing`` is called when it is not
    needed any more.
    """

    levels: tuple[Any, ...]
    axes: str
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    name: str = "image"
    guesses: tuple[str, ...] = ()
    kind: str = "array"
    file: Path | None = None
    closing: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        for level in self.levels:
            _check_level(level.shape, np.dtype(level.dtype))
            checked_axes(self.axes, level.shape)
        if self.axes.count("S") and self.sizes()["S"] == 4:
            said = "the fourth value of each pixel, its opacity, is left out."
            object.__setattr__(self, "guesses", tuple(dict.fromkeys((*self.guesses, said))))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.closing is not None:
            self.closing()

    @classmethod
    def from_array(
        cls, data: Any, axes: str | None = None, *, channels: int | None = None, **known: Any
    ) -> ImageSource:
        """Build it from an array, or from a pyramid: a list or tuple of arrays, finest first.

        (..., Y, X), or (..., Y, X, 3) for RGB; refused if it is no image or the axes do not fit.
        Without axes they are guessed, see :func:`images.axes.guess_axes`, to which it helps how
        many ``channels`` a model wants. ``known`` are other attributes.
        """
        levels = tuple(data) if isinstance(data, list | tuple) else (data,)
        levels = tuple(x if hasattr(x, "shape") else np.asarray(x) for x in levels)
        if not levels:
            raise InvalidInput("a pyramid without levels is no image; choose another.")
        shape, dtype = tuple(levels[0].shape), np.dtype(levels[0].dtype)
        _check_level(shape, dtype)
        if axes is not None:
            return cls(levels, checked_axes(axes, shape), **known)
        guessed = guess_axes(shape, dtype, channels=channels)
        return cls(levels, guessed.axes, guesses=guessed.reasons, **known)

    @property
    def dtype(self) -> np.dtype:
        """Of the pixels as stored."""
        return np.dtype(self.levels[0].dtype)

    def sizes(self, level: int = 0) -> dict[str, int]:
        """Return the length of each axis of a level, by its letter."""
        return dict(zip(self.axes, map(int, self.levels[level].shape), strict=True))

    def plane_shape(self, level: int = 0) -> tuple[int, int]:
        """Return the size of a level's planes, (Y, X)."""
        sizes = self.sizes(level)
        return sizes["Y"], sizes["X"]

    @property
    def channels(self) -> int:
        """Number of channels, RGB's three included."""
        return self.sizes().get("C", 1) * self.samples

    @property
    def samples(self) -> int:
        """Number of values along S that are channels."""
        length = self.sizes().get("S", 1)
        return 3 if length == 4 else length

    @property
    def plane_axes(self) -> str:
        """The axes along which planes are segmented one by one, in the order of the image."""
        return "".join(letter for letter in self.axes if letter in PLANE_AXES)

    @property
    def lead(self) -> tuple[int, ...]:
        """Lengths of :attr:`plane_axes`; empty for a single plane."""
        sizes = self.sizes()
        return tuple(sizes[letter] for letter in self.plane_axes)

    def plane_indices(self) -> Iterator[tuple[int, ...]]:
        """Iterate over the planes: an index along each of :attr:`plane_axes`."""
        return product(*map(range, self.lead))

    def pixel_size_at(self, level: int) -> dict[str, float]:
        """Return the pixel sizes of a level: the finest's, times how much smaller the level is."""
        ratios = self.ratios_at(level)
        return {letter: size * ratios[letter] for letter, size in self.pixel_size.items()}

    def ratios_at(self, level: int) -> dict[str, float]:
        """Return how many of the finest level's pixels one of a level covers, along each axis."""
        finest, here = self.sizes(), self.sizes(level)
        ratios = {letter: finest[letter] / here[letter] for letter in self.axes}
        # A level's length is rounded; a factor within half a pixel of a whole one is meant whole.
        for letter, ratio in ratios.items():
            if abs(finest[letter] / round(ratio) - here[letter]) < 1:
                ratios[letter] = float(round(ratio))
        return ratios

    def plane(
        self, index: Sequence[int] = (), *, channels: Sequence[int] | None = None, level: int = 0
    ) -> SourcePlane:
        """Return one plane, to be read in parts.

        ``index`` is along each of :attr:`plane_axes`; channels in their order, ``None`` for all;
        level 0 is the finest.
        """
        return SourcePlane(self, tuple(index), self._chosen(channels, level), level)

    def volume(
        self, index: Sequence[int] = (), *, channels: Sequence[int] | None = None, level: int = 0
    ) -> SourceVolume:
        """Return one volume, all slices at one time point, to be read in parts.

        ``index`` is along T, where the image has it. ``InvalidInput`` if it has no axis of slices.
        """
        if "Z" not in self.axes:
            raise InvalidInput(
                f"an image of axes {self.axes} has no slices (Z), so it is no volume; choose "
                "another, or name the axes otherwise."
            )
        return SourceVolume(self, tuple(index), self._chosen(channels, level), level)

    def _chosen(self, channels: Sequence[int] | None, level: int) -> tuple[int, ...]:
        self.check_channels(channels)
        self.check_level(level)
        return tuple(range(self.channels)) if channels is None else tuple(channels)

    def check_channels(self, channels: Sequence[int] | None) -> None:
        """Refuse channels that are not there."""
        for channel in channels or ():
            if not 0 <= channel < self.channels:
                raise InvalidInput(
                    f"there is no channel {channel}; the image has {self.channels}, counted from 0."
                )

    def check_level(self, level: int) -> None:
        """Refuse a level that is not there."""
        if not 0 <= level < len(self.levels):
            raise InvalidInput(
                f"there is no level {level}; the image has {len(self.levels)}, counted from 0."
            )


def _check_level(shape: Sequence[int], dtype: np.dtype) -> None:
    if len(shape) < 2 or 0 in shape:
        raise InvalidInput(
            f"an array of shape {tuple(shape)} is empty or no image; choose another."
        )
    if dtype.kind not in "biuf":
        raise InvalidInput(f"an image of type {dtype} is not numeric; convert it to numbers.")
