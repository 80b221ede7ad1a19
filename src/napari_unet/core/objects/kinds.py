"""Kinds of cells, taught by a few that somebody gave one: logistic regression on what is known."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from napari_unet.core.labels.classes import ClassInfo
from napari_unet.errors import InvalidInput, UnreadableFile

if TYPE_CHECKING:
    from napari_unet.core.objects.measure import Table

KIND = "kind"
_ELSEWHERE = ("id", "class", KIND, "time", "plane", "row", "column")  # not what a cell is like
_STRENGTH = 3.0  # C of the regression
_Numbers = Annotated[str, Field(max_length=2**16, pattern=r"^[A-Za-z0-9+/]*={0,2}$")]


def packed(values: np.ndarray) -> str:
    """Return numbers as text: float32, base64."""
    return base64.b64encode(np.asarray(values, "<f4").tobytes()).decode()


def unpacked(text: str) -> np.ndarray:
    """Return the numbers of :func:`packed`; ``ValueError`` if it is no such text."""
    return np.frombuffer(base64.b64decode(text), "<f4").astype(np.float64)


class Example(BaseModel):
    """A cell that was given a kind.

    Attributes
    ----------
    kind
        Id of it.
    image, place, pixel
        Which image it is in, which plane or volume of that, and a pixel of it there.
    values
        What is known of it, packed, in the order of the columns; empty until it is known.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: int
    image: str = Field(max_length=64)
    place: tuple[int | None, ...] = Field(max_length=16)
    pixel: tuple[int, ...] = Field(max_length=3)
    values: _Numbers = ""


class Kinds(BaseModel):
    """The kinds, the cells that teach them, and which values those are known by.

    Attributes
    ----------
    kinds
        Id, name and colour of each.
    examples
        The cells that somebody gave a kind.
    columns
        Names of the measurements that tell kinds from each other.
    features
        How many values follow them, of the encoder.
    center, spread
        Mean and standard deviation of each value over the cells that were there, packed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: tuple[ClassInfo, ...] = Field(default=(), max_length=99)
    examples: tuple[Example, ...] = ()
    columns: tuple[str, ...] = Field(default=(), max_length=999)
    features: int = Field(default=0, ge=0, le=9999)
    center: _Numbers = ""
    spread: _Numbers = ""

    @model_validator(mode="after")
    def _lengths_fit(self) -> Self:
        try:
            scale = [unpacked(text) for text in (self.center, self.spread)]
            found = [unpacked(one.values) for one in self.examples]
        except (ValueError, binascii.Error):
            raise ValueError("its numbers are damaged") from None
        width = len(self.columns) + self.features
        fits = all(len(one) in (0, width) for one in (*scale, *found))
        if not fits or not all(np.isfinite(one).all() for one in scale):
            raise ValueError("its numbers do not fit its columns")
        known = {entry.id for entry in self.kinds}
        if len(known) != len(self.kinds) or any(one.kind not in known for one in self.examples):
            raise ValueError("its cells do not fit its kinds")
        return self

    def without(self, kind: int) -> Kinds:
        """Return it without a kind and the cells that teach it."""
        return self.model_copy(
            update={
                "kinds": tuple(entry for entry in self.kinds if entry.id != kind),
                "examples": tuple(one for one in self.examples if one.kind != kind),
            }
        )


def read_kinds(path: Path) -> Kinds:
    """Read a file of kinds; ``UnreadableFile`` or ``InvalidInput`` if it is none."""
    try:
        return Kinds.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UnreadableFile(f"{path} cannot be read ({error.strerror or error}).") from None
    except ValidationError as error:
        raise InvalidInput(
            f"{path} holds no kinds of cells ({error.errors()[0]['msg']}); choose a file that Save "
            "kinds… in Cells wrote."
        ) from None


def telling_columns(table: Table) -> tuple[str, ...]:
    """Return the measurements that say what a cell is like, not where it is."""
    return tuple(name for name in table if name.partition(" (")[0] not in _ELSEWHERE)


def rows_of(table: Table, features: np.ndarray, kinds: Kinds) -> np.ndarray:
    """Return what is known of each cell of a table, (N, columns and features).

    ``InvalidInput`` if the table has not the columns that the kinds were taught with.
    """
    missing = [name for name in kinds.columns if name not in table]
    if missing:
        raise InvalidInput(
            f"the kinds were taught with {missing[0]!r}, which these cells do not have; give the "
            "image the same channels, and a pixel size if the others have one."
        )
    if features.shape[1] != kinds.features:
        raise InvalidInput(
            "the kinds were taught on planes, and these cells are of volumes, or the other way "
            "round; teach them anew on these."
        )
    measured = [np.asarray(table[name], np.float64) for name in kinds.columns]
    count = len(table["id"])
    blocks = [np.column_stack(measured) if measured else np.zeros((count, 0))]
    return np.hstack([*blocks, np.asarray(features, np.float64)])


def check_taught(kinds: Kinds, examples: Sequence[Example]) -> None:
    """Say what is missing before kinds can be told from each other, as ``InvalidInput``."""
    taught = {one.kind for one in examples}
    if len(kinds.kinds) < 2:
        raise InvalidInput("Name two kinds or more to tell them apart.")
    if not taught:
        raise InvalidInput("Choose a kind and click a few cells of it.")
    if len(taught) == 1:
        (name,) = (entry.name for entry in kinds.kinds if entry.id in taught)
        raise InvalidInput(f"All cells that were given a kind are {name}; give some another.")


def tell_kinds(kinds: Kinds, examples: Sequence[Example], rows: np.ndarray) -> np.ndarray:
    """Return the kind of each cell, (N,) ids.

    (N, columns and features) rows of :func:`rows_of`. By logistic regression, each kind as
    weighty as any other, on values with the mean 0 and the deviation 1 of :func:`scaled`; all
    measurements together weigh as much as all features. ``InvalidInput`` if there are not two kinds
    with examples.
    """
    from sklearn.linear_model import LogisticRegression  # slow to load

    check_taught(kinds, examples)
    taught = np.array([unpacked(one.values) for one in examples])
    model = LogisticRegression(C=_STRENGTH, class_weight="balanced", max_iter=200)
    model.fit(_standardised(kinds, taught), [one.kind for one in examples])
    return model.predict(_standardised(kinds, rows)) if len(rows) else np.zeros(0, int)


def scaled(kinds: Kinds, rows: np.ndarray) -> Kinds:
    """Return kinds that know what cells are like on the whole, from (N, ...) rows of them."""
    known = np.where(np.isfinite(rows), rows, np.nan)
    some = np.isfinite(known).any(axis=0)
    center, spread = np.zeros(rows.shape[1]), np.ones(rows.shape[1])
    center[some] = np.nanmean(known[:, some], axis=0)
    spread[some] = np.nanstd(known[:, some], axis=0)
    spread[spread < 1e-9 * np.maximum(np.abs(center), 1e-9)] = 1
    return kinds.model_copy(update={"center": packed(center), "spread": packed(spread)})


def _standardised(kinds: Kinds, rows: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore"):
        values = (rows - unpacked(kinds.center)) / unpacked(kinds.spread)
    values = np.clip(np.where(np.isfinite(values), values, 0), -9, 9)
    measured = len(kinds.columns)
    values[:, :measured] /= sqrt(max(measured, 1))
    values[:, measured:] /= sqrt(max(kinds.features, 1))
    return values
