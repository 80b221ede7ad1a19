"""Packages that only exchange with other programs needs, and that are extras therefore."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from napari_unet.errors import InvalidInput


def needed(module: str, extra: str, what_for: str) -> Any:
    """Import a module of an extra.

    Parameters
    ----------
    module
        Its name.
    extra
        The extra of this package that brings it.
    what_for
        Why it is needed, the beginning of a sentence.

    Raises
    ------
    InvalidInput
        It is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise InvalidInput(
            f'{what_for} needs {package}; install it: pip install "napari-unet[{extra}]".'
        ) from None
