"""One plane of an image, or any box of it: only what is asked for is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from napari_unet.core.images.check_array import check_array
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import measured, read_part
from napari_unet.errors import UnreadableFile, UserError, why_unreadable

if TYPE_CHECKING:
    from napari_unet.core.images.image_source import ImageSource


@dataclass(frozen=True, eq=False)
class SourcePiece:
    """One plane or volume of an image; only what is asked for is read.

    ``axes`` are its own, in the order of what is read; ``index`` is along each of the image's plane
    axes that is none of them. ``known`` says what its grey values are like, where that is known
    already, or is that of the whole stack.
    """

    axes: ClassVar[str]
    source: ImageSource
    index: tuple[int, ...]
    channels: tuple[int, ...]
    level: int = 0
    known: Intensities | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, rows, columns; of a volume channels, planes, rows, columns."""
        sizes = self.source.sizes(self.level)
        return (len(self.channels), *(sizes[letter] for letter in self.axes))

    def read(self, *indices: np.ndarray) -> np.ndarray:
        """Return the pixels at some indices; only the chunks under them are read.

        (C, *axes) as stored, bool as uint8 and float16 as float32; one array of indices an axis, in
        any order; mirrored ones may repeat. ``UnreadableFile`` if a chunk is damaged or gone.
        """
        starts = [int(index.min()) for index in indices]
        leading = (letter for letter in self.source.plane_axes if letter not in self.axes)
        where: dict[str, int | slice] = dict(zip(leading, self.index, strict=True))
        for letter, start, index in zip(self.axes, starts, indices, strict=True):
            where[letter] = slice(start, int(index.max()) + 1)
        box = read_box(self.source, self.level, self.channels, where)
        part = check_array(box, may_be_constant=True)
        if all((np.diff(index) == 1).all() for index in indices):
            return part.copy()  # several times faster than by index
        return read_part(part, *(i - start for i, start in zip(indices, starts, strict=True)))

    def intensities(self) -> Intensities:
        """Return what the grey values of all of it are like."""
        return measured(self) if self.known is None else self.known


class SourcePlane(SourcePiece):
    """One plane of an image."""

    axes = "YX"


class SourceVolume(SourcePiece):
    """One volume of an image, all its slices at one time point."""

    axes = "ZYX"


def read_box(
    source: ImageSource, level: int, channels: Sequence[int], where: Mapping[str, int | slice]
) -> np.ndarray:
    """Read a box; only the chunks under it are.

    ``where`` has an index or a slice along T, Z, Y and X; without an entry all of the axis. Returns
    (C, *axes) as stored, the axes those of slices, in the order Z, Y, X.
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
            f"a part of {source.name} cannot be read ({why_unreadable(error)}); take another "
            "copy of the file."
        ) from None
    left = [a for a, place in zip(source.axes, places, strict=True) if isinstance(place, slice)]
    part = part.transpose([left.index(letter) for letter in "SZYX" if letter in left])
    return part if "S" in left else part[None]
