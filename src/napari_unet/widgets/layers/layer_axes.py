"""Names of a layer's axes: chosen by somebody, said by the layer, or guessed."""

from dataclasses import replace
from typing import Any

from napari.layers import Image

from napari_unet.core.images.axes import UNTOLD, GuessedAxes, checked_axes, guess_axes
from napari_unet.errors import InvalidInput
from napari_unet.widgets.layers.roles import detail, remember

_NAMED = "TCZYX"


def named_axes(layer: Image) -> tuple[str, tuple[str, ...]]:
    """Return a layer's axes, and what of them was guessed and why."""
    chosen, finest = detail(layer, "axes"), levels_of(layer)[0]
    if isinstance(chosen, str) and fits(chosen, layer):
        return chosen, ()
    told, said = _told(layer)
    guessed = _guessed(layer, told)
    if guessed.axes[-1] == "C":
        raise InvalidInput(
            f"its last axis, {finest.shape[-1]} long, looks like channels, and napari shows the "
            "last two axes as rows and columns; choose it in Annotate and train, which turns it."
        )
    return guessed.axes, (*said, *guessed.reasons)


def fits(axes: str, layer: Image) -> bool:
    """Return whether letters can be a layer's axes; rows and columns have to be the last two."""
    ending = "YXS" if layer.rgb else "YX"
    try:
        return checked_axes(axes, levels_of(layer)[0].shape) == axes and axes.endswith(ending)
    except InvalidInput:
        return False


def named_channels_last(layer: Image) -> str | None:
    """Return a layer's axes if channels come after its columns; ``None`` if they do not.

    That is what its own names say or, where they say nothing, what is guessed.
    """
    chosen = detail(layer, "axes")
    if layer.rgb or layer.ndim < 3 or (isinstance(chosen, str) and fits(chosen, layer)):
        return None
    names = [str(name).strip().upper() for name in layer.axis_labels]
    told = _told(layer)[0]
    if names[-3:] == ["Y", "X", "C"]:
        told = "".join(name if name in ("T", "Z") else UNTOLD for name in names[:-3]) + "YXC"
    try:
        axes = _guessed(layer, told).axes
    except InvalidInput:
        return None
    return axes if axes.endswith("YXC") else None


def guess_for(layer: Image, channels: int | None) -> None:
    """Guess a layer's axes for a model of so many channels from now on, as the shell does."""
    if detail(layer, "wanted") != channels:
        remember(layer, wanted=channels)


def _guessed(layer: Image, told: str) -> GuessedAxes:
    """Return the guess of shell and Python, for the model that the layer was looked at with."""
    wanted, finest = detail(layer, "wanted"), levels_of(layer)[0]
    channels = wanted if isinstance(wanted, int) else None
    found = guess_axes(tuple(finest.shape), finest.dtype, told=told, channels=channels)
    if layer.rgb:
        return found
    return replace(found, axes=found.axes.replace("S", "C"))  # napari shows no colours


def _told(layer: Image) -> tuple[str, tuple[str, ...]]:
    """Return what the layer's own names say of its axes, and what is said if they cannot be."""
    names = [str(name).strip().upper() for name in layer.axis_labels]
    letters = [name if len(name) == 1 and name in _NAMED else UNTOLD for name in names]
    ending = "S" if layer.rgb else ""
    if "".join(letters[-2:]) in ("Y" + UNTOLD, UNTOLD + "X", "YX"):
        letters[-2:] = "YX"
    known = [letter for letter in letters if letter != UNTOLD]
    doubled = len(set(known)) < len(known)
    misplaced = {"Y", "X"} & set(letters[:-2]) or letters[-2:] not in (["Y", "X"], [UNTOLD] * 2)
    if doubled or misplaced:
        said = (
            f"its axes are named {', '.join(names)}, which cannot be used here: rows (Y) and "
            "columns (X) have to be the last two, and each name is used once."
        )
        return UNTOLD * len(letters) + ending, (said,)
    return "".join(letters) + ending, ()


def levels_of(layer: Image) -> tuple[Any, ...]:
    """Return a layer's arrays, the finest first; of one size but for rows and columns."""
    if not layer.multiscale:
        return (layer.data,)
    shapes = [list(level.shape) for level in layer.data]
    for shape in shapes:
        shape[layer.ndim - 2 : layer.ndim] = []
    return tuple(
        level for level, shape in zip(layer.data, shapes, strict=True) if shape == shapes[0]
    )
