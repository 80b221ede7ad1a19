"""The package zarr, which is an extra."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from napari_unet.errors import InvalidInput, SchedulerUnavailable, UnreadableFile


def needed_zarr(what_for: str) -> ModuleType:
    """Import zarr.

    Parameters
    ----------
    what_for
        Why it is needed, the beginning of a sentence.

    Raises
    ------
    UnreadableFile
        It is not installed, or is older than version 3.
    """
    try:
        import zarr
    except ImportError:
        version = 0
    else:
        version = int(zarr.__version__.split(".")[0])
    if version < 3:
        raise UnreadableFile(f'{what_for}, install zarr: pip install "napari-unet-live[zarr]".')
    return zarr


def needed_distributed() -> ModuleType:
    """Import ``distributed``, which is an extra.

    Raises
    ------
    SchedulerUnavailable
        It is not installed.
    """
    try:
        import distributed
    except ImportError:
        raise SchedulerUnavailable(
            'to use a Dask cluster, install what it needs: pip install "napari-unet-live[cluster]".'
        ) from None
    return distributed


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
            f'{what_for} needs {package}; install it: pip install "napari-unet-live[{extra}]".'
        ) from None
