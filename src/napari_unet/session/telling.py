"""Telling listeners, none of which may keep the others or the session from going on."""

from collections.abc import Callable
from contextlib import ExitStack


def each_of(*calls: Callable[[], object]) -> None:
    """Make every call, in order, also after one that raised; the error is raised at the end."""
    with ExitStack() as stack:  # it calls the last first
        for call in reversed(calls):
            stack.callback(call)
