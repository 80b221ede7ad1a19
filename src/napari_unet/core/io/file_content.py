"""What a file holds: arrays, and what it says of their axes and pixel sizes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds.

    ``told`` has a letter an axis out of TCZYXS, ``"?"`` for those of which the file says nothing,
    or is ``None`` if it says nothing at all; ``said`` are sentences on how it was read. The levels
    of a pyramid begin with the finest.
    """

    kind: str
    levels: tuple[Any, ...]
    told: str | None = None
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    said: tuple[str, ...] = ()
    close: Callable[[], None] = lambda: None


class ReadOnce:
    """An array that is read as a whole when a part of it is first needed."""

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
