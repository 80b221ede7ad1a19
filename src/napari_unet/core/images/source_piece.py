"""One plane of an image, or any box of it: only what is asked for is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.images.check_array import check_array
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import measured, read_part
from napari_unet.errors import UnreadableFile, UserError, reason_of

if TYPE_CHECKING:
    from napari_unet.core.images.image_source import ImageSource


@dataclass(frozen=True, eq=False)
class SourcePlane:
    """One plane of an image; only what is asked for is read.

    Attributes
    ----------
    source
        The image.
    index
        Along each of the image's plane axes.
    channels
        Which, in their order.
    level
        0 for the finest.
    known
        What its grey values are like, where it is known already, or is that of the whole stack.
    """

    source: ImageSource
    index: tuple[int, ...]
    channels: tuple[int, ...]
    level: int = 0
    known: Intensities | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, rows, columns."""
        return (len(self.channels), *self.source.plane_shape(self.level))

    def read(self, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the pixels at some rows and columns; only the chunks under them are read.

        Parameters
        ----------
        rows, columns
            (R,) and (K,) indices in any order; mirrored ones may repeat.

        Returns
        -------
        ndarray
            (C, R, K), as stored; bool as uint8, float16 as float32.

        Raises
        ------
        UnreadableFile
            A chunk is damaged or gone.
        """
        top, left = int(rows.min()), int(columns.min())
        where = {"Y": slice(top, int(rows.max()) + 1), "X": slice(left, int(columns.max()) + 1)}
        part = check_array(self._box(where), may_be_constant=True)
        if _is_run(rows) and _is_run(columns):
            return part.copy()  # several times faster than by index
        return part[:, (rows - top)[:, None], columns - left]

    def intensities(self) -> Intensities:
        """Return what its grey values are like."""
        return measured(self) if self.known is None else self.known

    def _box(self, where: Mapping[str, slice]) -> np.ndarray:
        here = dict(zip(self.source.plane_axes, self.index, strict=True))
        return read_box(self.source, self.level, self.channels, {**here, **where})


def read_box(
    source: ImageSource, level: int, channels: Sequence[int], where: Mapping[str, int | slice]
) -> np.ndarray:
    """Read a box; only the chunks under it are.

    Parameters
    ----------
    source, level
        The image, and which level of it.
    channels
        Which, in their order.
    where
        An index or a slice along T, Z, Y and X, where the image has them; without an entry all of
        the axis.

    Returns
    -------
    ndarray
        (C, *axes), as stored; the axes are those of slices, in the order Z, Y, X.

    Raises
    ------
    UnreadableFile
        A chunk is damaged or gone.
    """
    read: dict[int, np.ndarray] = {}  # by index along C: (S, *axes)
    parts = []
    for channel in channels:
        number, sample = divmod(channel, source.samples)
        if number not in read:
            read[number] = _samples(source, level, {**where, "C": number})
        parts.append(read[number][sample])
    return parts[0][None] if len(parts) == 1 else np.stack(parts)


def _samples(source: ImageSource, level: int, where: Mapping[str, int | slice]) -> np.ndarray:
    """Return (S, *axes) of one index along C; S is 1 where there is no RGB."""
    places: list[Any] = [where.get(letter, slice(None)) for letter in source.axes]
    try:
        part = np.asarray(source.levels[level][tuple(places)])
    except (MemoryError, UserError):
        raise
    except Exception as error:  # each library has its own errors for damaged data
        raise UnreadableFile(
            f"a part of {source.name} cannot be read ({reason_of(error)}); take another copy "
            "of the file."
        ) from None
    left = [a for a, place in zip(source.axes, places, strict=True) if isinstance(place, slice)]
    part = part.transpose([left.index(letter) for letter in "SZYX" if letter in left])
    return part if "S" in left else part[None]


def _is_run(indices: np.ndarray) -> bool:
    """Return whether each index is the one before, plus one."""
    return bool((np.diff(indices) == 1).all())


@dataclass(frozen=True, eq=False)
class SourceVolume:
    """One volume of an image, all its slices at one time point; only what is asked for is read.

    Attributes
    ----------
    source
        The image, with an axis Z.
    index
        Along T, where the image has it.
    channels
        Which, in their order.
    level
        0 for the finest.
    known
        As of a plane.
    """

    source: ImageSource
    index: tuple[int, ...]
    channels: tuple[int, ...]
    level: int = 0
    known: Intensities | None = None

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Channels, planes, rows, columns."""
        sizes = self.source.sizes(self.level)
        return len(self.channels), sizes["Z"], sizes["Y"], sizes["X"]

    def read(self, planes: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
        """Return the voxels at some planes, rows and columns; only the chunks under them are read.

        Parameters
        ----------
        planes, rows, columns
            (P,), (R,) and (K,) indices in any order; mirrored ones may repeat.

        Returns
        -------
        ndarray
            (C, P, R, K), as stored; bool as uint8, float16 as float32.

        Raises
        ------
        UnreadableFile
            A chunk is damaged or gone.
        """
        indices = (planes, rows, columns)
        starts = [int(index.min()) for index in indices]
        where = {
            letter: slice(start, int(index.max()) + 1)
            for letter, start, index in zip("ZYX", starts, indices, strict=True)
        }
        box = check_array(self._box(where), may_be_constant=True)
        near = (index - start for index, start in zip(indices, starts, strict=True))
        return read_part(box, *near)

    def intensities(self) -> Intensities:
        """Return what the grey values of all its slices are like."""
        return measured(self) if self.known is None else self.known

    def _box(self, where: Mapping[str, slice]) -> np.ndarray:
        here = {} if "T" not in self.source.axes else {"T": self.index[0]}
        return read_box(self.source, self.level, self.channels, {**here, **where})
