"""What a result file is: its axes, values and names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

import numpy as np

from napari_unet.core.labels.classes import ClassInfo, LabelKind

Saved = Literal["labels", "probabilities", "instances"]

NAMESPACE = "napari-unet"
_ORDER = "TCZYX"  # what OME-Zarr asks for


@dataclass(frozen=True)
class MadeFrom:
    """What a result was made from; the same again would give the same result.

    See :func:`napari_unet.core.io.fingerprint.fingerprint` and
    :func:`napari_unet.core.models.header.digest_of`; the options are JSON.
    """

    image: str
    model: str
    options: str

    def differences(self, other: MadeFrom) -> tuple[str, ...]:
        """Return in which of ``"image"``, ``"model"`` and ``"options"`` two differ."""
        names = (one.name for one in fields(self))
        return tuple(name for name in names if getattr(self, name) != getattr(other, name))


@dataclass(frozen=True)
class Result:
    """What a result is.

    ``sizes`` are the lengths of the axes by letter, Y and X last; C is the classes of
    probabilities. There are no classes where the values are ids of objects, which are scored as
    such by ``napari-unet evaluate``. ``chunk`` is the rows and columns that are written at once,
    before them planes where it is several.
    """

    sizes: Mapping[str, int]
    dtype: np.dtype
    kind: LabelKind
    classes: tuple[ClassInfo, ...]
    pixel_size: Mapping[str, float] = field(default_factory=dict)
    units: Mapping[str, str] = field(default_factory=dict)
    chunk: tuple[int, ...] = (512, 512)
    name: str = ""
    values: Saved = "labels"
    made_from: MadeFrom | None = None

    @property
    def axes(self) -> str:
        """A letter an axis, in the order in which they are stored."""
        return "".join(sorted(self.sizes, key=_ORDER.index))

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return tuple(self.sizes[letter] for letter in self.axes)

    @property
    def nbytes(self) -> int:
        """Bytes of all pixels."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def meaning(self) -> dict[str, Any]:
        """What its values mean, as JSON has it."""
        classes = [entry.model_dump() for entry in self.classes]
        made_from = None if self.made_from is None else asdict(self.made_from)
        return {
            "label_kind": self.kind,
            "values": self.values,
            "classes": classes,
            "made_from": made_from,
        }

    def measure_of(self, letters: str) -> tuple[tuple[float, ...] | None, str | None]:
        """Return the pixel size along some axes and its unit, if all have one and the same."""
        units = {self.units.get(letter) for letter in letters}
        if len(units) > 1 or not all(letter in self.pixel_size for letter in letters):
            return None, None
        return tuple(self.pixel_size[letter] for letter in letters), units.pop()

    def place(self, where: Mapping[str, Any]) -> tuple[Any, ...]:
        """Return the index of what is at ``where`` along each axis; everything where it is not."""
        return tuple(where.get(letter, slice(None)) for letter in self.axes)
