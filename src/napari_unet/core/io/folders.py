"""Images and labels from files, and folders to write to."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from napari_unet.core.images.source_piece import reason_of
from napari_unet.core.io.open_image import open_image
from napari_unet.errors import UnreadableFile, UnwritableOutput


def read_image(path: str | os.PathLike[str], level: int = 0) -> np.ndarray:
    """Read an image or a label array.

    Parameters
    ----------
    path
        Any kind that :func:`napari_unet.core.io.open_image.open_image` opens.
    level
        Of a pyramid, 0 for the finest.

    Returns
    -------
    ndarray
        As stored, (..., Y, X), with RGB's three channels last.

    Raises
    ------
    UnreadableFile
        The file is not there or is no image.
    InvalidInput
        It is empty or not numeric, or has no such level.
    """
    path = Path(path)
    with open_image(path) as source:
        source.check_level(level)
        try:
            return np.array(source.levels[level][...])
        except MemoryError:
            raise UnreadableFile(
                f"{path} does not fit into memory; close other programs, or cut the image."
            ) from None
        except Exception as error:  # each reader has its own errors for a damaged file
            raise UnreadableFile(
                f"{path} cannot be read as an image ({reason_of(error)}); save it as TIFF or PNG."
            ) from None


def read_labels(path: str | os.PathLike[str]) -> np.ndarray:
    """Read a label array, in which one number is one class or object.

    Raises
    ------
    UnreadableFile
        The file is not there, is no image, or is a colour picture.
    """
    labels = read_image(path)
    if labels.ndim >= 3 and labels.shape[-1] in (3, 4) and labels.dtype == np.uint8:
        if (labels[..., :3] == labels[..., :1]).all():
            return labels[..., 0]
        raise UnreadableFile(
            f"{path} is a colour picture; save labels as a single-channel image of class ids."
        )
    return labels


def make_folder(path: Path) -> Path:
    """Create a folder for results, and make sure that it can be written to.

    Raises
    ------
    UnwritableOutput
        It cannot.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UnwritableOutput(
            f"the folder {path} cannot be made ({error.strerror}); choose another."
        ) from None
    _try_writing(path, what=f"the folder {path}")
    return path


def check_writable(path: Path) -> None:
    """Make sure, before long work, that a file can be written.

    Raises
    ------
    UnwritableOutput
        It cannot.
    """
    if path.is_dir():
        raise UnwritableOutput(f"{path} is a folder; give the name of a file in it.")
    _try_writing(path.parent, what=str(path))


def _try_writing(folder: Path, *, what: str) -> None:
    probe = folder / f".napari-unet.{os.getpid()}.probe"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UnwritableOutput(
            f"{what} cannot be written ({error.strerror}); choose another folder."
        ) from None
