"""Several images of one size as the channels of one; nothing is read before it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from napari_unet.core.images.image_source import ImageSource
from napari_unet.errors import InvalidInput


@dataclass(frozen=True, eq=False)
class StackedChannels:
    """The channels of several images, one after the other, as one lazy array.

    It knows the kind of index that :func:`images.source_piece.read_box` uses: a whole number for
    the channel, one or a slice for each plane axis, and slices of rows and columns. The images have
    plane axes of the same lengths, and rows and columns as many.
    """

    parts: tuple[ImageSource, ...]
    level: int = 0

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, lengths of the plane axes, rows, columns."""
        first = self.parts[0]
        channels = sum(part.channels for part in self.parts)
        return (channels, *first.lead, *first.plane_shape(self.level))

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def dtype(self) -> np.dtype:
        """One that holds the values of every part."""
        return np.result_type(*(part.dtype for part in self.parts))

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)

    def __getitem__(self, places: tuple[Any, ...]) -> np.ndarray:
        """Return a box of one channel, of as many axes as there are slices."""
        channel, *lead, rows, columns = places
        part, own = self._part_of(channel)
        number, sample = divmod(own, part.samples)
        where: dict[str, Any] = dict(zip(part.plane_axes, lead, strict=True))
        where |= {"C": number, "S": sample, "Y": rows, "X": columns}
        stored = part.levels[self.level][tuple(where[letter] for letter in part.axes)]
        found = np.asarray(stored).astype(self.dtype, copy=False)
        left = [letter for letter in part.axes if isinstance(where[letter], slice)]
        return found.transpose([left.index(a) for a in (*part.plane_axes, "Y", "X") if a in left])

    def _part_of(self, channel: int) -> tuple[ImageSource, int]:
        """Return the image that a channel is of, and its number there."""
        before = 0
        for part in self.parts:
            if channel < before + part.channels:
                return part, channel - before
            before += part.channels
        raise IndexError(f"channel {channel} of {before}")


def stack_channels(sources: Sequence[ImageSource]) -> ImageSource:
    """Return one image that has the channels of several, in their order.

    The pixel size and the names of the plane axes are the first's: C, the plane axes, Y, X, with
    the levels that are of one size in all. Refused if they are of different sizes.
    """
    first = sources[0]
    for other in sources[1:]:
        if not same_size(first, other):
            raise InvalidInput(
                f"{first.name} and {other.name} are of different sizes; stack images of one size."
            )
    parts = tuple(sources)
    levels = []
    for level in range(min(len(part.levels) for part in parts)):
        if len({part.plane_shape(level) for part in parts}) > 1:
            break
        levels.append(StackedChannels(parts, level))
    return ImageSource(
        tuple(levels),
        f"C{first.plane_axes}YX",
        pixel_size=first.pixel_size,
        units=first.units,
        name=" + ".join(part.name for part in parts),
    )


def same_size(one: ImageSource, other: ImageSource) -> bool:
    """Return whether two images have the same planes: their number, rows and columns."""
    return one.lead == other.lead and one.plane_shape() == other.plane_shape()
