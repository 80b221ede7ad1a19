"""Connections to models that outlive the Qt objects that listen to them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QObject


class Connections:
    """Slots of a Qt object on psygnal signals and napari events.

    Both call a bound method for as long as its Python object lives, which is longer than its Qt
    side: these are disconnected when that is destroyed.

    Parameters
    ----------
    owner
        The object whose methods are connected.
    """

    def __init__(self, owner: QObject) -> None:
        self._pairs: list[tuple[Any, WeakMethod[Callable[..., Any]]]] = []
        owner.destroyed.connect(partial(_disconnect, self._pairs))

    def add(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a bound method of the owner."""
        signal.connect(slot)
        self._pairs.append((signal, WeakMethod(slot)))

    def remove(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Disconnect it again."""
        signal.disconnect(slot)
        self._pairs.remove((signal, WeakMethod(slot)))


def _disconnect(pairs: list[tuple[Any, WeakMethod[Callable[..., Any]]]], *_: object) -> None:
    for signal, weak_slot in pairs:
        slot = weak_slot()
        if slot is not None:
            signal.disconnect(slot)
    pairs.clear()
