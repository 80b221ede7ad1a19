"""The package zarr, which is an extra."""

from __future__ import annotations

from types import ModuleType

from napari_unet.errors import UnreadableFile


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
        raise UnreadableFile(f'{what_for}, install zarr: pip install "napari-unet[zarr]".')
    return zarr
