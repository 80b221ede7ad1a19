"""A rectangle of a plane, or box of a volume, to be worked on as if the whole were there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self

import numpy as np

from napari_unet.core.images.box import Tile
from napari_unet.core.images.intensity import Intensities
from napari_unet.core.images.lazy_plane import Plane, intensities_of, read_part, sample_of
from napari_unet.core.images.measure_intensity import imaged_everywhere

MOST_WHOLE = 4096 * 4096  # pixels of a plane that is read, sent and trained on as a whole


@dataclass(frozen=True, eq=False)
class Cutout:
    """The pixels of a rectangle of a plane; a plane of which only that rectangle can be read.

    Or of a box of a volume. ``pixels`` are (C, Y', X') or (C, Z', Y', X') of any real dtype;
    ``position`` is that of the first in the plane or volume, of the size ``plane_shape``. ``known``
    says what the grey values of the whole plane are like; ``sampled``, (C, N), is of the whole
    plane, where other statistics than its range are needed.
    """

    pixels: np.ndarray
    position: tuple[int, ...]
    plane_shape: tuple[int, ...]
    known: Intensities
    sampled: np.ndarray | None = None

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels; rows and columns of the whole plane, or planes, rows and columns."""
        return (len(self.pixels), *self.plane_shape)

    @property
    def box(self) -> Tile:
        """The rectangle."""
        return Tile(
            *((at, at + n) for at, n in zip(self.position, self.pixels.shape[1:], strict=True))
        )

    @property
    def is_constant(self) -> bool:
        """Whether every pixel of the whole plane is the same, as far as is known."""
        return all(one.span == 0 for one in self.known)

    def read(self, *indices: np.ndarray) -> np.ndarray:
        """Return the pixels at some indices along each axis of the plane, which may repeat.

        ``LookupError`` if some are outside the rectangle.
        """
        for (start, stop), wanted in zip(self.box.ranges, indices, strict=True):
            if wanted.min() < start or wanted.max() >= stop:
                raise LookupError(
                    f"{wanted.min()} to {wanted.max()} is not within {start} to {stop}"
                )
        pairs = zip(indices, self.position, strict=True)
        return read_part(self.pixels, *(wanted - start for wanted, start in pairs))

    def intensities(self) -> Intensities:
        """Return what the grey values of the whole plane are like."""
        return self.known

    def sample(self) -> np.ndarray:
        """Return the whole plane's sample, or else the rectangle's pixels: (C, N)."""
        if self.sampled is not None:
            return self.sampled
        return imaged_everywhere(self.pixels.reshape(len(self.pixels), -1))

    def alone(self) -> Self:
        """Return the rectangle as a plane of its own, counted from its first pixel."""
        sides = self.pixels.shape[1:]
        return replace(self, position=(0,) * len(sides), plane_shape=sides)


@dataclass(frozen=True, eq=False)
class Measured:
    """A plane whose intensities and sample, which may take long to find, are asked for once.

    Or a volume.
    """

    plane: Plane

    @property
    def shape(self) -> tuple[int, ...]:
        """Channels, rows, columns; of a volume channels, planes, rows, columns."""
        return tuple(self.plane.shape)

    @cached_property
    def _intensities(self) -> Intensities:
        return intensities_of(self.plane)

    @cached_property
    def _sample(self) -> np.ndarray:
        return sample_of(self.plane)

    def read(self, *indices: np.ndarray) -> np.ndarray:
        """Return the pixels at some indices along each axis, which may repeat: (C, *axes)."""
        return read_part(self.plane, *indices)

    def sample(self) -> np.ndarray:
        """Return pixels for statistics, (C, N)."""
        return self._sample

    def intensities(self) -> Intensities:
        """Return what its grey values are like."""
        return self._intensities


def is_large(shape: Sequence[int]) -> bool:
    """Return whether a plane, (..., Y, X), is worked on in parts: above 4096 x 4096 pixels."""
    return shape[-2] * shape[-1] > MOST_WHOLE


def cut(plane: Plane, box: Tile, *, sampled: bool = False) -> Cutout:
    """Cut a rectangle out of a plane; of one that is not in memory only that much is read.

    The plane is (C, Y, X) or (C, Z, Y, X); ``sampled``: a sample of the whole goes with the box.
    """
    pixels = read_part(plane, *(np.arange(*span) for span in box.ranges))
    position = tuple(start for start, _ in box.ranges)
    size = tuple(plane.shape[1:])
    sample = sample_of(plane) if sampled else None
    return Cutout(np.ascontiguousarray(pixels), position, size, intensities_of(plane), sample)
