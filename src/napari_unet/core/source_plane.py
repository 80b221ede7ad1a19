"""One plane of an image, of which only what is asked for is read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_unet.core.image import check_array, grey_range
from napari_unet.core.plane_reading import sampled_range
from napari_unet.errors import UnreadableFile, UserError

if TYPE_CHECKING:
    from napari_unet.core.source import ImageSource


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
    ranges
        Each channel's grey range, (C, 2), where it is known already.
    """

    source: ImageSource
    index: tuple[int, ...]
    channels: tuple[int, ...]
    level: int = 0
    ranges: np.ndarray | None = None

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
        InvalidInput
            A pixel is not finite.
        """
        top, left = int(rows.min()), int(columns.min())
        box = self._box(slice(top, int(rows.max()) + 1), slice(left, int(columns.max()) + 1))
        return check_array(box, may_be_constant=True)[:, (rows - top)[:, None], columns - left]

    def grey_range(self) -> np.ndarray:
        """Return each channel's range, (C, 2), see :func:`napari_unet.core.image.grey_range`.

        Of the whole plane if it is in memory, else of a sample, see
        :func:`napari_unet.core.plane_reading.sampled_range`.
        """
        if self.ranges is not None:
            return self.ranges
        level = self.source.levels[self.level]
        if isinstance(level, np.ndarray) and not isinstance(level, np.memmap):
            box = self._box(slice(None), slice(None))
            return grey_range(check_array(box, may_be_constant=True))
        return sampled_range(self)

    def _box(self, rows: slice, columns: slice) -> np.ndarray:
        """Return (C, Y', X') of a rectangle, as stored."""
        samples = self.source.samples
        read: dict[int, np.ndarray] = {}  # by index along C: (S, Y', X')
        parts = []
        for channel in self.channels:
            number, sample = divmod(channel, samples)
            if number not in read:
                read[number] = self._samples(number, rows, columns)
            parts.append(read[number][sample])
        return parts[0][None] if len(parts) == 1 else np.stack(parts)

    def _samples(self, channel: int, rows: slice, columns: slice) -> np.ndarray:
        """Return (S, Y', X') of one index along C; S is 1 where there is no RGB."""
        source = self.source
        where = dict(zip(source.plane_axes, self.index, strict=True))
        places: dict[str, Any] = {"C": channel, "Y": rows, "X": columns, "S": slice(None)} | where
        try:
            part = np.asarray(source.levels[self.level][tuple(places[a] for a in source.axes)])
        except (MemoryError, UserError):
            raise
        except Exception as error:  # each library has its own errors for damaged data
            raise UnreadableFile(
                f"a part of {source.name} cannot be read ({reason_of(error)}); take another copy "
                "of the file."
            ) from None
        left = [letter for letter in source.axes if letter in "YXS"]
        order = [left.index(letter) for letter in "SYX" if letter in left]
        part = part.transpose(order)
        return part if "S" in left else part[None]


def reason_of(error: BaseException) -> str:
    """Return the first line of what an error of some library says, or else its kind."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
