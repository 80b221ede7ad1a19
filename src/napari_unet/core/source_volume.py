"""One volume of an image, of which only what is asked for is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_unet.core.images.lazy_plane import read_part, sampled_range
from napari_unet.core.images.normalise import check_array, grey_range
from napari_unet.core.images.source_piece import read_box
from napari_unet.core.volumes import along_rows

if TYPE_CHECKING:
    from napari_unet.core.images.image_source import ImageSource


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
    """

    source: ImageSource
    index: tuple[int, ...]
    channels: tuple[int, ...]
    level: int = 0

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
        InvalidInput
            A voxel is not finite.
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

    def grey_range(self) -> np.ndarray:
        """Return each channel's range over all planes, (C, 2).

        Of the whole volume if it is in memory, else of a sample, see
        :func:`napari_unet.core.images.lazy_plane.sampled_range`.
        """
        level = self.source.levels[self.level]
        if isinstance(level, np.ndarray) and not isinstance(level, np.memmap):
            return grey_range(along_rows(check_array(self._box({}), may_be_constant=True)))
        return sampled_range(self)

    def _box(self, where: Mapping[str, slice]) -> np.ndarray:
        here = {} if "T" not in self.source.axes else {"T": self.index[0]}
        return read_box(self.source, self.level, self.channels, {**here, **where})
