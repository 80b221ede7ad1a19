"""Names of an image's axes: checked where they are given, guessed with the reason where not."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_unet.errors import InvalidInput

KNOWN = "TCZYXS"
UNTOLD = "?"
_FEW = 4  # an unnamed axis of at most that length is taken as channels, if it has more than one
_WORDS = {"T": "time", "C": "channels", "Z": "slices", "S": "RGB"}


@dataclass(frozen=True)
class GuessedAxes:
    """Names of axes, and what of them was guessed.

    A letter an axis out of TCZYXS, and a sentence for each letter that was guessed.
    """

    axes: str
    reasons: tuple[str, ...] = ()


def checked_axes(axes: str, shape: Sequence[int]) -> str:
    """Return axes that somebody named, in capitals.

    A letter an axis: T (time), C (channels), Z (slices), Y (rows), X (columns), S (RGB); refused if
    they do not fit the array.
    """
    axes = axes.upper()
    if len(axes) != len(shape):
        raise InvalidInput(
            f"the axes {axes} do not fit an array of shape {tuple(shape)}; give one letter an axis."
        )
    if set(axes) - set(KNOWN) or len(set(axes)) != len(axes) or not {"Y", "X"} <= set(axes):
        raise InvalidInput(
            f"the axes {axes} cannot be used; give Y and X and, each at most once, T, C, Z and S."
        )
    return axes


def guess_axes(
    shape: Sequence[int], dtype: np.dtype, *, told: str | None = None, channels: int | None = None
) -> GuessedAxes:
    """Name an array's axes where nothing or only a part is told.

    ``told`` has a letter for each axis that is known and ``"?"`` for the others; ``channels`` is
    the number that a model wants. Rows and columns are the last two, or the two before RGB. Of the
    others:

    1. If the number of channels that are wanted is known, a last axis of that length is channels.
       So is any last axis of 1 to 4 if the two before it are longer, unless another axis has as
       many as are wanted; 3 or 4 values of 8 bits are RGB.
    2. If that number is known and above 1, the axis of that length nearest to the rows is
       channels; if it is 1, none is. If it is not known, or no axis has that length, the axis
       nearest to the rows that has 2 to 4 entries is channels.
    3. What is left is slices (nearest to the rows), then time: planes in either case. Of three
       such axes the shortest is channels.
    4. Axes of length 1 get what names are left; more than can be named are refused.
    """
    naming = _Naming(shape, dtype, told, channels)
    untold = naming.untold[::-1]
    long = [axis for axis in untold if shape[axis] > 1]
    if len(long) > len(naming.left("ZT")) and not naming.has_channels:
        shortest = min(long, key=lambda axis: shape[axis])
        naming.name(shortest, "C", "the others are slices and time")
    for axis in sorted(naming.untold[::-1], key=lambda axis: shape[axis] == 1):
        free = naming.left("ZT" if shape[axis] > 1 else "ZTC")
        if not free:
            raise InvalidInput(
                f"an array of shape {tuple(shape)} has more axes than can be guessed; give time, "
                "slices, channels, rows and columns at most, and name each with a letter out of "
                "TCZYXS."
            )
        naming.name(axis, free[0], "nothing says what it is" if shape[axis] > 1 else None)
    return GuessedAxes("".join(naming.letters), tuple(naming.reasons))


def channel_axis(shape: Sequence[int], dtype: np.dtype, channels: int | None) -> int | None:
    """Return which axis of an array is channels, by the same rules; ``None`` if none is.

    The array may have any number of axes before rows and columns.
    """
    letters = _Naming(shape, dtype, None, channels).letters
    return next((axis for axis, letter in enumerate(letters) if letter in "CS"), None)


class _Naming:
    """The letters of an array's axes, those of rows, columns and channels first, and why."""

    def __init__(
        self, shape: Sequence[int], dtype: np.dtype, told: str | None, channels: int | None
    ) -> None:
        self._shape, self._dtype, self._wanted = shape, dtype, channels
        self.letters = list(told or UNTOLD * len(shape))
        self.reasons: list[str] = []
        if "Y" not in self.letters:
            self._name_plane()
        if not self.has_channels and channels != 1:
            self._name_channels()

    @property
    def untold(self) -> list[int]:
        """The axes without a letter."""
        return [axis for axis, letter in enumerate(self.letters) if letter == UNTOLD]

    @property
    def has_channels(self) -> bool:
        """Whether an axis is channels."""
        return bool({"C", "S"} & set(self.letters))

    def left(self, names: str) -> list[str]:
        """Return those of some letters that no axis has."""
        return [name for name in names if name not in self.letters]

    def name(self, axis: int, letter: str, why: str | None) -> None:
        """Give an axis a letter, and say why unless it needs no word."""
        self.letters[axis] = letter
        if why is not None:
            self.reasons.append(
                f"axis {axis} of {tuple(self._shape)}, {self._shape[axis]} long, is taken as "
                f"{_WORDS[letter]} ({letter}), because {why}; name the axes if that is wrong."
            )

    def _name_plane(self) -> None:
        """Name rows and columns, and the axis after them if there is one."""
        shape, wanted, untold, last = self._shape, self._wanted, self.untold, len(self._shape) - 1
        if not self.has_channels and untold[2:] and untold[-1] == last:
            narrow = _is_narrow([shape[axis] for axis in untold], wanted)
            colours = narrow and shape[last] in (3, 4) and self._dtype == np.uint8
            is_wanted = wanted is not None and wanted > 1 and shape[last] == wanted
            if is_wanted and not (colours and wanted == 3):
                self.name(last, "C", f"the model wants {wanted} channels")
            elif colours:
                self.name(last, "S", "it has so many values of 8 bits")
            elif narrow:
                self.name(last, "C", "so few are seldom columns")
        if len(self.untold) < 2:
            raise InvalidInput(f"an array of shape {tuple(shape)} has no rows and columns.")
        rows, columns = self.untold[-2:]
        self.letters[rows], self.letters[columns] = "Y", "X"

    def _name_channels(self) -> None:
        """Name the axis of channels, if there seems to be one."""
        untold = self.untold[::-1]
        for axis in untold:
            if self._shape[axis] == self._wanted:
                self.name(axis, "C", f"the model wants {self._wanted} channels")
                return
        few = [axis for axis in untold if 2 <= self._shape[axis] <= _FEW]
        if few:
            self.name(few[0], "C", "so few are seldom slices or frames")


def _is_narrow(lengths: Sequence[int], channels: int | None) -> bool:
    """Return whether the last of some axes is too short for columns, and none else is wanted."""
    *others, rows, columns, last = lengths
    elsewhere = channels is not None and channels > 1 and channels in (*others, rows)
    return last <= _FEW and min(rows, columns) > last and not elsewhere
