"""What the plugin writes into a layer's metadata, so that it knows its own layers again.

And what the user chose for an image layer, so that the choice stays with it.
"""

from enum import Enum

from napari.layers import Layer
from psygnal import Signal

KEY = "napari_unet"


class Role(Enum):
    """What a layer is to the plugin."""

    STROKES = "strokes"
    SEGMENTATION = "segmentation"
    PROBABILITY = "probability"
    INSTANCES = "instances"
    UNCERTAINTY = "uncertainty"
    CELLS = "cells"
    OUTLINES = "outlines"


class Details:
    """Tells of changes to what the plugin writes into layers: ``changed(layer)``.

    napari's own event would do more: linked layers would get the metadata of this one, and lose
    their roles and classes.
    """

    changed = Signal(Layer)


details = Details()


def entry(role: Role, **more: object) -> dict[str, dict[str, object]]:
    """Return the metadata of a layer with that role."""
    return {KEY: {"role": role.value, **more}}


def role_of(layer: Layer) -> Role | None:
    """Return what a layer is to the plugin; ``None`` for a layer that is not its own."""
    try:
        return Role(detail(layer, "role"))
    except ValueError:
        return None


def detail(layer: Layer, name: str) -> object:
    """Return one detail of a layer's metadata; ``None`` where there is none."""
    own = layer.metadata.get(KEY)
    return own.get(name) if isinstance(own, dict) else None


def remember(layer: Layer, **more: object) -> None:
    """Keep details in a layer's metadata, ``None`` to forget one.

    Listeners to :attr:`Details.changed` are told of a change.
    """
    own = layer.metadata.get(KEY)
    before = own if isinstance(own, dict) else {}
    now = {name: value for name, value in (before | more).items() if value is not None}
    if now != before:
        layer.metadata[KEY] = now  # another dictionary: a duplicated layer has the one before, too
        details.changed.emit(layer)


def is_put_away(layer: Layer) -> bool:
    """Return whether a layer is closed with its image, one of a folder, rather than removed."""
    return detail(layer, "put_away") is True
