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
    letters = list(told or UNTOLD * len(shape))
    reasons: list[str] = []
    _name_plane_and_channels(letters, shape, dtype, channels, reasons)
    untold = [axis for axis, letter in enumerate(letters) if letter == UNTOLD][::-1]
    long = [axis for axis in untold if shape[axis] > 1]
    if len(long) > len(_left(letters, "ZT")) and not {"C", "S"} & set(letters):
        shortest = min(long, key=lambda axis: shape[axis])
        letters[shortest] = "C"
        reasons.append(_said(shortest, shape, "C", "the others are slices and time"))
    for axis in [*long, *(axis for axis in untold if axis not in long)]:
        if letters[axis] != UNTOLD:
            continue
        free = _left(letters, "ZT" if shape[axis] > 1 else "ZTC")
        if not free:
            raise InvalidInput(
                f"an array of shape {tuple(shape)} has more axes than can be guessed; give time, "
                "slices, channels, rows and columns at most, and name each with a letter out of "
                "TCZYXS."
            )
        letters[axis] = free[0]
        if shape[axis] > 1:
            reasons.append(_said(axis, shape, free[0], "nothing says what it is"))
    return GuessedAxes("".join(letters), tuple(reasons))


def channel_axis(shape: Sequence[int], dtype: np.dtype, channels: int | None) -> int | None:
    """Return which axis of an array is channels, by the same rules; ``None`` if none is.

    The array may have any number of axes before rows and columns.
    """
    letters = [UNTOLD] * len(shape)
    _name_plane_and_channels(letters, shape, dtype, channels, [])
    return next((axis for axis, letter in enumerate(letters) if letter in "CS"), None)


def _left(letters: Sequence[str], names: str) -> list[str]:
    return [name for name in names if name not in letters]


def _name_plane_and_channels(
    letters: list[str],
    shape: Sequence[int],
    dtype: np.dtype,
    channels: int | None,
    reasons: list[str],
) -> None:
    if "Y" not in letters:
        _name_plane(letters, shape, dtype, channels, reasons)
    if "C" not in letters and "S" not in letters:
        open_axes = [axis for axis, letter in enumerate(letters) if letter == UNTOLD][::-1]
        _name_channels(letters, open_axes, shape, channels, reasons)


def _name_plane(
    letters: list[str],
    shape: Sequence[int],
    dtype: np.dtype,
    channels: int | None,
    reasons: list[str],
) -> None:
    """Name rows and columns, and the axis after them if there is one."""
    last = len(shape) - 1
    untold = [axis for axis, letter in enumerate(letters) if letter == UNTOLD]
    if "S" not in letters and "C" not in letters and untold[2:] and untold[-1] == last:
        narrow = _is_narrow([shape[axis] for axis in untold], channels)
        colours = narrow and shape[last] in (3, 4) and dtype == np.uint8
        wanted = channels is not None and channels > 1 and shape[last] == channels
        if wanted and not (colours and channels == 3):
            letters[last] = "C"
            reasons.append(_said(last, shape, "C", f"the model wants {channels} channels"))
        elif colours:
            letters[last] = "S"
            reasons.append(_said(last, shape, "S", "it has so many values of 8 bits"))
        elif narrow:
            letters[last] = "C"
            reasons.append(_said(last, shape, "C", "so few are seldom columns"))
    untold = [axis for axis, letter in enumerate(letters) if letter == UNTOLD]
    if len(untold) < 2:
        raise InvalidInput(f"an array of shape {tuple(shape)} has no rows and columns.")
    letters[untold[-2]], letters[untold[-1]] = "Y", "X"


def _is_narrow(lengths: Sequence[int], channels: int | None) -> bool:
    """Return whether the last of some axes is too short for columns, and none else is wanted."""
    *others, rows, columns, last = lengths
    elsewhere = channels is not None and channels > 1 and channels in (*others, rows)
    return last <= _FEW and min(rows, columns) > last and not elsewhere


def _name_channels(
    letters: list[str],
    open_axes: Sequence[int],
    shape: Sequence[int],
    channels: int | None,
    reasons: list[str],
) -> None:
    """Name the axis of channels, if there seems to be one."""
    if channels == 1:
        return
    for axis in open_axes:
        if shape[axis] == channels:
            letters[axis] = "C"
            reasons.append(_said(axis, shape, "C", f"the model wants {channels} channels"))
            return
    for axis in open_axes:
        if 2 <= shape[axis] <= _FEW:
            letters[axis] = "C"
            reasons.append(_said(axis, shape, "C", "so few are seldom slices or frames"))
            return


def _said(axis: int, shape: Sequence[int], letter: str, why: str) -> str:
    return (
        f"axis {axis} of {tuple(shape)}, {shape[axis]} long, is taken as {_WORDS[letter]} "
        f"({letter}), because {why}; name the axes if that is wrong."
    )
