"""What was painted, kept beside the layers, to be compared with them."""

from __future__ import annotations

import numpy as np
from napari.layers import Labels


class StrokesLost(AssertionError):
    """A stroke is not in its layer any more."""


class Ledger:
    """A copy of each layer that was painted on; whoever paints tells it of each change."""

    def __init__(self) -> None:
        self._kept: dict[Labels, np.ndarray] = {}
        self.strokes = 0

    @property
    def layers(self) -> tuple[Labels, ...]:
        """The layers that are watched."""
        return tuple(self._kept)

    def watch(self, layer: Labels) -> None:
        """Begin to watch a layer as it is."""
        self._kept[layer] = np.array(layer.data)

    def forget(self, layer: Labels) -> None:
        """Stop watching a layer that its user removed."""
        self._kept.pop(layer, None)

    def painted(self, layer: Labels, class_id: int) -> None:
        """Take in a stroke.

        Raises
        ------
        StrokesLost
            Something else has changed than pixels that are of that class now.
        """
        now = np.asarray(layer.data)
        changed = now != self._kept[layer]
        if not (now[changed] == class_id).all():
            raise StrokesLost(f"a stroke of {class_id} changed other pixels of {layer.name}")
        self._kept[layer] = now.copy()
        self.strokes += 1

    def changed(self, layer: Labels) -> None:
        """Take in what its user did otherwise, as an undo."""
        self._kept[layer] = np.array(layer.data)

    def take_all(self, there: object) -> None:
        """Take in how all are now, after their user did what may have changed any."""
        for layer in tuple(self._kept):
            if layer in there:  # type: ignore[operator]
                self.changed(layer)

    def forget_gone(self, there: object) -> bool:
        """Stop watching layers that are gone, as a project was opened; whether there were any."""
        gone = [layer for layer in self._kept if layer not in there]  # type: ignore[operator]
        for layer in gone:
            self.forget(layer)
        return bool(gone)

    def check(self, there: object) -> None:
        """Compare all with what was painted.

        Parameters
        ----------
        there
            The viewer's layers.

        Raises
        ------
        StrokesLost
            A layer is gone that nobody removed, or has other pixels.
        """
        for layer, kept in self._kept.items():
            if layer not in there:  # type: ignore[operator]
                raise StrokesLost(f"{layer.name} is gone")
            if not np.array_equal(np.asarray(layer.data), kept):
                count = int((np.asarray(layer.data) != kept).sum())
                raise StrokesLost(f"{count} pixels of {layer.name} have changed by themselves")
