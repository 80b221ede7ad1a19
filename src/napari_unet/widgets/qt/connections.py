"""Connections to models that outlive the Qt objects that listen to them."""

from collections.abc import Callable
from typing import Any
from weakref import WeakMethod

from qtpy.QtCore import QCoreApplication, QObject


class Connections:
    """Slots of a Qt object on psygnal signals and napari events.

    Both call a bound method for as long as its Python object lives, which is longer than its Qt
    side: these are disconnected when that is destroyed.
    """

    def __init__(self, owner: QObject) -> None:
        self._pairs: list[tuple[Any, WeakMethod[Callable[..., Any]]]] = []
        when_destroyed(owner, self._disconnect)

    def add(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Connect a bound method of the owner."""
        signal.connect(slot)
        self._pairs.append((signal, WeakMethod(slot)))

    def remove(self, signal: Any, slot: Callable[..., Any]) -> None:
        """Disconnect it again."""
        signal.disconnect(slot)
        self._pairs.remove((signal, WeakMethod(slot)))

    def _disconnect(self) -> None:
        for signal, weak_slot in self._pairs:
            slot = weak_slot()
            if slot is not None:
                signal.disconnect(slot)
        self._pairs.clear()


def when_destroyed(owner: QObject, call: Callable[[], None]) -> None:
    """Call back once, when a Qt object has been destroyed.

    What is called must not refer to the owner, which would then live for ever.
    """
    farewell = _Farewell(call)
    _farewells.add(farewell)
    owner.destroyed.connect(farewell.say)


def ended_with(owner: QObject, end: Callable[[], None]) -> None:
    """Call back once, when a Qt object has been destroyed or the application quits.

    As for :func:`when_destroyed`; the second call has to do nothing.
    """
    application = QCoreApplication.instance()
    application.aboutToQuit.connect(end)

    def leave() -> None:
        application.aboutToQuit.disconnect(end)
        end()

    when_destroyed(owner, leave)


class _Farewell:
    """A last call.

    It is kept from outside the owner, because the garbage collector may clear what only the
    owner's Python side refers to before its Qt side is destroyed, and Qt would then call into
    nothing.
    """

    def __init__(self, call: Callable[[], None]) -> None:
        self._call = call

    def say(self, *_: object) -> None:
        if self in _farewells:
            _farewells.remove(self)
            self._call()


_farewells: set[_Farewell] = set()
