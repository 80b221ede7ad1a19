"""Packages that are extras."""

from importlib import import_module
from typing import Any

from napari_unet.errors import InvalidInput, SchedulerUnavailable, UnreadableFile, UserError

# What is raised without a package, and its oldest version that will do.
_OTHERWISE: dict[str, tuple[type[UserError], int]] = {
    "zarr": (UnreadableFile, 3),
    "distributed": (SchedulerUnavailable, 0),
}


def needed(module: str, extra: str, what_for: str) -> Any:
    """Import a module of an extra.

    ``what_for`` is the beginning of a sentence. What is missing or too old is a ``UserError``: for
    zarr ``UnreadableFile``, for distributed ``SchedulerUnavailable``, else ``InvalidInput``.
    """
    package = module.partition(".")[0]
    error, oldest = _OTHERWISE.get(package, (InvalidInput, 0))
    try:
        found = import_module(module)
    except ImportError:
        found = None
    if found is None or (oldest and int(found.__version__.split(".")[0]) < oldest):
        raise error(
            f'{what_for} needs {package}; install it: pip install "napari-unet-live[{extra}]".'
        )
    return found
