"""What a file holds: arrays, and what it says of their axes and pixel sizes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds.

    Attributes
    ----------
    kind
        As :class:`napari_unet.core.images.image_source.ImageSource` has it.
    levels
        Arrays of a pyramid, the finest first.
    told
        A letter an axis out of TCZYXS, ``"?"`` for those of which the file says nothing; ``None``
        if it says nothing at all.
    pixel_size, units
        By axis.
    said
        What there is to say of how it was read, a sentence each.
    close
        Called when it is not needed any more.
    """

    kind: str
    levels: tuple[Any, ...]
    told: str | None = None
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None


class ReadOnce:
    """An array that is read as a whole when a part of it is first needed.

    Parameters
    ----------
    shape, dtype
        Of the array.
    read
        Returns it.
    """

    def __init__(
        self, shape: tuple[int, ...], dtype: np.dtype, read: Callable[[], np.ndarray]
    ) -> None:
        self.shape, self.dtype = shape, dtype
        self._read = read
        self._data: np.ndarray | None = None

    def __getitem__(self, index: Any) -> np.ndarray:
        if self._data is None:
            data = self._read()
            if data.shape != self.shape:
                raise ValueError(f"its shape is {data.shape} and should be {self.shape}")
            self._data = data
        return self._data[index]
